"""Files of a node's TFTP service: a snapshot, taken when the service starts.

Trust lists are those that lie in the node's folder at that moment; configurations are
the database's. Both stay until the next start (REFERENCE 10.4), but for what is said of
single devices, which counts at once. Static files come from
the folder as they are. Whatever has a name ending in `.sgn` is signed by the node's
CallManager key when it is first asked for, and kept (REFERENCE 2.1, 2.3): signing takes
a thousand times as long as finding a file, so the caller does it (`UnpreparedFile`).
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from cachetools import LRUCache
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import Signer
from tokenless.protocol.codes import Digest
from tokenless.protocol.files.encrypted_file import (
    ENCRYPTED_SUFFIX,
    IV_BYTES,
    KEY_BYTES,
    ContentKey,
    encrypt_file,
)
from tokenless.protocol.files.signed_file import sign_file
from tokenless.protocol.phones.models import DEVICE_NAME, MAX_DOWNLOAD_BYTES
from tokenless.protocol.tftp.packets import TftpError, TftpErrorCode
from tokenless.protocol.trust.signing import FILE_SIGNER
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.config import CAPF_PORT, TftpSection
from tokenless.services.publishing.phone_configs import DeviceFiles, PhoneConfigs
from tokenless.services.publishing.snapshot import ClusterSnapshot
from tokenless.services.store.devices import Device
from tokenless.services.tftp.files.disk_files import Version
from tokenless.services.tftp.files.source import (
    ChainedSource,
    Content,
    PlainSource,
    ReadyContent,
    UnpreparedFile,
    whole,
)
from tokenless.services.tftp.files.static_files import StaticFiles, StaticLimits

_TRUST_LIST: Final = re.compile(r"(CTL|ITL)(File|[A-Z]{3}[0-9A-Za-z._-]+)\.tlv")
_CONFIG: Final = re.compile(r"([A-Z]{3}[0-9A-Za-z._-]+)\.cnf\.xml")
_DEVICE: Final = re.compile(DEVICE_NAME)
_CACHE_LIST: Final = "ConfigFileCacheList.txt"
_CONFIG_SUFFIX: Final = ".cnf.xml"
_ENCRYPTED_PART: Final = f"{_CONFIG_SUFFIX}{ENCRYPTED_SUFFIX}"
_DEFAULT: Final = "XMLDefault.cnf.xml"
_SIGNED: Final = ".sgn"
_SECRET: Final = frozenset({".pem", ".key", ".p12", ".pfx"})

MAX_SIGNED_FILES: Final = 16_384
MAX_SIGNED_BYTES: Final = 40 << 20
"""Kept at once. Names can be made up without end, also for one large file (`./a`,
`././a`), memory cannot; ten thousand configurations fit."""
MAX_SIGNED_LENGTH: Final = MAX_DOWNLOAD_BYTES


class NodeFiles:
    """The files of one node at one moment, as a `FileSource`."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        """Take the snapshot.

        Raises:
            ServiceError: When the node cannot sign.
            OSError: When its folder cannot be read.
        """
        first_published = cluster.store.first_published
        with cluster.store.read() as connection:
            snapshot = ClusterSnapshot.read(connection)
            unit, certificate = snapshot.signer(FILE_SIGNER, snapshot.node(node.id))
            self._configs = PhoneConfigs.read(
                connection,
                cluster.config.tvs.port,
                _capf_port(cluster),
                _callmanager_ports(cluster),
                first_published,
            )
        # Equal contents under one signer stay equal bytes, whenever they are made.
        signing_time = first_published(f"signer {certificate.sha1}")
        signer = node.keys.signer(unit, certificate)
        self._signatures = _Signatures(signer, snapshot.digest, signing_time)
        self._lists = {"CTL": _load(node.ctl_file), "ITL": _load(node.itl_file)}
        self._static = _static_files(node, cluster.config.tftp)

    @property
    def ctl(self) -> bytes | None:
        """The CTL that is served."""
        return self._lists["CTL"]

    @property
    def itl(self) -> bytes | None:
        """The ITL that is served."""
        return self._lists["ITL"]

    def serve_itl(self, itl: bytes) -> None:
        """Serve another ITL from now on: one of `utils itl reset` (REFERENCE 6.2)."""
        self._lists["ITL"] = itl

    def find(self, name: str) -> Content:
        """Return a file.

        Raises:
            TftpError: When there is none of this name, or it must not be served.
        """
        if (match := _TRUST_LIST.fullmatch(name)) is not None:
            kind, owner = match.groups()
            is_there = owner == "File" or _is_device(owner)
            return _found(self._lists[kind] if is_there else None)
        if name == _CACHE_LIST:
            return self._names()
        if name.endswith(ENCRYPTED_SUFFIX):
            return self._find_encrypted(name)
        if name.endswith(_SIGNED):
            plain = self._find_plain(name.removesuffix(_SIGNED))
            return self._signatures.find(name, plain)
        return self._find_plain(name)

    def _names(self) -> bytes:
        """Return ConfigFileCacheList.txt: the name of a file in each line.

        Independent tools read the first column (REFERENCE-3 1.3); of others nothing is
        known.
        """
        lists = (f"{kind}File.tlv" for kind, data in self._lists.items() if data)
        devices = (f"{device}{_CONFIG_SUFFIX}" for device in self._configs.devices)
        return "".join(f"{name}\n" for name in (*lists, _DEFAULT, *devices)).encode()

    def take_devices(self, devices: Sequence[Device]) -> bool:
        """Give devices their new files, without a restart; tell whether any differs.

        Unlike lists, what an administrator says of a device counts at once
        (REFERENCE-3 2.4, 3.6: a phone fetches its configuration right after CAPF).
        """
        return self._configs.take_devices(devices)

    def read(self, name: str) -> bytes:
        """Return all bytes of a file, however long that takes.

        Raises:
            TftpError: As `find` does.
            OSError: When a static file cannot be read.
        """
        return whole(self.find(name))

    def _find_plain(self, name: str) -> ReadyContent:
        match = _CONFIG.fullmatch(name)
        if match is not None and _is_device(match.group(1)):
            files = _given(self._configs.find(match.group(1).upper()))
            # An encrypted one has no clear copy: the small file says where to go.
            return files.full if files.companion is None else files.companion
        if name == _DEFAULT:
            return self._configs.default
        path = PurePosixPath(name)
        hidden = any(part.startswith(".") for part in path.parts)
        if hidden or path.suffix.lower() in _SECRET | {".tlv"}:
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        return self._static.find(name)

    def _find_encrypted(self, name: str) -> bytes | UnpreparedFile:
        """Return a device's encrypted configuration (REFERENCE-3 2.4)."""
        match = _CONFIG.fullmatch(name.removesuffix(_ENCRYPTED_PART) + _CONFIG_SUFFIX)
        if match is None or not _is_device(match.group(1)):
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        files = _given(self._configs.find(match.group(1).upper()))
        if files.companion is None or files.recipient is None:
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        return self._signatures.find_encrypted(name, files.full, files.recipient)


_PlainVersion = bytes | Version
"""Knows a content again: the bytes themselves, or the version of a file."""


class _Signatures:
    """Signs contents on demand and keeps the results, the least used go first."""

    def __init__(self, signer: Signer, digest: Digest, timestamp: int) -> None:
        self._signer = signer
        self._digest = digest
        self._timestamp = timestamp
        self._kept: LRUCache[str, tuple[_PlainVersion, bytes]] = LRUCache(
            MAX_SIGNED_BYTES, getsizeof=lambda kept: len(kept[1])
        )

    def find(self, name: str, plain: ReadyContent) -> bytes | UnpreparedFile:
        """Return the signed file of a content; the same object for the same content.

        Raises:
            TftpError: When no phone would take so large a file.
        """
        version: _PlainVersion = plain if isinstance(plain, bytes) else plain.version
        kept = self._kept.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]
        size = len(plain) if isinstance(plain, bytes) else plain.size
        if size > MAX_SIGNED_LENGTH:
            raise TftpError(TftpErrorCode.DISK_FULL, "The file is too large to be sent")
        return UnpreparedFile(
            partial(self._sign, name, plain), partial(self._keep, name, version)
        )

    def find_encrypted(
        self, name: str, content: bytes, recipient: Certificate
    ) -> bytes | UnpreparedFile:
        """Return a content that is encrypted for a phone.

        Key and IV are fresh for every version of it, and forgotten once it is made.

        Raises:
            TftpError: When the phone's key is not an RSA key.
        """
        version = hashlib.sha256(recipient.der + content).digest()
        kept = self._kept.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]
        if not isinstance(recipient.public_key, RSAPublicKey):
            raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
        return UnpreparedFile(
            partial(self._encrypt, name, content, recipient.public_key),
            partial(self._keep, name, version),
        )

    def _encrypt(self, name: str, content: bytes, recipient: RSAPublicKey) -> bytes:
        key = ContentKey(secrets.token_bytes(KEY_BYTES), secrets.token_bytes(IV_BYTES))
        return encrypt_file(
            name,
            content,
            self._signer,
            recipient,
            key,
            timestamp=self._timestamp,
            digest=self._digest,
        ).data

    def _sign(self, name: str, plain: ReadyContent) -> bytes:
        return sign_file(
            name,
            whole(plain),
            self._signer,
            timestamp=self._timestamp,
            digest=self._digest,
        ).data

    def _keep(self, name: str, version: _PlainVersion, signed: bytes) -> bytes:
        if len(signed) > MAX_SIGNED_BYTES:
            return signed
        self._kept[name] = version, signed
        while len(self._kept) > MAX_SIGNED_FILES:
            self._kept.popitem()
        return signed


def _callmanager_ports(cluster: Cluster) -> dict[str, int]:
    """Return the ports that are configured; a free one is known once it is served."""
    section = cluster.config.callmanager
    ports = {
        "sccp": section.sccp_port,
        "sip": section.sip_port,
        "sips": section.sips_port,
    }
    return {service: port for service, port in ports.items() if port}


def _capf_port(cluster: Cluster) -> int:
    """Return where phones find CAPF; they know no other port by themselves."""
    return cluster.config.capf_port or CAPF_PORT


def _static_files(node: Node, settings: TftpSection) -> PlainSource:
    limits = StaticLimits(
        file_bytes=settings.max_file_bytes, patterns=settings.static_patterns
    )
    roots = [node.tftp_folder]
    if settings.static_files:
        roots.append(Path(settings.static_files))
    return ChainedSource([StaticFiles(root, limits) for root in roots])


def _load(file: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return None


def _is_device(name: str) -> bool:
    return _DEVICE.fullmatch(name.upper()) is not None


def _given(files: DeviceFiles | None) -> DeviceFiles:
    if files is None:
        raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
    return files


def _found(content: bytes | None) -> bytes:
    if content is None:
        raise TftpError(TftpErrorCode.FILE_NOT_FOUND)
    return content
