"""XML from outside: bounded, without document types, so without entities."""

from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

from tokenless.protocol.errors import DecodeError

_MAX_ELEMENTS: Final = 20_000
_MAX_DEPTH: Final = 32


class _BoundedBuilder(ET.TreeBuilder):
    """Builds a tree; refuses document types, and documents that grow without end."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = 0
        self._depth = 0

    def open(self, tag: str, attributes: dict[str, str]) -> None:
        """Open an element.

        Raises:
            DecodeError: When there are too many elements, or they are nested too deep.
        """
        self._elements += 1
        self._depth += 1
        if self._elements > _MAX_ELEMENTS or self._depth > _MAX_DEPTH:
            raise DecodeError("too many or too deep elements", offset=0)
        self.start(tag, attributes)

    def shut(self, tag: str) -> None:
        """Close an element."""
        self._depth -= 1
        self.end(tag)

    def refuse_doctype(self, *_declaration: object) -> None:
        """Refuse: without a document type there are no entities to expand.

        Raises:
            DecodeError: Always.
        """
        raise DecodeError("a document type is not allowed", offset=0)


def parse_xml_untrusted(data: bytes, max_bytes: int, name: str) -> ET.Element:
    """Parse without namespaces: CUCM writes `xsi:type` and never declares `xsi`.

    Args:
        data: The document.
        max_bytes: How long it may be.
        name: What it is, for the error.

    Raises:
        DecodeError: When it is too long, not well-formed, or has a document type.
    """
    if len(data) > max_bytes:
        raise DecodeError(f"a {name} of {len(data)} bytes is too large", offset=0)
    builder = _BoundedBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.open
    parser.EndElementHandler = builder.shut
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.refuse_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DecodeError(
            f"no well-formed XML: {expat.ErrorString(error.code)}", offset=error.offset
        ) from error
    except (ValueError, LookupError) as error:  # an encoding that does not exist
        raise DecodeError("XML in an unknown encoding", offset=0) from error
    return builder.close()
