"""Scripts as TOML files: read, checked, and divided into their variants.

Lines of `run` are checked by `line_check`. A script with `variants` is one rehearsal
for each of them: the same steps against another release.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tokenless.phone_emulator.descriptions import load_description
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.scripts.permitted import (
    check_name,
    check_settings,
)
from tokenless.phone_emulator.rehearsal.scripts.remedy import RemedyKind, kind_of
from tokenless.phone_emulator.rehearsal.scripts.script import (
    AS_VARIANT,
    MAIN_CLUSTER,
    MAX_PHONES,
    PLAIN,
    Expectation,
    Script,
    Step,
)
from tokenless.protocol.phones.models import PHONE_MODELS, hint_for_unknown_models

CheckFile = Callable[[Path, Script], None]
"""Checks what a file says beyond its keys, such as `line_check.check_file`."""


def load_scripts(path: Path, check: CheckFile | None = None) -> list[Script]:
    """Read and check a file: one script, or one for each of its variants.

    Args:
        path: The file.
        check: Checks more of what is about to be played.

    Raises:
        PhoneError: When it cannot be read, is no TOML, has unknown keys, or names
            groups, models or variants that do not exist; the message says where.
    """
    script = load_description(
        path,
        Script,
        what="rehearsal",
        whence="name a file, or a rehearsal of `tokenless rehearse list`",
        manual="docs/rehearsals.md",
    )
    try:
        check_script(script)
    except PhoneError as error:
        raise PhoneError(f"rehearsal {path}: {error}", hint=error.hint) from None
    if check is not None:
        check(path, script)
    return [_variant(script, each) for each in script.variants] or [script]


def load_script(path: Path, check: CheckFile | None = None) -> Script:
    """Read and check a file that has one script; of several variants the first.

    Args:
        path: The file.
        check: As `load_scripts`.

    Raises:
        PhoneError: As `load_scripts`.
    """
    return load_scripts(path, check)[0]


def check_script(script: Script) -> None:
    """Check what the types of the fields do not say.

    Raises:
        PhoneError: When a group, a model, a variant, a cluster or a line is none.
    """
    names = [group.name for group in script.groups]
    if len(set(names)) != len(names):
        raise PhoneError(
            "two groups have the same name", hint="give each group a name of its own"
        )
    if (fixed := sum(group.count or 0 for group in script.groups)) > MAX_PHONES:
        raise PhoneError(
            f"the groups have {fixed} phones; a rehearsal has at most {MAX_PHONES}",
            hint="give the groups smaller numbers (count)",
        )
    for group in script.groups:
        if group.played not in PHONE_MODELS:
            raise PhoneError(
                f"group {group.name} has the model {group.played}, which is not "
                "emulated",
                hint=hint_for_unknown_models(group.played),
            )
    check_settings(script.cluster, "[cluster]")
    for name, settings in script.others.items():
        check_name(name)
        check_settings(settings, f"[others.{name}]")
    if MAIN_CLUSTER in script.others:
        raise PhoneError(
            f"{MAIN_CLUSTER} is the name of the first cluster",
            hint="give the other cluster another name",
        )
    _check_variants(script.lesson_for, "lesson_for", script.variants)
    for number, step in enumerate(script.steps, 1):
        _check_step(step, f"step {number}", names, script.variants)


def _check_step(
    step: Step, place: str, groups: Sequence[str], variants: Mapping[str, str]
) -> None:
    for expectation in step.expect:
        if expectation.group not in groups:
            raise PhoneError(
                f"{place} expects something of the group {expectation.group}, "
                "which is not defined",
                hint=f"groups are {', '.join(groups)}",
            )
        for remedy in (expectation.remedy, expectation.no_remedy):
            _check_remedy(remedy, place)
    named = {*step.only, *(word for each in step.expect for word in each.only)}
    _check_variants((*named, *step.why_for), place, variants)


def _check_variants(
    names: Iterable[str], place: str, variants: Mapping[str, str]
) -> None:
    for name in names:
        if name not in variants:
            raise PhoneError(
                f"{place} is for the variant {name}, which is not defined",
                hint=f"variants are {', '.join(variants) or 'none'}",
            )


def _check_remedy(wanted: str | None, place: str) -> None:
    kinds = [each.value for each in RemedyKind]
    if wanted is not None and kind_of(wanted) not in kinds:
        raise PhoneError(
            f"{place} expects the remedy {wanted!r}, which does not exist",
            hint=f"remedies are {', '.join(kinds)}",
        )


def _variant(script: Script, variant: str) -> Script:
    """Return the script of one release, with what counts there only."""
    return replace(
        at_release(script, variant),
        name=script.name if variant == PLAIN else f"{script.name}@{variant}",
        variants={},
        lesson=script.lesson_for.get(variant, script.lesson),
        lesson_for={},
        steps=tuple(
            replace(
                step,
                why=step.why_for.get(variant, step.why),
                why_for={},
                only=(),
                expect=_for_variant(step.expect, variant),
            )
            for step in script.steps
            if not step.only or variant in step.only
        ),
    )


def at_release(script: Script, variant: str) -> Script:
    """Return a script whose clusters have the releases of a variant."""
    release = script.variants[variant]
    return replace(
        script,
        cluster=_of_release(script.cluster, release),
        others={
            name: _of_release(each, release) if _follows(each) else each
            for name, each in script.others.items()
        },
    )


def _of_release(settings: Mapping[str, Any], release: str) -> dict[str, Any]:
    cluster = {**settings.get("cluster", {}), "version": release}
    return {**settings, "cluster": cluster}


def _follows(settings: Mapping[str, Any]) -> bool:
    cluster = settings.get("cluster", {})
    return isinstance(cluster, dict) and cluster.get("version") == AS_VARIANT


def _for_variant(
    expectations: Iterable[Expectation], variant: str
) -> tuple[Expectation, ...]:
    return tuple(
        replace(each, only=())
        for each in expectations
        if not each.only or variant in each.only
    )
