"""The tables of the code as drawings, for `docs/phone.md`.

    python -m tools.phone_page docs/phone.md     # renews it there

A test keeps the document and the code the same.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from tokenless.phone_emulator.secd.states import TRANSITIONS, State
from tokenless.protocol.phones.models import PHONE_MODELS, PhoneModel
from tokenless.protocol.trust.verdicts import SOURCES, FileKind
from tools.marks import replaced

BEGIN: Final = "<!-- {name}: made by tools/phone_page.py -->"
END: Final = "<!-- end of {name} -->"

_HEADS: Final = (
    *("models", "protocol", "lists", "signed files"),
    *("TLS to TVS", "digests", "screen", "log"),
)


def draw_transitions() -> str:
    """Return the table of `states` as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> off"]
    for state, row in TRANSITIONS.items():
        lines += [
            f"    {_name(state)} --> {_name(target)}: {step}"
            for step, target in row.items()
        ]
    lines += [f"    {_name(State.RUNNING)} --> [*]", "```"]
    return "\n".join(lines)


def draw_sources() -> str:
    """Return the table of `trust_verdicts` as a Markdown table."""
    lines = [
        "| the phone holds | " + " | ".join(f"`{kind}`" for kind in FileKind) + " |",
        "|---|" + "---|" * len(FileKind),
    ]
    for state, row in SOURCES.items():
        cells = [
            ", then ".join(f"{source} ({rule})" for source, rule in row[kind])
            or "nobody"
            for kind in FileKind
        ]
        lines.append(f"| {state} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw_models() -> str:
    """Return the models as a Markdown table."""
    lines = [
        f"| {' | '.join(_HEADS)} |",
        "|---" * len(_HEADS) + "|",
    ]
    for names, model in _alike():
        lists = ", ".join(name.removesuffix("File.tlv") for name in model.trust_lists)
        digests = ", ".join(digest.name for digest in sorted(model.digests))
        lines.append(
            f"| {', '.join(names)} | {model.protocol} | {lists} "
            f"| {'yes' if model.signed_files else 'no'} "
            f"| {' to '.join(dict.fromkeys(model.tls))} | {digests} "
            f"| {model.checksum.upper()} | {model.log_form.value} |"
        )
    return "\n".join(lines)


def _alike() -> Iterator[tuple[list[str], PhoneModel]]:
    """Return models that differ in nothing but what the table does not show."""
    rows: dict[PhoneModel, list[str]] = {}
    for model in PHONE_MODELS.values():
        shown = replace(model, name="", load="", device_prefix="", has_mic=False)
        rows.setdefault(shown, []).append(model.name)
    for model, names in rows.items():
        yield names, model


DRAWINGS: Final = {
    "transitions": draw_transitions,
    "sources": draw_sources,
    "models": draw_models,
}


def renew(text: str) -> str:
    """Return a document with its drawings as the code has them.

    Raises:
        ValueError: When the document lacks the marks of a drawing.
    """
    for name, draw in DRAWINGS.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        text = replaced(text, begin, end, f"\n{draw()}\n")
    return text


def _name(state: State) -> str:
    return state.value.replace("-", "_")


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renew(document.read_text()))
