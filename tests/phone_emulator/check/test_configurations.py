"""What `check` says of configurations that are there in one form only."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from tests.phone_emulator.check.observed import observation
from tests.phone_emulator.check.test_findings import MIXED, MODELS, PLAIN, nodes
from tests.rigs.cluster import DEVICE
from tokenless.phone_emulator.check.inspect import inspect
from tokenless.phone_emulator.check.observing.observation import Missing, Observation
from tokenless.phone_emulator.check.view import check_view


def without_files(seen: Observation, *names: str) -> Observation:
    """Return what is seen where servers do not have files of these names."""
    gone = dict.fromkeys(names, Missing("File not found", is_absent=True))
    left = [replace(each, files={**each.files, **gone}) for each in seen.nodes]
    return replace(seen, nodes=left)


def test_a_configuration_that_is_there_signed_only_is_one() -> None:
    """A server that is not CUCM may have signed files only."""
    whole = observation(nodes(MIXED))
    seen = without_files(whole, f"{DEVICE}.cnf.xml")
    assert [n.configuration for n in seen.nodes] == [
        n.configuration for n in whole.nodes
    ]
    assert "configuration-missing" not in {e.code for e in inspect(seen, MODELS)}
    console = Console(file=StringIO(), width=200)
    console.print(check_view(seen, []))
    assert isinstance(console.file, StringIO)
    assert "│ signed " in console.file.getvalue()


def test_a_phone_without_lists_does_not_take_the_signed_one() -> None:
    lists = [
        f"{kind}{whose}.tlv" for kind in ("CTL", "ITL") for whose in ("File", DEVICE)
    ]
    seen = without_files(observation(nodes(PLAIN)), f"{DEVICE}.cnf.xml", *lists)
    (missing,) = (e for e in inspect(seen, MODELS) if e.code == "configuration-missing")
    assert missing.message.endswith("that is not signed, and no list has a TFTP record")
