"""MD5 and SHA-1 as screens and `show ctl` print them: names of a file, no proof."""

import hashlib


def md5_of(data: bytes) -> str:
    """Return the MD5, lower-case hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha1_of(data: bytes) -> str:
    """Return the SHA-1, lower-case hex."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
