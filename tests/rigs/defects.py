"""Trust lists with one defect each, and lists that are well-formed and forged.

`DEFECTS` is the table: a name, the damaged bytes, what the refusal says, and the offset
that it names where that is the same on every run.
"""

from tests.rigs import minting
from tests.rigs.header_defects import header_defects
from tests.rigs.lists import TIME, tokenless
from tests.rigs.record_defects import record_defects
from tokenless.protocol.codes import Role
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list

DEFECTS = (*header_defects(), *record_defects())


def resigned_by_another() -> TrustList:
    """Return the lab's list with a signature by a key that is in nobody's record.

    Its signing record is the true one: names and serial fit, the key does not.
    """
    trust_list = tokenless()
    key = minting.impostor().key
    signature = minting.sign(
        key, trust_list.header.signed_part(trust_list.data), "sha1"
    )
    start, end = trust_list.header.signature_span
    return TrustList.decode(
        trust_list.data[: start + 3] + signature + trust_list.data[end:]
    )


def impostors_list() -> TrustList:
    """Return a self-consistent list of one with the publisher's names and serial."""
    identity = minting.impostor()
    record = record_for(
        identity.certificate,
        Role.SAST,
        dns_name=minting.PUBLISHER,
        ip_address=minting.PUBLISHER_ADDRESS,
    )
    return sign_trust_list("CTLFile.tlv", [record], identity.signer, timestamp=TIME)
