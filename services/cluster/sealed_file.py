"""A file that can only be read or changed with a password.

    magic (ends in a line feed)  salt (16)  nonce (12)  AES-256-GCM (…, tag 16)

The key comes from the password by scrypt, whose cost is the format's, not the file's: a
file cannot ask for more memory. Magic, salt and nonce are authenticated with the rest.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tokenless.services.errors import ServiceError

LEAST_PASSWORD: Final = 12
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
# 64 MB and about 0.2 s a guess (RFC 7914; its own example for files is 2**20).
_COST: Final = 1 << 16
_BLOCK: Final = 8
_PARALLEL: Final = 1


def check_password(password: str) -> None:
    """Check that a password is worth the name.

    Raises:
        ServiceError: When it is too short.
    """
    if len(password) < LEAST_PASSWORD:
        raise ServiceError(
            f"the file's password has under {LEAST_PASSWORD} characters",
            hint="the file holds private keys: take `openssl rand -base64 18`",
        )


def seal(magic: bytes, content: bytes, password: str) -> bytes:
    """Return a file with this content.

    Raises:
        ServiceError: When the password is too short.
    """
    check_password(password)
    salt = secrets.token_bytes(_SALT_BYTES)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    head = magic + salt + nonce
    return head + AESGCM(_key(password, salt)).encrypt(nonce, content, head)


def unseal(magic: bytes, file: bytes, password: str) -> bytes:
    """Return the content of a file that begins with `magic`.

    Raises:
        ServiceError: When the password is wrong, or a byte was changed.
    """
    salt_at = len(magic)
    nonce_at = salt_at + _SALT_BYTES
    start = nonce_at + _NONCE_BYTES
    wrong = ServiceError(
        "the password is wrong, or the file is damaged", hint="try again"
    )
    if not file.startswith(magic) or len(file) < start:
        raise wrong
    key = _key(password, file[salt_at:nonce_at])
    try:
        return AESGCM(key).decrypt(file[nonce_at:start], file[start:], file[:start])
    except InvalidTag:
        raise wrong from None


def _key(password: str, salt: bytes) -> bytes:
    derivation = Scrypt(salt, _KEY_BYTES, n=_COST, r=_BLOCK, p=_PARALLEL)
    return derivation.derive(password.encode())
