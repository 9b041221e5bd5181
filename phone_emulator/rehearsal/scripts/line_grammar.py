"""The grammar of one line of `run`: a synopsis such as an administrator reads.

    phones move GROUP... --to NODE...
    ctl-client update (--token TOKEN)... [--ignore-missing-file]

Words in lower case are typed as they are, words in capitals are arguments, and their
names say what they must be (`line_check`). Brackets make a part optional. An option may
be repeated when it is written `(--token TOKEN)...`; `--to NODE...` takes all words that
follow. The argument `COMMAND...` ends the options: the rest belongs to the command.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tokenless.phone_emulator.errors import PhoneError

_PART: Final = re.compile(
    r"\(?\[?(?P<option>--[a-z-]+)?\s*(?P<name>[A-Z][A-Z-]*)?(?P<many>\.\.\.)?\]?"
    r"(?:\)(?P<repeated>\.\.\.))?"
)
_TOKENS: Final = re.compile(r"\[[^]]+\]|\([^)]+\)\.\.\.|--[a-z-]+ \S+|\S+")
COMMAND: Final = "COMMAND"
"""The argument that takes the rest of a line as it is."""

Values = dict[str, tuple[str, ...]]
"""The values of a line: of its arguments by name, of its flags by option."""


@dataclass(frozen=True, slots=True)
class Part:
    """An argument or an option of a synopsis."""

    name: str | None
    """The kind of the value; None for a flag."""
    option: str | None
    many: bool
    """True if it takes several words."""
    repeated: bool
    """True if the option may be given several times."""
    optional: bool

    @property
    def key(self) -> str:
        """The key of its value."""
        return self.name or self.option or ""


@dataclass(frozen=True, slots=True)
class Synopsis:
    """A synopsis that was read."""

    text: str
    words: tuple[str, ...] = field(init=False)
    """The first words of its lines."""
    parts: tuple[Part, ...] = field(init=False)

    def __post_init__(self) -> None:
        tokens = _TOKENS.findall(self.text)
        words = [token for token in tokens if re.fullmatch("[a-z-]*[a-z]", token)]
        words = [word for word in words if not word.startswith("--")]
        object.__setattr__(self, "words", tuple(words))
        rest = tokens[len(words) :]
        object.__setattr__(self, "parts", tuple(map(_part, rest)))

    def read(self, typed: Sequence[str]) -> Values:
        """Return the values in the words that follow the synopsis' own.

        Raises:
            PhoneError: When they do not fit.
        """
        reader = _Reader(self, list(typed))
        return reader.read()


def _part(token: str) -> Part:
    match = _PART.fullmatch(token)
    if match is None:
        message = f"not a part of a synopsis: {token}"
        raise ValueError(message)
    return Part(
        name=match["name"],
        option=match["option"],
        many=bool(match["many"]),
        repeated=bool(match["repeated"]),
        optional=token[0] == "[",
    )


class _Reader:
    """Divides the words of a line among the parts of a synopsis."""

    def __init__(self, synopsis: Synopsis, words: list[str]) -> None:
        self._synopsis = synopsis
        self._words = words
        self._found: dict[str, list[str]] = {}
        self._options = {part.option: part for part in synopsis.parts if part.option}
        self._positional = [part for part in synopsis.parts if not part.option]
        self._ends_options = any(p.name == COMMAND for p in self._positional)

    def read(self) -> Values:
        loose: list[str] = []
        while self._words:
            word = self._words.pop(0)
            if word.startswith("--"):
                self._read_option(word)
            else:
                loose.append(word)
                if self._ends_options:
                    loose += self._words
                    self._words = []
        self._divide(loose)
        for part in self._synopsis.parts:
            if not part.optional and not self._found.get(part.key):
                raise self._wrong(f"{part.option or part.name} is missing")
        keys = [part.key for part in self._synopsis.parts]
        return {key: tuple(self._found[key]) for key in keys if key in self._found}

    def _read_option(self, word: str) -> None:
        part = self._options.get(word)
        if part is None:
            raise self._wrong(f"there is no option {word}")
        if part.key in self._found and not part.repeated:
            raise self._wrong(f"{word} is given twice")
        values = self._found.setdefault(part.key, [])
        if part.name is None:
            values.append(word)
            return
        count = len(self._words) if part.many else 1
        taken, self._words = self._words[:count], self._words[count:]
        if not taken or any(value.startswith("--") for value in taken):
            raise self._wrong(f"{word} needs a {part.name}")
        values.extend(taken)

    def _divide(self, loose: list[str]) -> None:
        for part in self._positional:
            count = len(loose) if part.many else 1
            taken, loose = loose[:count], loose[count:]
            if taken:
                self._found[part.key] = taken
        if loose:
            raise self._wrong(f"{loose[0]!r} is too much")

    def _wrong(self, reason: str) -> PhoneError:
        return PhoneError(reason, hint=f"usage: {self._synopsis.text}")
