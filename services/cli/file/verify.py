"""`tokenless file verify`: verify a file's signature against given signers."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from tokenless.command_line import json_option
from tokenless.inputs import INPUT_FILE
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.errors import (
    ProtocolError,
    TrustError,
    UnknownSignerError,
    UnreadableError,
)
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchors import answers_query
from tokenless.protocol.trust.lint import SignatureState, signature_state
from tokenless.protocol.tvs.messages import FIRST_SESSION_ID, Query
from tokenless.services.cli.file.input import (
    AnyFile,
    load_certificate,
    load_file,
    load_trust_list,
)
from tokenless.services.cli.file.json_output import describe_file
from tokenless.services.cli.file.trust import (
    Proof,
    verify_by_answer,
    verify_by_certificate,
    verify_by_list,
)
from tokenless.services.cli.tvs import ServerAddressType
from tokenless.services.errors import ServiceError
from tokenless.services.tvs.client import (
    NoAnswerError,
    ServerAddress,
    TvsClient,
    WrongServerError,
)

_NAME_SOMEBODY = (
    "name a source of trust: --signer CERT, --against TRUSTLIST or --tvs HOST:PORT"
)

Source = Callable[[AnyFile], Proof]


@click.command()
@click.argument("file", type=INPUT_FILE)
@click.option(
    "--signer",
    "signers",
    type=INPUT_FILE,
    multiple=True,
    help="A certificate (PEM or DER) that you trust; may be repeated.",
)
@click.option(
    "--against",
    "lists",
    type=INPUT_FILE,
    multiple=True,
    help="A trust list that you trust; its SAST records may sign lists. FILE itself "
    "does not count.",
)
@click.option(
    "--tvs",
    "servers",
    type=ServerAddressType(),
    multiple=True,
    help="A TVS server to ask about the signer.",
)
@click.option("--tvs-ca", type=INPUT_FILE, help="The certificate of that TVS, as PEM.")
@click.option(
    "--allow-self-signed",
    is_flag=True,
    help="Exit 0 also when only a record of the list itself verifies it.",
)
@json_option
def verify(
    *,
    file: Path,
    signers: tuple[Path, ...],
    lists: tuple[Path, ...],
    servers: tuple[ServerAddress, ...],
    tvs_ca: Path | None,
    allow_self_signed: bool,
    as_json: bool,
) -> None:
    """Verify a file's signature against keys that you name.

    Exit status 0 when one of the keys made the signature, 3 when a TVS server that
    could have told does not answer. A list that verifies only under a record of its own
    is self-consistent, not trusted: any attacker can make such a list, and naming it
    with --against, too, changes nothing.
    """
    decoded = load_file(file)
    others = tuple(path for path in lists if not path.samefile(file))
    proof, reasons, unanswered = _try_all(
        decoded, _sources(signers, others, servers, tvs_ca)
    )
    state = _state(decoded)
    status = _status(proof, state, is_answered=not unanswered)
    if as_json:
        click.echo(json.dumps(_describe(decoded, proof, status, reasons)))
    elif proof is not None:
        holder = printable(proof.holder)
        click.echo(f"verified: signed by {holder} ({proof.verified_by})")
        if proof.note:
            click.echo(f"note: {printable(proof.note)}", err=True)
    elif status == "self-consistent":
        click.echo(
            "self-consistent: signed by a record of its own, which proves nothing"
        )
    # Whatever key is named counts: the list's own word is no substitute for it.
    enough = allow_self_signed and status == "self-consistent" and not reasons
    if status == "unknown":
        raise UnreadableError(f"{file}: {'; '.join(reasons)}")
    if proof is None and not enough:
        raise _refusal(file, decoded, state, reasons)


def _sources(
    signers: tuple[Path, ...],
    lists: tuple[Path, ...],
    servers: tuple[ServerAddress, ...],
    tvs_ca: Path | None,
) -> Iterator[Source]:
    """Return what can prove the signature; files are read, servers asked, in turn."""
    for path in signers:
        certificate = load_certificate(path)
        yield partial(verify_by_certificate, certificate=certificate)
    for path in lists:
        trust_list = load_trust_list(path)
        yield partial(verify_by_list, trust_list=trust_list)
    for server in servers:
        yield partial(verify_by_server, server=server, ca=tvs_ca)


def _try_all(
    file: AnyFile, sources: Iterator[Source]
) -> tuple[Proof | None, list[str], bool]:
    """Return the first proof, why others prove nothing, and if one did not answer."""
    reasons: list[str] = []
    unanswered = False
    for source in sources:
        try:
            return source(file), reasons, unanswered
        except TrustError as error:
            reasons.append(error.explain())
        except (NoAnswerError, ProtocolError) as error:
            unanswered = True
            reasons.append(error.explain())
    return None, reasons, unanswered


def _state(file: AnyFile) -> SignatureState:
    if isinstance(file, TrustList):
        return signature_state(file)
    return SignatureState.UNVERIFIABLE


def _status(proof: Proof | None, state: SignatureState, *, is_answered: bool) -> str:
    if proof is not None:
        return "verified"
    # What its own record refutes was changed, whatever a server would say.
    if not is_answered and state is not SignatureState.INVALID:
        return "unknown"
    return "self-consistent" if state is SignatureState.VALID else "not-verified"


def _describe(
    file: AnyFile, proof: Proof | None, status: str, reasons: list[str]
) -> dict[str, Any]:
    return {
        **describe_file(file, at=datetime.now(UTC)),
        "status": status,
        "verified_by": None if proof is None else proof.verified_by,
        "verified_with": None if proof is None else proof.holder,
        "note": None if proof is None else proof.note,
        "reasons": reasons,
    }


def _refusal(
    path: Path, file: AnyFile, state: SignatureState, reasons: list[str]
) -> ServiceError:
    if reasons:
        return ServiceError(f"{path}: {'; '.join(reasons)}")
    if state is SignatureState.INVALID:
        return ServiceError(
            f"{path}: the signature at byte {file.header.signature_span[0]} does not "
            "hold under the list's own record: the list was changed, or signed by "
            "another key",
            hint="take the list from its node again",
        )
    if state is SignatureState.VALID:
        return ServiceError(
            f"{path}: self-consistent only: it vouches for itself", hint=_NAME_SOMEBODY
        )
    return ServiceError(
        f"{path}: no key in it belongs to its signer {printable(file.signer.subject)}",
        hint=_NAME_SOMEBODY,
    )


_DEVICE: Final = "CP-7975-SEP001122334455"
_UNAUTHENTICATED: Final = "the TVS server was not authenticated; give --tvs-ca"


def verify_by_server(file: AnyFile, server: ServerAddress, ca: Path | None) -> Proof:
    """Query a TVS server and check the file with the certificate it answers with.

    Raises:
        UnknownSignerError: When TVS does not vouch for the signer in a role that may
            sign such a file, answers about another, or another key signed it; when
            --tvs-ca does not know the server.
        NoAnswerError: When the server cannot be asked.
        ProtocolError: When it answers with something that is not an answer.
    """
    signer = file.signer
    query = Query(
        session_id=FIRST_SESSION_ID,
        device=_DEVICE,
        subject=signer.subject,
        issuer=signer.issuer,
        serial=signer.serial,
    )
    try:
        with TvsClient(server, ca=ca) as client:
            answer = client.ask(query)
    except WrongServerError as error:
        raise UnknownSignerError(str(error), hint=error.hint) from error
    if answer.is_trusted and not answers_query(signer, answer):
        raise UnknownSignerError(f"TVS at {server} answered about another certificate")
    proof = verify_by_answer(file, answer)
    return Proof(
        proof.verified_by, proof.holder, _UNAUTHENTICATED if ca is None else None
    )
