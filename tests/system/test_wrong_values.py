"""Values that an option cannot have: wrong usage, whichever option it is."""

from pathlib import Path

import pytest

from tests.rigs import minting
from tests.rigs.run_cli import run_cli

LINES = {
    "check --tftp 127.0.91.1:99999": "no port in range",
    "check --tftp 127.0.91.1 --tvs a:b:c": "[IPv6]:PORT",
    "check --tftp 127.0.91.1 --device foo/bar": "is not a device name",
    "check --tftp 127.0.91.1 --sccps-port 0": "is not a port",
    "fleet boot --flash f": "give --tftp",
    "fleet run --flash f": "give --tftp",
    "fleet boot --flash f --tftp 127.0.91.1:0": "no port in range",
    "phone boot --flash f --device SEP001122334455 --tftp=": "HOST:PORT",
    "rehearse import --tftp a:b:c": "[IPv6]:PORT",
    "rehearse import --ctl cert.pem --version new": 'write it as "10.5(1)"',
    "preflight cert.pem --goal regenerate --to new": "is not a release",
    "file sign cert.pem": "no signer was given",
    "file build x.tlv": "no signer was given",
    "file build x.tlv --record BLAH=cert.pem": "BLAH",
    "file build x.tlv --record nothing": "ROLE=CERT",
    "file build x.tlv --signer-version one": "of the form 1.1",
    "tvs verify cert.pem --server=": "HOST:PORT",
    "file verify cert.pem --tvs ::1::2": "[IPv6]:PORT",
    "console --address [::1": "is not an address",
    "console --address a:b": "is not an address",
    "console --address \udcff": "is not an address",
    "phone web --flash f --address a:b": "is not an address",
    "serve --metrics [::1": "is not [ADDRESS:]PORT",
    "serve --console [::1": "is not [ADDRESS:]PORT",
    "serve --metrics 127.0.0.1:1_0": "is not [ADDRESS:]PORT",
    "cert request CallManager --key-size -1": "no key has -1 bits; use 256, ",
    "cert regenerate CallManager --key-size 5": "no key has 5 bits",
    "device set SEP001122334455 --key-size 1023": "no key has 1023 bits",
    "cert list --node=": "'--node': it is empty; give a value, or leave it out",
    "cert request CallManager --cn=": "'--cn': it is empty",
    "cert request CallManager --san a --san=": "'--san': it is empty",
    "device set SEP001122334455 --pool=": "'--pool': it is empty",
    "init --data=": "'--data': it is empty",
    "fleet show --flash=": "'--flash': it is empty",
    "phone show --flash=": "'--flash': it is empty",
    "health --node=": "'--node': it is empty",
    "rehearse plan --goal=": "'--goal': it is empty",
    "rehearse plan --goal TVS --models=": "'--models': it is empty",
}


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_value_is_wrong_usage(tmp_path: Path, line: str) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_bytes(minting.server().certificate_pem)
    words = line.replace("cert.pem", str(certificate)).split()
    status, out, err = run_cli(*words)
    assert (status, out) == (2, ""), err
    assert err.startswith("Usage: ")
    assert LINES[line] in err.splitlines()[-1]


def test_an_error_sends_no_controls_to_a_terminal() -> None:
    """A name may come from a list of somebody else."""
    status, _, err = run_cli("cert", "list", "--store", "\x1b]0;title\x07")
    assert status == 2
    assert err.startswith("Usage: ")
    assert "\\1B]0;title\\07" in err
    assert not set(err) & {"\x1b", "\x07"}
