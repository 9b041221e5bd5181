"""Read a CSV file of devices: one row a phone, all of it understood or none.

name,model,pool,security,encrypted_config,capf,auth,string,key_size
"""

import csv
import io
from collections.abc import Mapping
from typing import Final, TypeVar

from tokenless.protocol.decimal_text import read_decimal
from tokenless.protocol.phones.device_security import (
    CAPF_AUTH_MODES,
    CAPF_OPERATIONS,
    SECURITY_MODES,
)
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection
from tokenless.services.errors import ServiceError

MAX_BYTES: Final = 16 << 20
MAX_ROWS: Final = 100_000
COLUMNS: Final = (
    "name",
    "model",
    "pool",
    "security",
    "encrypted_config",
    "capf",
    "auth",
    "string",
    "key_size",
)
_MOST_BITS: Final = 1 << 16
_TRUTH: Final = {"yes": True, "no": False, "true": True, "false": False}
T = TypeVar("T")


def read_devices_csv(data: bytes, where: str) -> list[tuple[Selection, DeviceChange]]:
    """Return the changes that a file asks for.

    Args:
        data: UTF-8, with a line of column names.
        where: The file's name, for errors.

    Raises:
        ServiceError: When the file is too large, is not CSV, has a column or a value
            that is unknown, or names a device twice.
    """
    if len(data) > MAX_BYTES:
        raise ServiceError(f"{where}: over {MAX_BYTES} bytes", hint="split the file")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        rows = [(reader.line_num, row) for row in reader]
        columns = reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise ServiceError(f"{where}: not a CSV file: {error}") from None
    unknown = [name for name in columns if name not in COLUMNS]
    if "name" not in columns or unknown or len(set(columns)) < len(columns):
        raise ServiceError(
            f"{where}: the first line must name its columns, `name` among them",
            hint=f"columns: {', '.join(COLUMNS)}",
        )
    if not rows or len(rows) > MAX_ROWS:
        raise ServiceError(f"{where}: {len(rows)} rows", hint=f"give 1 to {MAX_ROWS}")
    return _changes(rows, where)


def _changes(
    rows: list[tuple[int, dict[str, str]]], where: str
) -> list[tuple[Selection, DeviceChange]]:
    changes, seen = [], set()
    for number, row in rows:
        place = f"{where}, line {number}"
        if None in row or None in row.values():
            raise ServiceError(
                f"{place}: the number of fields is not the number of columns"
            )
        name = row["name"].strip().upper()
        if name in seen:
            raise ServiceError(f"{place}: {name} appears twice", hint="keep one row")
        seen.add(name)
        changes.append((Selection((name,)), _change(row, place)))
    return changes


def _change(row: Mapping[str, str], place: str) -> DeviceChange:
    size = row.get("key_size", "").strip()
    key_size = read_decimal(size, _MOST_BITS)
    if size and key_size is None:
        raise ServiceError(f"{place}: key_size is {size[:20]!r}", hint="write 2048")
    return DeviceChange(
        model=row.get("model", "").strip() or None,
        pool=row.get("pool", "").strip() or None,
        security_mode=_word(row, "security", SECURITY_MODES, place),
        encrypts_config=_word(row, "encrypted_config", _TRUTH, place),
        operation=_word(row, "capf", CAPF_OPERATIONS, place),
        auth_mode=_word(row, "auth", CAPF_AUTH_MODES, place),
        string=row.get("string", "").strip() or None,
        key_size=key_size,
    )


def _word(
    row: Mapping[str, str], column: str, words: Mapping[str, T], place: str
) -> T | None:
    text = row.get(column, "").strip().lower()
    if not text:
        return None
    if text not in words:
        raise ServiceError(
            f"{place}: {column} is {text[:20]!r}", hint=f"one of {', '.join(words)}"
        )
    return words[text]
