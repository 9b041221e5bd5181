"""Moving a node to a host of its own: the export and the import.

Private keys never enter the shared database (REFERENCE 10.7), and a node signs with
keys that the publisher makes. So they travel in a file that can only be read or changed
with a password: the node's keys and the cluster's configuration without its database
password. The same step carries new keys after a regeneration.

    "tokenless node 2"  salt (16)  nonce (12)  AES-256-GCM (…, tag 16):
        {"node":…,"folder":…,"configuration":{…},"keys":{"<unit>-<serial>.pem":"-----…"}}

The file's key comes from the password by scrypt, whose cost is the format's, not the
file's: a file cannot ask for more memory. Magic, salt and nonce are authenticated with
the rest.

ITLRecovery travels only where subscribers sign with it, from 12.0 on (REFERENCE 2.3):
before, all that it could do on their host is sign what the cluster never would.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tokenless.ground.json_input import decode_json
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.trust.signing import SigningKey, itl_signer
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.data_folder import CONFIG_FILE
from tokenless.services.cluster.initialise import save_config, saved_tables
from tokenless.services.cluster.installation import Installation
from tokenless.services.config import ClusterConfig, check_tables, host_tables
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, replace_file
from tokenless.services.pki.keys import FOLDER_MODE
from tokenless.services.store import certificates, nodes

LEAST_PASSWORD: Final = 12
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
# 64 MB and about 0.2 s a guess (RFC 7914; its own example for files is 2**20).
_COST: Final = 1 << 16
_BLOCK: Final = 8
_PARALLEL: Final = 1
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_MAGIC: Final = b"tokenless node 2\n"
_FIRST_FORMAT: Final = b'{"format":"tokenless node 1"'
_RECOVERY_KEYS: Final = f"{TrustStore.ITLRECOVERY}-*.pem"
_KEY_NAME: Final = re.compile(r"[A-Za-z]+(?:-ECDSA)?-[0-9A-F]{2,64}\.pem")
_Folder = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,127}\Z")]


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


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: str
    folder: _Folder
    configuration: dict[str, Any]
    keys: dict[str, str]


def export_node(cluster: Cluster, node: Node, password: str) -> bytes:
    """Return the file that brings a node, or its new keys, to its own host.

    From now on this host does not serve it.

    Raises:
        ServiceError: When the password is too short, the database is this host's own,
            or the node is the publisher.
        OSError: When a key cannot be read.
    """
    if not cluster.store.is_shared:
        raise ServiceError(
            "nodes on other hosts need a database that hosts share",
            hint="see docs/operations-database.md",
        )
    if node.is_publisher:
        raise ServiceError(
            f"{node.name} is the publisher and stays on this host",
            hint="export a subscriber",
        )
    file = _File(
        node.name, node.folder.name, saved_tables(cluster.config), _keys(cluster, node)
    )
    sealed = seal(_MAGIC, msgspec.json.encode(file), password)
    node.served_elsewhere_marker.touch()
    return sealed


def _keys(cluster: Cluster, node: Node) -> dict[str, str]:
    """Return the keys that a node needs on its own host."""
    kept = set(node.keys_folder.glob("*.pem"))
    kept -= set(node.keys_folder.glob(_RECOVERY_KEYS))
    if itl_signer(cluster.release) is SigningKey.RECOVERY:
        store = TrustStore.ITLRECOVERY
        with cluster.store.read() as connection:
            recovery = certificates.own(connection, store, cluster.publisher.id)
        if recovery is not None:
            kept.add(node.keys.path(store, recovery.certificate))
    return {path.name: path.read_text() for path in sorted(kept)}


def import_node(
    data: Path,
    content: bytes,
    password: str,
    *,
    database_url: str | None = None,
    host_settings: bool = False,
) -> tuple[Cluster, Node]:
    """Make a node's folder on this host, or bring it new keys.

    Args:
        data: The data folder; made when it does not exist.
        content: The file.
        password: Its password.
        database_url: Where this host reaches the database; the publisher's way when
            None.
        host_settings: Whether a new folder takes the file's [tftp], [tvs] and other
            tables of a host, too. By default this host decides which files it serves
            to which clients.

    Returns:
        The cluster, opened, and the node.

    Raises:
        ServiceError: When the file or its password is wrong, the folder is another
            cluster's, or the database cannot be reached with this host's role.
        OSError: When the folder cannot be written.
    """
    file = _open_untrusted(content, password)
    keys = {name: _key_untrusted(pem) for name, pem in file.keys.items()}
    config = _config_of(file, host_settings=host_settings)
    _make_folder(data, config, database_url)
    is_new = _put_keys(data / "nodes" / file.folder, keys)
    cluster = Cluster.open(data, database_url=database_url)
    try:
        return cluster, _arrived(cluster, file, is_new=is_new)
    except BaseException:
        cluster.close()
        raise


def _config_of(file: _File, *, host_settings: bool) -> ClusterConfig:
    left_out = () if host_settings else _tables_of_a_host()
    tables = {k: v for k, v in file.configuration.items() if k not in left_out}
    return check_tables(tables, "the file's configuration")


def _put_keys(folder: Path, keys: Mapping[str, bytes]) -> bool:
    """Put keys into a node's folder; return whether it had none before."""
    place = folder / "keys"
    is_new = not place.exists()
    (folder / "tftp").mkdir(parents=True, exist_ok=True)
    place.mkdir(mode=FOLDER_MODE, exist_ok=True)
    for name, pem in keys.items():
        replace_file(place / name, pem, mode=PRIVATE)
    for path in place.glob(_RECOVERY_KEYS):
        if path.name not in keys:
            path.unlink()  # an earlier file brought it; the node does not need it
    return is_new


def _arrived(cluster: Cluster, file: _File, *, is_new: bool) -> Node:
    node = next((n for n in cluster.nodes if n.folder.name == file.folder), None)
    if node is None:
        raise ServiceError(
            f"the cluster no longer has the node {file.node}",
            hint="add it again with `tokenless node add`",
        )
    node.served_elsewhere_marker.unlink(missing_ok=True)
    if is_new:
        # A new folder has taken nothing, whatever the node had on another host.
        with cluster.store.write_node_state() as connection:
            nodes.write_state(connection, node.id, ctl_revision=0)
    return node


def _tables_of_a_host() -> list[str]:
    """Return the tables of how a host serves; all hosts share the database."""
    return [name for name in host_tables() if name != "database"]


def _make_folder(data: Path, config: ClusterConfig, database_url: str | None) -> None:
    if (data / CONFIG_FILE).exists():
        return
    if data.exists() and any(data.iterdir()):
        raise ServiceError(
            f"{data} is not empty and holds no cluster",
            hint="name another folder with --data",
        )
    data.mkdir(parents=True, exist_ok=True)
    if database_url is not None:
        database = msgspec.structs.replace(config.database, url=database_url)
        config = msgspec.structs.replace(config, database=database)
    save_config(Installation(data, config, clock=lambda: 0.0))


def _open_untrusted(content: bytes, password: str) -> _File:
    hint = "make it with `tokenless node export`"
    if content.startswith(_FIRST_FORMAT):
        raise ServiceError(
            "the file has the first format, in which anybody can change the settings",
            hint="export the node again with this version",
        )
    if not content.startswith(_MAGIC):
        raise ServiceError("not the file of a node", hint=hint)
    try:
        file = decode_json(unseal(_MAGIC, content, password), _File)
    except msgspec.DecodeError:
        raise ServiceError("not the file of a node", hint=hint) from None
    if not all(_KEY_NAME.fullmatch(name) for name in file.keys):
        raise ServiceError("the file has keys with invalid names", hint=hint)
    return file


def _key_untrusted(pem: str) -> bytes:
    try:
        load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ServiceError(
            "the file has a key that cannot be read", hint="export the node again"
        ) from None
    return pem.encode()
