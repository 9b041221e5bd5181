"""`rehearse import` of what is no list, or was one: refused, and nothing else."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import read_cluster
from tokenless.phone_emulator.rehearsal.importing.sources.lists import load_lists
from tokenless.protocol.show_output.lines import show_missing
from tokenless.protocol.trust.verdicts import FileKind

VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.mark.parametrize(
    ("content", "option", "words"),
    [
        (b"", "--ctl", "is empty"),
        (b"hello", "--ctl", "is neither a trust list nor `show` text"),
        (b"\x01\x00\x02\x01\x02\xff", "--ctl", "is not a trust list"),
        (b"Length of CTL file: 0\n", "--ctl", "the text ends early"),
        (show_missing("CTL").encode(), "--ctl", "says that the node has no CTL file"),
        (b"\xff" * 5000, "--itl", "is neither a trust list nor `show` text"),
    ],
)
def test_what_is_no_list(
    tmp_path: Path, content: bytes, option: str, words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    status, out, err = run_cli("rehearse", "import", option, str(path))
    assert (status, out) == (1, "")
    assert words in err


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Change, repeat or cut a few places."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed))
        match chance.randrange(3):
            case 0:
                changed[at] = chance.choice(b'\x00 .;:="AZaz09\xff')
            case 1:
                end = at + chance.randrange(40)
                changed[at:at] = changed[at:end]
            case _:
                del changed[at : at + chance.randrange(40)]
    return bytes(changed)


def test_damaged_files_cause_nothing_but_a_refusal(tmp_path: Path) -> None:
    chance = random.Random(0)
    whole = (VECTORS / "tokenless.tlv").read_bytes()
    path = tmp_path / "damaged"
    for _ in range(150):
        path.write_bytes(damaged(whole, chance))
        with suppress(PhoneError):
            read_cluster(load_lists(path, FileKind.CTL))
