"""A phone's flash: its permanent storage, in a folder.

    CTLFile.tlv  ITLFile.tlv      the installed lists, as they were downloaded
    SEP….cnf.xml                  the last accepted configuration, 0600; it names TVS
    phone.json                    which phone it is, and the report of its last boot
    mic.pem  lsc.pem              the phone's own certificates with their keys, 0600
    console.log                   the console log
    last-boot.jsonl               the record of the last boot, for a replay

Every file is written beside its place, synchronised and moved there, so that a crash
leaves the old one or the new one.
"""

import os
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from tokenless.ground.json_input import decode_json
from tokenless.phone_emulator.addresses import parse_device
from tokenless.phone_emulator.errors import PhoneError, refusal_of
from tokenless.phone_emulator.files import UNFINISHED, replace_file, sync_folder
from tokenless.phone_emulator.own_certificates import FolderCertificates
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.record import MAX_RECORD_BYTES
from tokenless.protocol.phones.models import MAX_DOWNLOAD_BYTES, PHONE_MODELS
from tokenless.protocol.trust.anchors import FileKind

_STATE: Final = "phone.json"
_LOG: Final = "console.log"
_RECORD: Final = "last-boot.jsonl"
_MAX_LOG_BYTES: Final = 512 * 1024
_LONGEST_WRITE_S: Final = 60.0
_LISTS: Final = (FileKind.CTL, FileKind.ITL)
_FLOCK: Final = struct.Struct("hhqqi0q")
"""`struct flock`: type, whence, start, length, process id (fcntl(2))."""


class PhoneState(msgspec.Struct, frozen=True):
    """The phone's state, as the folder has it."""

    device: str
    model: str
    next_line: int = 1
    """The sequence number of the console log's next line."""
    booted_at: float | None = None
    """The end of the last boot, Unix seconds."""
    report: dict[str, Any] = {}
    """The last boot's, as `phone boot --json` prints it."""
    status_lines: tuple[str, ...] = ()
    """The status messages with their times, as the model shows them."""
    registration: dict[str, Any] = {}
    """The last registration, as `phone run --json` prints it; a phone that was killed
    still says here where it was registered (`FolderFlash.is_registered` tells)."""


class Flash(Protocol):
    """The storage of a phone's files: a folder, or a part of a fleet's database."""

    def load(self) -> FlashContents:
        """Return what the phone holds."""

    def replace(self, kind: FileKind, data: bytes) -> None:
        """Put a new list or configuration in the place of the old one."""


class FolderFlash:
    """The flash of one phone, in a folder of its own."""

    def __init__(self, folder: Path, device: str) -> None:
        self.folder = folder
        self._registered: int | None = None
        """The descriptor whose lock says that the phone is registered."""
        self._paths = {
            FileKind.CTL: folder / FileKind.CTL.value,
            FileKind.ITL: folder / FileKind.ITL.value,
            FileKind.CONFIGURATION: folder / f"{device}.cnf.xml",
        }

    @classmethod
    def create(cls, folder: Path, device: str, model: str) -> "FolderFlash":
        """Open the folder of a phone; make it when it does not exist.

        Raises:
            PhoneError: When it belongs to another phone, cannot be written, or the
                name is none: it becomes a file's.
        """
        flash = cls(folder, parse_device(device))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _delete_left_overs(folder)
        except OSError as error:
            raise PhoneError(
                f"flash {folder} cannot be used: {error.strerror}",
                hint="name a folder that can be made or written",
            ) from error
        state = flash.state()
        if state is None:
            flash.save_state(PhoneState(device, model))
        elif state.device != device:
            raise PhoneError(
                f"flash {folder} belongs to {state.device}",
                hint="give each phone a folder of its own",
            )
        elif state.model != model:
            flash.save_state(msgspec.structs.replace(state, model=model))
        return flash

    @classmethod
    def open(cls, folder: Path) -> "FolderFlash":
        """Open the folder of a phone that has been booted before.

        Raises:
            PhoneError: When there is none.
        """
        state = cls(folder, "").state()
        if state is None:
            raise refusal_of(folder)(
                f"no phone keeps its flash in {folder}",
                hint="boot one there with `tokenless phone boot --flash`",
            )
        return cls(folder, state.device)

    def state(self) -> PhoneState | None:
        """Return what the folder says of its phone, None when it says nothing.

        Raises:
            PhoneError: When the file cannot be understood.
        """
        try:
            data = _read(self.folder / _STATE, MAX_DOWNLOAD_BYTES)
            return None if data is None else decode_json(data, PhoneState)
        except msgspec.MsgspecError as error:
            raise PhoneError(
                f"{self.folder / _STATE} is damaged: {error}",
                hint="delete it, and boot the phone again",
            ) from error

    def known_state(self) -> PhoneState:
        """Return what the folder says of its phone.

        Raises:
            PhoneError: When it says nothing, or names a model that is not known.
        """
        state = self.state()
        if state is None or state.model not in PHONE_MODELS:
            raise PhoneError(
                f"{self.folder / _STATE} names no model that is known",
                hint="boot the phone again",
            )
        return state

    def save_state(self, state: PhoneState) -> None:
        """Replace what the folder says of its phone."""
        replace_file(
            self.folder / _STATE, msgspec.json.format(msgspec.json.encode(state))
        )

    def mark_registered(self, *, is_registered: bool) -> None:
        """Say whether the phone is registered, until this process ends.

        A lock on the folder says so: the system takes it back however the process ends.
        """
        if is_registered and self._registered is None:
            self._registered = _locked(self.folder)
        elif not is_registered and self._registered is not None:
            os.close(self._registered)
            self._registered = None

    @property
    def is_registered(self) -> bool:
        """Whether a process keeps the phone registered now."""
        return _is_locked(self.folder)

    def load(self) -> FlashContents:
        """Return what the phone holds."""
        ctl, itl, configuration = (
            _read(self._paths[kind], MAX_DOWNLOAD_BYTES) for kind in self._paths
        )
        return FlashContents(ctl, itl, configuration)

    def replace(self, kind: FileKind, data: bytes) -> None:
        """Put a new list or configuration in the place of the old one."""
        # A configuration may have come encrypted, with passwords in it.
        is_private = kind is FileKind.CONFIGURATION
        replace_file(self._paths[kind], data, private=is_private)

    @property
    def certificates(self) -> FolderCertificates:
        """The phone's own certificates."""
        return FolderCertificates(self.folder)

    def delete_trust(self) -> tuple[FileKind, ...]:
        """Erase the trust lists; say which there were. The configuration stays."""
        return self._delete(_LISTS)

    def factory_reset(self) -> tuple[FileKind, ...]:
        """Erase lists, configuration and log; say which files there were."""
        for name in (_LOG, _RECORD):
            (self.folder / name).unlink(missing_ok=True)
        self.certificates.delete_lsc()  # the MIC stays (REFERENCE 4.4)
        state = self.state()
        if state is not None:
            self.save_state(PhoneState(state.device, state.model))
        return self._delete(tuple(self._paths))

    def append_log(self, lines: Sequence[str]) -> Path:
        """Add lines to the console log, whose oldest half goes when it is long."""
        path = self.folder / _LOG
        old = _read(path, 2 * _MAX_LOG_BYTES) or b""
        if len(old) > _MAX_LOG_BYTES:
            old = old[len(old) // 2 :].partition(b"\n")[2]
        replace_file(path, old + "".join(f"{line}\n" for line in lines).encode())
        return path

    def read_log(self) -> str:
        """Return the console log, empty when there is none."""
        data = _read(self.folder / _LOG, 2 * _MAX_LOG_BYTES) or b""
        return data.decode(errors="replace")

    def save_record(self, record: bytes) -> None:
        """Replace the record of the last boot."""
        # It may hold an encrypted configuration's content.
        replace_file(self.folder / _RECORD, record, private=True)

    def _delete(self, kinds: Sequence[FileKind]) -> tuple[FileKind, ...]:
        present = tuple(kind for kind in kinds if self._paths[kind].exists())
        for kind in present:
            self._paths[kind].unlink()
        sync_folder(self.folder)
        return present


def model_in(folder: Path) -> str | None:
    """Return the model of the phone that keeps its flash in a folder, if there is one.

    Raises:
        PhoneError: When its state cannot be understood.
    """
    state = FolderFlash(folder, "").state()
    return state.model if state and state.model in PHONE_MODELS else None


def read_record(path: Path) -> bytes:
    """Read a recorded boot.

    Raises:
        PhoneError: When there is none, or it is too large.
    """
    try:
        data = _read(path, MAX_RECORD_BYTES)
    except OSError as error:
        raise PhoneError(
            f"{path} cannot be read: {error.strerror}",
            hint=f"name a file such as {_RECORD} in a phone's flash",
        ) from error
    if data is None or len(data) > MAX_RECORD_BYTES:
        raise PhoneError(
            f"{path}: no record of a boot",
            hint=f"a phone's flash holds that of its last one, {_RECORD}",
        )
    return data


def _delete_left_overs(folder: Path) -> None:
    """Delete files that a killed process did not finish.

    Not those that another process is writing: two may boot the same phone.
    """
    for unfinished in folder.glob(f"*{UNFINISHED}"):
        with suppress(FileNotFoundError):  # it has its place meanwhile
            if time.time() - unfinished.stat().st_mtime > _LONGEST_WRITE_S:
                unfinished.unlink()


def _locked(folder: Path) -> int | None:
    """Return a descriptor with a lock on a phone's flash, which others may share.

    None on a file system without locks: nobody is said to be registered there.
    """
    import fcntl  # noqa: PLC0415 - not on every system

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_RDLCK))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_locked(folder: Path) -> bool:
    """Return whether a process has the lock, without taking it (F_OFD_GETLK)."""
    import fcntl  # noqa: PLC0415 - not on every system

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _lock(fcntl.F_WRLCK))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    kind, *_ = _FLOCK.unpack(found)
    return bool(kind != fcntl.F_UNLCK)


def _lock(kind: int) -> bytes:
    """Return the description of a lock on all of a file, as fcntl(2) has it."""
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        return None
