"""A node on a host of its own: what the publisher hands over, what the host takes.

Private keys never enter the shared database (REFERENCE 10.7), and a node has to sign
with keys that the publisher makes, ITLRecovery above all. So they travel in a file: the
node's keys, each encrypted under a password, and the cluster's configuration without
its database password. The same step carries new keys after a regeneration.

    {"format":"tokenless node 1","node":…,"folder":…,"configuration":{…},
     "keys":{"<unit>-<serial>.pem":"-----BEGIN ENCRYPTED PRIVATE KEY-----…"}}
"""

import re
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.cluster.initialise import save_config, saved_tables
from tokenless.services.cluster.site import CONFIG_FILE, Site
from tokenless.services.config import ClusterConfig, check_tables
from tokenless.services.errors import ServiceError
from tokenless.services.files import PRIVATE, replace_file
from tokenless.services.pki.keys import FOLDER_MODE
from tokenless.services.store import nodes

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_FORMAT: Final = "tokenless node 1"
_KEY_NAME: Final = re.compile(r"[A-Za-z]+-[0-9A-F]{2,64}\.pem")
_Folder = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,127}\Z")]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    node: str
    folder: _Folder
    configuration: dict[str, Any]
    keys: dict[str, str]


def export_node(cluster: Cluster, node: Node, password: str) -> bytes:
    """Return the file that brings a node, or its new keys, to its own host.

    From now on this host does not serve it.

    Raises:
        ServiceError: When the password is empty, the database is this host's own, or
            the node is the publisher.
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
    if not password:
        raise ServiceError("the file needs a password", hint="give one with --password")
    keys = {
        path.name: _encrypt(path.read_bytes(), password)
        for path in sorted(node.keys_folder.glob("*.pem"))
    }
    file = _File(
        _FORMAT, node.name, node.folder.name, saved_tables(cluster.config), keys
    )
    node.elsewhere_mark.touch()
    return msgspec.json.encode(file)


def import_node(
    data: Path, content: bytes, password: str, *, database_url: str | None = None
) -> tuple[Cluster, Node]:
    """Make a node's folder on this host, or bring it new keys.

    Args:
        data: The data folder; made when it does not exist.
        content: The file.
        password: Its password.
        database_url: Where this host reaches the database; the publisher's way when
            None.

    Returns:
        The cluster, opened, and the node.

    Raises:
        ServiceError: When the file or its password is wrong, the folder is another
            cluster's, or the database cannot be reached with this host's role.
        OSError: When the folder cannot be written.
    """
    file = _decode_untrusted(content)
    keys = {name: _decrypt_untrusted(pem, password) for name, pem in file.keys.items()}
    config = check_tables(file.configuration, "the file's configuration")
    _make_folder(data, config, database_url)
    folder = data / "nodes" / file.folder
    is_new = not (folder / "keys").exists()
    (folder / "tftp").mkdir(parents=True, exist_ok=True)
    (folder / "keys").mkdir(mode=FOLDER_MODE, exist_ok=True)
    for name, pem in keys.items():
        replace_file(folder / "keys" / name, pem, mode=PRIVATE)
    cluster = Cluster.open(data, database_url=database_url)
    try:
        return cluster, _arrived(cluster, file, is_new=is_new)
    except BaseException:
        cluster.close()
        raise


def _arrived(cluster: Cluster, file: _File, *, is_new: bool) -> Node:
    node = next((n for n in cluster.nodes if n.folder.name == file.folder), None)
    if node is None:
        raise ServiceError(
            f"the cluster has no node {file.node} any more",
            hint="let it join again with `tokenless node add`",
        )
    node.elsewhere_mark.unlink(missing_ok=True)
    if is_new:
        # A new folder has taken nothing, whatever the node had on another host.
        with cluster.store.note() as connection:
            nodes.write_state(connection, node.id, ctl_revision=0)
    return node


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
    save_config(Site(data, config, clock=lambda: 0.0))


def _decode_untrusted(content: bytes) -> _File:
    hint = "make it with `tokenless node export`"
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ServiceError("not the file of a node", hint=hint) from None
    if file.format != _FORMAT:
        raise ServiceError(f"unknown format {file.format[:40]!r}", hint=hint)
    if not all(_KEY_NAME.fullmatch(name) for name in file.keys):
        raise ServiceError("the file has keys with impossible names", hint=hint)
    return file


def _encrypt(pem: bytes, password: str) -> str:
    key = load_pem_private_key(pem, password=None)
    encryption = BestAvailableEncryption(password.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def _decrypt_untrusted(pem: str, password: str) -> bytes:
    try:
        key = load_pem_private_key(pem.encode(), password=password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ServiceError(
            "the password is wrong, or the file is damaged", hint="try again"
        ) from None
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
