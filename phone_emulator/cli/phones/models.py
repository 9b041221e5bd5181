"""`tokenless phone models`: what each phone model can do, and how that is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich import box
from rich.table import Table

from tokenless.ground.terminal import result_console
from tokenless.inputs import INPUT_FILE
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.sources.models import (
    load_features,
    real_model,
)
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.phones.features import (
    COLUMN_WORDS,
    COLUMNS,
    FEATURES,
    Cell,
    FeatureList,
    ModelFeatures,
    find_features,
)

_WIDTH_IN_FILES: Final = 240
_MARKS: Final = (
    "S: a vendor document states it; O: seen; C: public code; I: inferred; "
    "L: the cluster's own list; ?: unknown, counts as no"
)


@click.command("models")
@click.argument("names", nargs=-1)
@click.option(
    "--features",
    type=INPUT_FILE,
    metavar="CSV",
    help="A cluster's own Unified CM Phone Feature List; it overrides the table.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def models(*, names: tuple[str, ...], features: Path | None, as_json: bool) -> None:
    """List phone models with their features for trust decisions.

    Each value has its mark. An unknown value counts as no in reports. The last column
    names the emulated model that plays the model: mostly itself, with unknown values
    taken from a similar model. Models that are left out are not emulated; it says why.
    """
    listed = FeatureList(FEATURES, (), ())
    if features is not None:
        listed = load_features(features)
        _say(listed)
    chosen = _chosen(names, listed)
    if as_json:
        for each in chosen:
            click.echo(json.dumps(_to_json(each)))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("model", *(name.replace("_", " ") for name in COLUMNS), "played as"):
        table.add_column(title, overflow="fold")
    for each in chosen:
        cells = map(str, each.cells().values())
        table.add_row(each.name, *cells, _played(each) or _left_out(each))
    result_console(_WIDTH_IN_FILES).print(table)
    words = (f"{each.replace('_', ' ')}: {is_}" for each, is_ in COLUMN_WORDS.items())
    click.echo("; ".join(words))
    click.echo(_MARKS)


def _chosen(names: Sequence[str], listed: FeatureList) -> list[ModelFeatures]:
    if not names:
        return list(listed.features.values())
    found = []
    for name in names:
        known = find_features(name, listed.features)
        if known is None:
            raise PhoneError(
                f"nothing is known of a model {printable(name)[:40]}",
                hint="`tokenless phone models` lists all",
            )
        found.append(known)
    return found


def _played(model: ModelFeatures) -> str | None:
    return real_model(model.name, {model.name: model}).like


def _left_out(model: ModelFeatures) -> str:
    return f"left out: {model.why_left_out}"


def _to_json(model: ModelFeatures) -> dict[str, object]:
    cells = {name: _cell(cell) for name, cell in model.cells().items()}
    return {
        "model": model.name,
        "family": model.family,
        "like": _played(model),
        "left_out": model.why_left_out,
        **cells,
    }


def _cell(cell: Cell) -> dict[str, str | None]:
    return {"value": cell.value if cell.is_known else None, "mark": cell.mark}


def _say(listed: FeatureList) -> None:
    for what, names in (
        ("other than the table has it", listed.changed),
        ("in no table, so left out", listed.unknown),
    ):
        if names:
            shown = ", ".join(printable(name)[:40] for name in names)
            click.echo(f"{what}: {shown}", err=True)
