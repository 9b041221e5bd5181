"""The emulated manufacturer of phones: authorities of two generations, with their keys.

    FOLDER/sha1.pem        certificates: the authority that issues MICs, then its root
    FOLDER/sha1-key.pem    the key of the former, 0600
    FOLDER/sha2.pem  FOLDER/sha2-key.pem

Every cluster trusts it as real ones trust the real manufacturer: its authorities are in
CallManager-trust and CAPF-trust from the first day (REFERENCE-5 1.4). Each data folder
has one of its own, unless the configuration names another one's folder: two clusters
between which phones move share it. The keys of the roots are thrown away.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, PrivateKey, Profile, mint
from tokenless.protocol.phones.certificates import AUTHORITY, MicGeneration
from tokenless.services.files import replace_file
from tokenless.services.pki.keys import generate_rsa, new_serial, write_key
from tokenless.services.pki.manufacturing import locked, to_pem
from tokenless.services.pki.uploads import read_certificates

_ISSUING: Final = Profile(
    AUTHORITY.key_usage,
    (),
    usage_is_critical=True,
    is_authority=True,
    path_length=0,
    names_issuer_key=True,
)


def manufacturer_certificates(folder: Path, key_size: int) -> list[Certificate]:
    """Return the certificates of all authorities; make the authorities when needed.

    Args:
        folder: Where they are kept.
        key_size: Of new ones, bits.

    Raises:
        ServiceError: When a file is damaged.
        OSError: When it cannot be read or written.
    """
    with locked(folder):
        for generation in MicGeneration:
            if not _path(folder, generation).exists():
                _found(folder, generation, key_size)
    return [
        certificate
        for generation in MicGeneration
        for certificate in read_certificates(_path(folder, generation).read_bytes())
    ]


def _path(folder: Path, generation: MicGeneration) -> Path:
    return folder / f"{generation.value}.pem"


def _found(folder: Path, generation: MicGeneration, key_size: int) -> None:
    key = generate_rsa(key_size)
    write_key(folder / f"{generation.value}-key.pem", key)
    chain = map(to_pem, _chain(generation, key, key_size))
    replace_file(_path(folder, generation), b"".join(chain))


def _chain(
    generation: MicGeneration, key: PrivateKey, key_size: int
) -> Iterator[Certificate]:
    """Make the certificates of the issuing authority and of its root."""
    root_key = generate_rsa(key_size)
    root = Issuer(generation.root_name, root_key)
    for name, public_key, profile in (
        (generation.authority_name, key.public_key(), _ISSUING),
        (generation.root_name, root_key.public_key(), AUTHORITY),
    ):
        yield mint(
            name,
            public_key,
            root,
            profile,
            generation.validity,
            serial=new_serial(),
            digest=generation.digest,
        )
