"""A CSV file of devices: each value understood, each refusal with its line."""

import pytest

from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfOperation,
    DeviceSecurity,
)
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.device_import import (
    MAX_BYTES,
    MAX_ROWS,
    read_devices_csv,
)
from tokenless.services.changes.devices import Selection
from tokenless.services.errors import ServiceError

ALL = "name, model, pool, security, encrypted_config, capf, auth, string, key_size"


def changes(text: str) -> list[tuple[Selection, DeviceChange]]:
    return read_devices_csv(text.encode(), "x.csv")


def refused(data: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as found:
        read_devices_csv(data, "x.csv")
    return found.value


def test_every_column_is_a_field() -> None:
    text = (
        "\ufeffstring,auth,capf,encrypted_config,security,pool,model,key_size,name\r\n"
        " 12345 , String , INSTALL , Yes , Encrypted , HQ , 8861 , 2048 , sep1 \r\n"
    )
    assert changes(text) == [
        (
            Selection(("SEP1",)),
            DeviceChange(
                model="8861",
                pool="HQ",
                security_mode=DeviceSecurity.ENCRYPTED,
                encrypts_config=True,
                operation=CapfOperation.INSTALL,
                auth_mode=CapfAuthMode.STRING,
                string="12345",
                key_size=2048,
            ),
        )
    ]


def test_what_is_empty_or_has_no_column_stays_as_it_is() -> None:
    empty = ALL.replace(" ", "") + "\nSEP1, , , , , , , , \n"
    assert (
        changes(empty)
        == changes("name\nSEP1\n")
        == [(Selection(("SEP1",)), DeviceChange())]
    )


@pytest.mark.parametrize(
    ("word", "value"), [("yes", True), ("no", False), ("true", True), ("false", False)]
)
def test_an_encrypted_configuration_is_wanted_or_not(word: str, value: bool) -> None:
    ((_, change),) = changes(f"name,encrypted_config\nSEP1,{word}\n")
    assert change.encrypts_config is value


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (
            "name\n\nSEP1\n\n\nsep1\n",
            "x.csv, line 6: SEP1 appears twice",
            "keep one row",
        ),
        (
            'name,pool\nSEP1,"a\nb"\nSEP2\n',
            "x.csv, line 4: the number of fields is not the number of columns",
            None,
        ),
        (
            "name\nSEP1,8861\n",
            "x.csv, line 2: the number of fields is not the number of columns",
            None,
        ),
        (
            f"name,key_size\nSEP1,{'x' * 21}\n",
            f"x.csv, line 2: key_size is '{'x' * 20}'",
            "write 2048",
        ),
        (
            "name,key_size\nSEP1,65537\n",
            "x.csv, line 2: key_size is '65537'",
            "write 2048",
        ),
        (
            f"name,security\nSEP1,{'X' * 21}\n",
            f"x.csv, line 2: security is '{'x' * 20}'",
            "one of non-secure, authenticated, encrypted",
        ),
        (
            "name,encrypted_config\nSEP1,on\n",
            "x.csv, line 2: encrypted_config is 'on'",
            "one of yes, no, true, false",
        ),
        (
            "name,capf\nSEP1,renew\n",
            "x.csv, line 2: capf is 'renew'",
            "one of none, install, delete, troubleshoot",
        ),
        (
            "name,auth\nSEP1,x\n",
            "x.csv, line 2: auth is 'x'",
            "one of string, null-string, lsc, mic",
        ),
        ("name\n", "x.csv: 0 rows", f"give 1 to {MAX_ROWS}"),
        (
            "name,colour\nSEP1,red\n",
            "x.csv: the first line must name its columns, `name` among them",
            f"columns: {ALL}",
        ),
        (
            "model\n8861\n",
            "x.csv: the first line must name its columns, `name` among them",
            f"columns: {ALL}",
        ),
        (
            "name,model,name\nSEP1,8861,SEP2\n",
            "x.csv: the first line must name its columns, `name` among them",
            f"columns: {ALL}",
        ),
        (
            'name\n"SEP1"x\n',
            "x.csv: not a CSV file: ',' expected after '\"'",
            None,
        ),
    ],
)
def test_a_refusal_says_where_and_what(text: str, said: str, hint: str | None) -> None:
    error = refused(text.encode())
    assert (str(error), error.hint) == (said, hint)


def test_a_key_size_of_the_bound_is_for_others_to_judge() -> None:
    ((_, change),) = changes("name,key_size\nSEP1,65536\n")
    assert change.key_size == 65536


def test_other_bytes_than_utf8_are_refused() -> None:
    said = str(refused(b"name\nSEP\xff\n"))
    assert said.startswith("x.csv: not a CSV file: 'utf-8' codec can't decode byte")


def test_a_file_is_bounded() -> None:
    start, row = b"name,pool\n", b"SEP1,\n"
    most = start + row + b"SEP2," + b"\n" * (MAX_BYTES - 21)
    assert len(most) == MAX_BYTES
    assert len(read_devices_csv(most, "x.csv")) == 2
    error = refused(most + b"\n")
    assert (str(error), error.hint) == (
        f"x.csv: over {16 << 20} bytes",
        "split the file",
    )
    rows = b"name\n" + b"\n".join(b"%d" % number for number in range(MAX_ROWS))
    assert len(read_devices_csv(rows, "x.csv")) == MAX_ROWS
    assert str(refused(rows + b"\nx\n")) == "x.csv: 100001 rows"
