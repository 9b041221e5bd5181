"""Make the golden files: `python -m tests.vectors.make` from the top of the tree.

Keys come from seeds and PKCS#1 v1.5 has no randomness, so that every run gives the same
bytes. A change of a format shows as a change of these files, in review.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tests.rigs import minting
from tests.rigs.encrypted import encrypted_by_hand
from tests.rigs.lists import TIME, client_form, tokenless
from tests.rigs.minting import Identity
from tests.rigs.third_party import certutils_list
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.files.any_file import decode_file
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.show_output.lines import show_trust_list
from tokenless.services.cli.file.json_output import describe_file

FOLDER = Path(__file__).parent
MODIFIED = "Fri Mar 06 19:45:13 CET 2015"
DESCRIBED_AT = datetime(2016, 1, 1, tzinfo=UTC)
CONTENT = b"<device><fullConfig>true</fullConfig></device>\n"


def itl() -> bytes:
    """Return an ITL of a mixed cluster from 12.0 on: ITLRecovery signs, SHA-512, EC."""
    key = minting.rsa_key(2048, "recovery")
    name = minting.lab_name("ITLRECOVERY_cucm-1051-a-pub")
    recovery = Identity(minting.mint(name, key, serial=minting.serial_of("r")), key)
    curve = minting.ec_key("tvs")
    tvs = minting.mint(
        minting.lab_name("tvs-ec"), curve, serial=0xFF << 56, digest="sha256"
    )
    members = (
        (recovery.certificate, Role.SAST),
        (minting.server().certificate, Role.SAST),
        (minting.server().certificate, Role.CCM_TFTP),
        (tvs, Role.TVS),
        (minting.capf().certificate, Role.CAPF),
    )
    records = [
        record_for(certificate, role, dns_name="pub", ip_address="192.0.2.11")
        for certificate, role in members
    ]
    return sign_trust_list(
        "ITLFile.tlv",
        records,
        recovery.signer,
        timestamp=TIME,
        digest=Digest.SHA512,
        signer_version=(1, 1),
    ).data


def signed_file() -> bytes:
    """Return a signed configuration."""
    signer = minting.server().signer
    name = "SEP001122334455.cnf.xml.sgn"
    return sign_file(name, CONTENT, signer, timestamp=TIME).data


FILES: dict[str, Callable[[], bytes]] = {
    "tokenless.tlv": lambda: tokenless().data,
    "regenerated.tlv": lambda: tokenless(2048).data,
    "token-signed.tlv": lambda: client_form(secure=True).data,
    "non-secure.tlv": lambda: client_form(secure=False).data,
    "third-party.tlv": certutils_list,
    "itl-12.tlv": itl,
    "configuration.sgn": signed_file,
    "configuration.enc.sgn": lambda: encrypted_by_hand(digest="sha512"),
}


def make_all() -> dict[str, bytes]:
    """Return every golden file by its name: the bytes, what they say, `show ctl`."""
    made: dict[str, bytes] = {}
    for name, make in FILES.items():
        data = made[name] = make()
        decoded = decode_file(data)
        described = describe_file(decoded, at=DESCRIBED_AT)
        made[f"{name}.json"] = f"{json.dumps(described, indent=1)}\n".encode()
        if isinstance(decoded, TrustList):
            kind: Literal["CTL", "ITL"] = (
                "ITL" if decoded.filename == "ITLFile.tlv" else "CTL"
            )
            shown = show_trust_list(decoded, kind=kind, modified=MODIFIED)
            made[f"{name}.txt"] = f"{shown}\n".encode()
    return made


if __name__ == "__main__":
    for file_name, content in make_all().items():
        (FOLDER / file_name).write_bytes(content)
        sys.stdout.write(f"{file_name}: {len(content)} bytes\n")
