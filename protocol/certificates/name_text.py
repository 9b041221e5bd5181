"""The escapes and quotes of names written as text (REFERENCE 1.4, 1.7).

    text:   key=value  separator  key=value …
    escape: backslash and a character, or backslash and two hex digits of UTF-8
    quoted: "value", a quote inside doubled, the last quote may be lost (CTL Client)

Whatever cannot be printed is escaped, so that a certificate's name can end no line, and
no string, early.
"""

import re
from collections.abc import Set as AbstractSet
from typing import Final

from tokenless.protocol.errors import DecodeError

_SPECIAL_IN_WINDOWS: Final = frozenset(',+="\n<>#;')
_KEY: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEX_ESCAPES: Final = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(.)", re.DOTALL)


def write_value(value: str, separators: str) -> str:
    """Escape what would end the value early or cannot be printed."""
    special = {*separators, "\\"}
    plain = value
    if not value.isprintable() or special & set(value):
        plain = "".join(_escape(character, special) for character in value)
    return f"\\{plain}" if plain.startswith('"') else plain


def _escape(character: str, special: AbstractSet[str]) -> str:
    if character in special:
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:02X}" for byte in _bytes_of(character))


def _bytes_of(character: str) -> bytes:
    try:
        # Python keeps bytes that are no UTF-8, of a file's name for example, as these.
        return character.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return character.encode(errors="surrogatepass")


def printable(text: str) -> str:
    """Escape what cannot be printed in a text from outside.

    The one function for that: control characters (C0, C1), line and paragraph
    separators, marks that turn the direction of writing, and whatever else has no
    place on paper. So a text ends no line early, draws nothing and hides nothing.
    """
    if text.isprintable():
        return text
    return "".join(_escape(character, frozenset()) for character in text)


def printable_lines(text: str) -> str:
    """Escape what cannot be printed in a laid-out text; its lines and tabs stay.

    For texts whose values were made printable when they were laid out, or that come
    from a file as a whole.
    """
    return "\n".join(
        "\t".join(map(printable, line.split("\t"))) for line in text.split("\n")
    )


def quote_windows(value: str) -> str:
    """Quote as Windows' CertNameToStr does: on blanks at an end or special characters.

    A value with no need of quotes is escaped where it cannot be printed.
    """
    if value and value == value.strip() and not _SPECIAL_IN_WINDOWS & set(value):
        return write_value(value, ";")
    escaped = "".join(_escape(character, {"\\"}) for character in value)
    doubled = escaped.replace('"', '""')
    return f'"{doubled}"'


def split_name(text: str, separator: str | None) -> list[tuple[str, str]]:
    """Split a name into keys and values; None as separator means: find out.

    Raises:
        DecodeError: When a part has no key.
    """
    if not text:
        return []
    if separator is None:
        separator = _guess_separator(text)
    pairs: list[tuple[str, str]] = []
    offset = 0
    for part in _split(text, separator):
        key, equals, value = part.partition("=")
        if not equals or not _KEY.fullmatch(key.strip(" ")):
            raise DecodeError(f"a part of a name has no key: {part!r}", offset=offset)
        pairs.append((key.strip(" "), _read_value(value)))
        offset += len(part) + 1
    return pairs


def _guess_separator(text: str) -> str:
    if len(_split(text, ";")) > 1:
        return ";"
    # `O=Cisco Systems, Inc.` is one attribute: only parts with a key make a `,` form.
    return "," if all("=" in part for part in _split(text, ",")) else ";"


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that are neither escaped nor inside quotes.

    A quote opens a quoted value only right after the key; when it never closes, as in
    the CTL Client's names, the next separator ends the value all the same.
    """
    if "\\" not in text and '"' not in text:
        return text.split(separator)
    parts: list[str] = []
    start = offset = 0
    in_key = True
    while offset < len(text):
        character = text[offset]
        if character == separator:
            parts.append(text[start:offset])
            start, in_key = offset + 1, True
        elif character == "\\":
            offset += 1
        elif character == "=" and in_key:
            in_key = False
            if text[offset + 1 : offset + 2] == '"':
                offset = _closing_quote(text, offset + 1)
        offset += 1
    parts.append(text[start:])
    return parts


def _closing_quote(text: str, opening: int) -> int:
    """Return where the quoted value ends, or `opening` when it never does."""
    offset = opening + 1
    while (offset := text.find('"', offset)) != -1:
        if text[offset + 1 : offset + 2] != '"':
            return offset
        offset += 2
    return opening


def _read_value(value: str) -> str:
    if value.startswith('"'):
        value = value[1:].removesuffix('"').replace('""', '"')
    return _HEX_ESCAPES.sub(_unescape, value) if "\\" in value else value


def _unescape(match: re.Match[str]) -> str:
    if match.group(1) is not None:
        return match.group(1)
    return bytes.fromhex(match.group().replace("\\", "")).decode(errors="replace")
