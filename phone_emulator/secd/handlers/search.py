"""Search order: names and servers for a file, TVS members for an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenless.phone_emulator.secd.events import Server
from tokenless.protocol.files.encrypted_file import ENCRYPTED_SUFFIX
from tokenless.protocol.trust.anchors import Signed


@dataclass(slots=True)
class ServerChoice:
    """The TFTP servers of a phone: it stays with the one that answers."""

    servers: tuple[Server, ...]
    _answered: set[Server] = field(default_factory=set)
    _silent: set[Server] = field(default_factory=set)

    def note_answer(self, server: Server) -> None:
        """Prefer this server from now on."""
        self._answered.add(server)
        others = tuple(other for other in self.servers if other != server)
        self.servers = (server, *others)

    def note_silence(self, server: Server) -> None:
        """Do not wait for this server again in this boot, unless it ever answered."""
        # A server that answered once was only slow this time. One that never did would
        # cost the phone its full time-out for each further file.
        if server not in self._answered:
            self._silent.add(server)

    def usable(self) -> tuple[Server, ...]:
        """Return the servers worth trying, in order."""
        return tuple(server for server in self.servers if server not in self._silent)


@dataclass(slots=True)
class FileSearch:
    """One file, to be found under some names on some servers."""

    names: Sequence[str]
    servers: Sequence[Server]
    _name: int = 0
    _server: int = 0

    @property
    def name(self) -> str:
        """Return the name of the file that is asked for."""
        return self.names[self._name]

    @property
    def server(self) -> Server:
        """The server that is asked."""
        return self.servers[self._server]

    @property
    def is_encrypted(self) -> bool:
        """Return whether the encrypted configuration is asked for."""
        return self.name.endswith(ENCRYPTED_SUFFIX)

    def turn_to(self, name: str) -> None:
        """Ask for another name from now on, on the present server first."""
        self.names, self._name = (name,), 0

    def try_next_name(self) -> bool:
        """Move to the next name on this server; False when there is none."""
        self._name += 1
        return self._name < len(self.names)

    def try_next_server(self) -> bool:
        """Move to the next server, beginning with the first name."""
        self._name = 0
        self._server += 1
        return self._server < len(self.servers)


@dataclass(slots=True)
class Inquiry:
    """A file whose signer is unknown, and the TVS servers that may know it."""

    file: Signed
    members: Sequence[Server]
    session_id: int = 0
    _member: int = 0

    @property
    def server(self) -> Server:
        """The server that is asked."""
        return self.members[self._member]

    def try_next_member(self) -> bool:
        """Move to the next TVS server; False when there is none."""
        if self._member + 1 == len(self.members):
            return False
        self._member += 1
        return True
