"""Ask a TVS server about a file's signer, as a phone would (REFERENCE 4.2, rule 4)."""

from pathlib import Path
from typing import Final

from tokenless.protocol.errors import UnknownSignerError
from tokenless.protocol.trust.anchors import answers_query
from tokenless.protocol.tvs.messages import FIRST_SESSION_ID, Query
from tokenless.services.cli.file_trust import AnyFile, Proof, verify_by_answer
from tokenless.services.tvs.client import ServerAddress, TvsClient

_DEVICE: Final = "CP-7975-SEP001122334455"
_UNAUTHENTICATED: Final = "the TVS server was not authenticated; give --tvs-ca"


def verify_by_server(file: AnyFile, server: ServerAddress, ca: Path | None) -> Proof:
    """Query a TVS server and check the file with the certificate it answers with.

    Raises:
        UnknownSignerError: When TVS does not vouch for the signer in a role that may
            sign such a file, answers about another, or another key signed it.
        ServiceError: When the server cannot be asked.
        ProtocolError: When it answers with something that is no answer.
    """
    signer = file.signer
    query = Query(
        session_id=FIRST_SESSION_ID,
        device=_DEVICE,
        subject=signer.subject,
        issuer=signer.issuer,
        serial=signer.serial,
    )
    with TvsClient(server, ca=ca) as client:
        answer = client.ask(query)
    if answer.is_trusted and not answers_query(signer, answer):
        raise UnknownSignerError(f"TVS at {server} answered about another certificate")
    proof = verify_by_answer(file, answer)
    return Proof(
        proof.verified_by, proof.holder, _UNAUTHENTICATED if ca is None else None
    )
