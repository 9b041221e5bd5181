"""A rehearsal's script: the cluster, the groups of phones, the steps, what is expected.

Scripts are TOML files; unknown keys are refused so that a misspelt expectation cannot
pass unnoticed. Lines of `run` are parsed by `actions`.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from phone_emulator.errors import PhoneError
from protocol.phone_models import PHONE_MODELS

SCRIPTS: Final = Path("configs") / "rehearsals"
_MAX_SCRIPT_BYTES: Final = 1 << 20

Text = Annotated[str, Meta(min_length=1, max_length=2000)]


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phones that are alike: one model, one order of TFTP servers."""

    name: Text
    model: str = "7975"
    tftp: tuple[str, ...] = ()
    """Names of nodes in the order in which the phones try them; empty: all of them."""
    share: Annotated[float, Meta(gt=0, le=1)] | None = None
    """The part of the phones asked for that belongs here; one group may have none: it
    takes what is left."""
    count: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """A fixed number of phones, beside those asked for."""


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every phone of a group must show after the step's last boot."""

    group: Text
    outcome: str | None = None
    ctl: str | None = None
    """The action on CTLFile.tlv: installed, updated, unchanged, rejected, absent…"""
    itl: str | None = None
    configuration: str | None = None
    verified_by: str | None = None
    """By what the CTL was verified: first-use, installed-ctl, installed-itl, tvs."""
    itl_verified_by: str | None = None
    stuck: bool | None = None
    """Whether the phones hold other lists than their server serves."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that an administrator does, and what comes of it."""

    title: Text
    run: tuple[Text, ...]
    why: str = ""
    """Said to the reader of the report: what the step teaches."""
    ctl_length: int | None = None
    """The bytes of CTLFile.tlv on every node, 0 for no file."""
    refused: bool = False
    """Whether the step's last command must be refused."""
    expect: tuple[Expectation, ...] = ()


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole rehearsal."""

    name: Text
    lesson: Text
    groups: tuple[Group, ...]
    steps: tuple[Step, ...]
    source: str = ""
    inferred: bool = False
    """Whether the outcome is inferred from the phone's rules rather than documented."""
    cluster: dict[str, Any] = {}
    """Settings laid over the lab's configuration, by the same names."""


def load_script(path: Path) -> Script:
    """Read and check a script.

    Raises:
        PhoneError: When it cannot be read, is no TOML, has unknown keys, or names
            groups or models that do not exist; the message says where.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SCRIPT_BYTES)
        script = msgspec.convert(tomllib.loads(data.decode()), Script)
    except (OSError, UnicodeDecodeError) as error:
        raise PhoneError(f"rehearsal {path} cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PhoneError(f"rehearsal {path}: {error}") from error
    _check_names(script, path)
    return script


def _check_names(script: Script, path: Path) -> None:
    names = [group.name for group in script.groups]
    if len(set(names)) != len(names):
        raise PhoneError(f"rehearsal {path}: two groups have the same name")
    for group in script.groups:
        if group.model not in PHONE_MODELS:
            raise PhoneError(
                f"rehearsal {path}: group {group.name} has the unknown model "
                f"{group.model}",
                hint=f"known are {', '.join(PHONE_MODELS)}",
            )
    for number, step in enumerate(script.steps, 1):
        for expectation in step.expect:
            if expectation.group not in names:
                raise PhoneError(
                    f"rehearsal {path}: step {number} expects something of the group "
                    f"{expectation.group}, which is not defined"
                )


def sizes(script: Script, phones: int) -> dict[str, int]:
    """Divide `phones` among the groups; groups with a fixed count get that."""
    shared = [group for group in script.groups if group.count is None]
    result = {group.name: group.count or 0 for group in script.groups}
    left = phones
    for group in shared[:-1]:
        share = group.share if group.share is not None else 1 / len(shared)
        result[group.name] = min(left, max(1, round(phones * share)))
        left -= result[group.name]
    if shared:
        result[shared[-1].name] = max(left, 1)
    return result
