"""Fuzz the formats by hand: `python -m tests.fuzz.formats [--executions N] [--seed S]`.

Takes the golden files, damages them (bits, bytes, lengths, splices, runs of one byte),
and gives the result to every decoder. Inputs that reach lines of `protocol/` which none
reached before join the pool: coverage guides it, without a compiler or a library.

Only ProtocolError may come out; what decodes must be encoded to the same bytes, be
shown, described and linted. A failure is written beside the working folder and ends the
run with status 1.
"""

import argparse
import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from cryptography.x509 import load_der_x509_certificate

from protocol.any_file import decode_file
from protocol.certificate import Certificate
from protocol.errors import ProtocolError
from protocol.lint import lint
from protocol.list_diff import diff_lists
from protocol.names import DistinguishedName, NameForm, same_name
from protocol.show_text import show_signed_file, show_trust_list
from protocol.show_text_parse import parse_shown_list
from protocol.trust_list import TrustList
from services.cli.file_json import describe_file
from tests.vectors.make import FOLDER

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAX_POOL = 2000
TRACED_EVERY = 8
"""Tracing costs far more than decoding: only some inputs are looked at by line."""
SLOW_S = 2.0
INTERESTING = (0, 1, 2, 4, 9, 10, 12, 13, 28, 0x30, 0x7F, 0x80, 0x82, 0xA0, 0xFE, 0xFF)

Target = Callable[[bytes], object]


def file_target(data: bytes) -> None:
    """Decode a file, and do everything with it that a command does."""
    decoded = decode_file(data)
    assert decoded.encode() == data
    describe_file(decoded, at=NOW)
    if isinstance(decoded, TrustList):
        text = show_trust_list(decoded, modified="")
        assert parse_shown_list(text).length == len(data)
        lint(decoded, at=NOW)
        diff_lists(decoded, decoded)
    else:
        show_signed_file(decoded)


def certificate_target(data: bytes) -> None:
    """Decode a certificate and everything that is asked of one."""
    certificate = Certificate.decode(data)
    assert certificate.der == data
    assert certificate.tbs_certificate in data
    assert certificate.subject_text.isprintable()
    assert DistinguishedName.parse(certificate.issuer_text) is not None
    assert certificate.key_bits > 0


def name_target(data: bytes) -> None:
    """Read a name from DER or from text, write it and read it again."""
    if data[:1] == b"\x30":
        name = DistinguishedName.from_der(data)
    else:
        text = data.decode("latin-1")
        assert same_name(text, text)
        name = DistinguishedName.parse(text)
    for form in (NameForm.CUCM, NameForm.COMMA):
        text = name.render(form)
        assert text.isprintable()
        again = DistinguishedName.parse(text, form)
        assert sorted(again.attributes) == sorted(name.attributes)
    assert name.render(NameForm.CTL_CLIENT).isprintable()


def text_target(data: bytes) -> None:
    """Read a pasted text."""
    parse_shown_list(data.decode("latin-1"))


class Pool:
    """Inputs worth damaging again."""

    def __init__(
        self, target: Target, seeds: list[bytes], source: random.Random
    ) -> None:
        self.target = target
        self.inputs = list(seeds)
        self.source = source
        self.reached: set[tuple[str, int]] = set()

    def run_one(self, *, traced: bool) -> bool:
        """Run one damaged input; return whether the decoder took it."""
        data = damage(self.source.choice(self.inputs), self.inputs, self.source)
        if not traced:
            return run_target(self.target, data)
        lines: set[tuple[str, int]] = set()
        with tracing(lines):
            taken = run_target(self.target, data)
        if lines - self.reached:
            self.reached |= lines
            self.inputs.append(data)
            if len(self.inputs) > MAX_POOL:
                self.inputs.pop(self.source.randrange(MAX_POOL))
        return taken


def run_target(target: Target, data: bytes) -> bool:
    """Return whether the target took an input; anything but ProtocolError is a bug."""
    begun = time.perf_counter()
    try:
        target(data)
    except ProtocolError:
        return False
    except BaseException as error:
        raise FoundError(data) from error
    finally:
        if time.perf_counter() - begun > SLOW_S:
            raise FoundError(data)
    return True


class FoundError(Exception):
    """An input that does what none may do."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"{len(data)} bytes")
        self.data = data


@contextmanager
def tracing(lines: set[tuple[str, int]]) -> Iterator[None]:
    """Note the lines of `protocol/` that are run."""

    def trace(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - sys.settrace
        if "/protocol/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def damage(data: bytes, others: list[bytes], source: random.Random) -> bytes:
    """Return a damaged copy: one to four changes of any kind."""
    for _ in range(source.choice((1, 1, 1, 2, 2, 3, 4))):
        data = source.choice(DAMAGES)(data, source) if data else b"\0"
    if source.random() < 1 / 16:
        other = source.choice(others)
        cut = source.randrange(len(data) + 1)
        data = data[:cut] + other[source.randrange(len(other) + 1) :]
    return data


def _flip(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]


def _put(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + bytes([source.choice(INTERESTING)]) + data[at + 1 :]


def _step(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    value = (data[at] + source.choice((-1, 1, -3, 3))) % 256
    return data[:at] + bytes([value]) + data[at + 1 :]


def _cut(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data))
    return data[:at] + data[at + source.randrange(1, 1 + min(64, len(data))) :]


def _end(data: bytes, source: random.Random) -> bytes:
    return data[: source.randrange(len(data) + 1)]


def _insert(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data) + 1)
    many = bytes([source.choice(INTERESTING)]) * source.choice((1, 2, 3, 5, 40, 300))
    return data[:at] + many + data[at:]


def _double(data: bytes, source: random.Random) -> bytes:
    start = source.randrange(len(data))
    end = start + source.randrange(1, 200)
    return data[:end] + data[start:end] + data[end:]


DAMAGES = (_flip, _flip, _put, _put, _step, _step, _cut, _end, _insert, _double)


def _subject(certificate: bytes) -> bytes:
    return load_der_x509_certificate(certificate).subject.public_bytes()


def seeds() -> dict[str, tuple[Target, list[bytes]]]:
    """Return each target with what it starts from."""
    files, certificates, names = [], [], []
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in (".tlv", ".sgn"):
            files.append(path.read_bytes())
            decoded = decode_file(files[-1])
            for record in getattr(decoded, "records", ()):
                certificates.append(record.certificate_der or b"")
                names.append((record.subject_name or "CN=a").encode())
    names += [_subject(certificate) for certificate in certificates if certificate]
    texts = [path.read_bytes() for path in sorted(FOLDER.glob("*.txt"))]
    return {
        "files": (file_target, files),
        "certificates": (certificate_target, [c for c in certificates if c]),
        "names": (name_target, names),
        "texts": (text_target, texts),
    }


def fuzz(executions: int, seed: int, only: str | None = None) -> None:
    """Run all targets, or one.

    Raises:
        FoundError: With the first input that does what none may do.
    """
    for name, (target, start) in seeds().items():
        if only not in (None, name):
            continue
        pool = Pool(target, start, random.Random(f"{seed} {name}"))
        taken = 0
        begun = time.perf_counter()
        for number in range(executions):
            taken += pool.run_one(traced=number % TRACED_EVERY == 0)
        rate = executions / (time.perf_counter() - begun)
        sys.stdout.write(
            f"{name}: {executions} executions, {rate:.0f} a second, {taken} taken, "
            f"{len(pool.reached)} lines reached, {len(pool.inputs)} in the pool\n"
        )
        sys.stdout.flush()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executions", type=int, default=1_000_000, help="a target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(seeds()))
    options = parser.parse_args()
    try:
        fuzz(options.executions, options.seed, options.only)
    except FoundError as found:
        name = f"crash-{hashlib.sha256(found.data).hexdigest()[:16]}"
        Path(name).write_bytes(found.data)
        sys.stderr.write(f"{name}: {found.__cause__!r}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
