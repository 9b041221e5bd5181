"""Console log, status messages and screens, in the forms of REFERENCE 4.3 and 4.4."""

import re
from dataclasses import replace

import pytest

from tests.rigs.cluster import DEVICE, NOW, PUB, Lab
from tests.rigs.phone_bench import Bench, nodes_of, phone
from tokenless.phone_emulator.console_log import lines_of
from tokenless.phone_emulator.screen import _name_of, describe, draw
from tokenless.phone_emulator.secd.events import FlashContents
from tokenless.phone_emulator.secd.log_events import LogEntry, LogEvent
from tokenless.phone_emulator.secd.status_messages import line_of
from tokenless.protocol.phones.models import PHONE_MODELS, LogForm

MIXED = Lab(mixed=True)
SECD_LINE = re.compile(
    r"\d{4,}: (NOT|WRN|ERR|DEB|INF) \d\d:\d\d:\d\d\.\d{6} SECD: \S.*"
)
SECUREAPP_LINE = re.compile(
    r"\d{4,} (NOT|WRN|ERR|DEB|INF) [A-Z][a-z]{2} \d\d "
    r"\d\d:\d\d:\d\d\.\d{6} SECUREAPP-\S.*"
)


def eventful(model: str) -> list[LogEntry]:
    """Return the log of boots in which as much as possible happened."""
    bench = phone(nodes_of(Lab()), model=model)
    log = list(bench.boot().log)
    bench.nodes = nodes_of(MIXED)
    bench.nodes[PUB].tvs_down = True
    log += bench.boot().log
    bench.nodes = nodes_of(MIXED.regenerate_callmanager())
    log += bench.boot().log
    bench.nodes = nodes_of(MIXED.regenerate_callmanager(3))
    for node in bench.nodes.values():
        node.known.clear()
    log += bench.boot().log
    bench.contents = FlashContents(b"?", b"?")
    bench.nodes = {}
    return log + bench.boot().log


def test_a_7975s_lines() -> None:
    lines = list(lines_of(eventful("7975"), LogForm.SECD, 8074))
    assert lines[0].startswith("8074: NOT 22:13:20.000000 SECD: ")
    assert all(SECD_LINE.fullmatch(line) for line in lines)


def test_an_8861s_lines() -> None:
    lines = list(lines_of(eventful("8861"), LogForm.SECUREAPP, 512))
    assert lines[0].startswith("0512 INF Nov 14 22:13:20.000000 SECUREAPP-")
    assert all(SECUREAPP_LINE.fullmatch(line) for line in lines)
    assert any("Hashes match... authentication successful." in line for line in lines)


@pytest.mark.parametrize("form", LogForm)
@pytest.mark.parametrize("moment", LogEvent)
def test_every_moment_has_lines(moment: LogEvent, form: LogForm) -> None:
    names = (
        "address alarm by cause cipher clock device hash hours kind length "
        "level model name node outcome port protocol reason received result "
        "roles sent serial server status subject text"
    )
    details = dict.fromkeys(names.split(), "x")
    assert list(lines_of([LogEntry(moment, NOW, details)], form, 1))


def test_status_lines() -> None:
    early = 1_700_000_000.0 - 22 * 3600
    text = "TFTP Error : SEPB8BEBF9D2061.cnf.xml.sgn"
    assert line_of(early, text, LogForm.SECD) == f"12:13:20a {text}"
    assert line_of(NOW, "x", LogForm.SECD) == "10:13:20p x"
    expected = "[10:13:20pm 11/14/23] ITL installed"
    assert line_of(NOW, "ITL installed", LogForm.SECUREAPP) == expected


@pytest.fixture
def booted() -> Bench:
    bench = phone(nodes_of(MIXED))
    bench.boot()
    return bench


@pytest.mark.parametrize(("model", "digest"), [("7975", "md5"), ("8861", "sha1")])
def test_the_screen_shows_the_models_checksum(
    booted: Bench, model: str, digest: str
) -> None:
    shown = draw(DEVICE, PHONE_MODELS[model], booted.contents, ["10:13:20p x"])
    values = describe(PHONE_MODELS[model], booted.contents)
    other = {"md5": "sha1", "sha1": "md5"}[digest]
    for name in ("CTLFile.tlv", "ITLFile.tlv"):
        assert values[name][digest] in shown
        assert values[name][other] not in shown
    assert "10:13:20p x" in shown
    assert re.search(r"TVS +tvs-sub1 +cucm-sub1", shown)
    widths = {len(line) for line in shown.splitlines() if line and line[0] in "┌│└"}
    assert len(widths) == 1


def test_the_screen_of_an_empty_phone() -> None:
    shown = draw(DEVICE, PHONE_MODELS["7960"], FlashContents(), [])
    assert "Not Installed" in shown
    assert "ITL" not in shown


def test_the_screen_of_a_damaged_list() -> None:
    contents = FlashContents(b"damaged", b"too")
    assert "Damaged" in draw(DEVICE, PHONE_MODELS["7975"], contents, [])
    assert describe(PHONE_MODELS["7975"], contents)["CTLFile.tlv"] is None


def texts_of(bench: Bench, form: LogForm) -> list[str]:
    separator = " SECD: " if form is LogForm.SECD else "SECUREAPP-"
    lines = lines_of(bench.secd.log, form, 1)
    return [line.partition(separator)[2] for line in lines]


def regenerated(model: str, *, tvs: str = "up") -> Bench:
    """Return a phone that has just met an unknown signer."""
    bench = phone(nodes_of(MIXED), model=model, servers=(PUB,))
    bench.boot()
    bench.nodes = nodes_of(MIXED.regenerate_callmanager())
    for node in bench.nodes.values():
        node.tvs_down = tvs == "down"
        if tvs == "another":
            node.tvs_certificate = MIXED.capf
    bench.boot()
    return bench


def in_order(expected: str, found: list[str]) -> bool:
    """Return whether all expected lines are among those found, in this order."""
    rest = iter(found)
    return all(line in rest for line in expected.strip().splitlines())


def test_an_8861_asks_as_the_migration_document_shows() -> None:
    texts = texts_of(regenerated("8861"), LogForm.SECUREAPP)
    query = len("CP-8861-") + len(DEVICE) + 4 + 10 + 2 * (3 + 32) + 3 + 16
    assert in_order(
        f"""
TVS process request - processing TVS Query Certificate request.
Attempting connect to TVS server addr [127.0.47.155], mode [IPv4]
TCP connect() successful
Role is = 21
Handshake successful.
Sec SSL Connection - caching disabled, session not saved
TVS process request - Successfully sent the TVS request to TVS server, \
bytes written : {query}
==== TVS process request - request byte dump ====, len = {query}
Found the work order from pending req list element at index 0
TVS added cert to TVS cache - expires in 24 hours
Hashes match... authentication successful.
TL file verified successfully.
updateFromFile: TL parse to table: CTL_SUCCESS
updateFromFile: Updating master TL table
TL file updated.
""",
        texts,
    )


@pytest.mark.parametrize("has_lists", [True, False])
def test_an_8861_calls_authenticated_what_was_verified(*, has_lists: bool) -> None:
    """A configuration is no trust list; an unsigned one was not authenticated."""
    bench = phone(nodes_of(MIXED), model="8861", servers=(PUB,))
    if not has_lists:
        bench.nodes[PUB].ctl = bench.nodes[PUB].itl = None
    bench.boot()
    texts = texts_of(bench, LogForm.SECUREAPP)
    name = f"{DEVICE}.cnf.xml{'.sgn' if has_lists else ''}"
    approved = f"XXTP authenticated file approved - add .sgn if necessary -- {name}"
    assert (approved in texts) is has_lists
    assert f"configuration {name} accepted" in texts
    lists = texts.count("TL file updated.")
    assert lists == (2 if has_lists else 0)
    said = ("TL file verified successfully.", "Using leap of faith to accept TL file")
    assert sum(map(texts.count, said)) == lists


def test_a_7975_asks_in_the_words_of_the_host_not_found_document() -> None:
    assert in_order(
        """
-TVS service available, can attempt via TVS
-TVS Certificate Authentication request
-No matching entry found at cache
clpSetupSsl: Trying to connect to IPV4, IP: 127.0.47.155, Port : 2445
clpSetupSsl: TCP connected
clpSetupSsl: start SSL/TLS handshake
-Successfully obtained a TLS connection to the TVS server
-Done sending Certificate Validation request
-Authenticate Certificate : request sent to TVS server - waiting for response
-Authentication Response received, status : 0
-Authenticated CTLFile.tlv via TVS
tvsFlushCertCache: Completed TVS Certificate cache flush request
""",
        texts_of(regenerated("7975"), LogForm.SECD),
    )


def test_a_7975_meets_another_tvs() -> None:
    assert in_order(
        """
clpSetupSsl: Trying to connect to IPV4, IP: 127.0.47.155, Port : 2445
clpSetupSsl: TCP connected
clpSetupSsl: start SSL/TLS handshake
EROR:clpSetupSsl: ** SSL handshake failed
SSL/TLS setup failed
EROR:clpSndStatus: SSL CLNT ERR, srvr<127.0.47.155>
""",
        texts_of(regenerated("7975", tvs="another"), LogForm.SECD),
    )


def test_a_7975_reaches_no_tvs() -> None:
    texts = texts_of(regenerated("7975", tvs="down"), LogForm.SECD)
    assert any(text.startswith("EROR:clpSetupSsl: TCP connect()") for text in texts)
    assert "clpSetupSsl: TCP connected" not in texts


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("CN=cucm-pub;OU=TAC;O=Cisco", "cucm-pub"),
        ("C=US,O=Internet Security Research Group,CN=ISRG Root X1", "ISRG Root X1"),
        ("CN=SAST,O=SAST,OU=SAST", "SAST"),
        ('CN="SAST-ADN008580ef        ";OU=IPCBU', "SAST-ADN008580ef"),
        ("cn=lower; O=x", "lower"),
        ("O=no common name", "O=no common name"),
        ("no name at all", "no name at all"),
    ],
)
def test_the_trust_list_screen_shows_common_names(subject: str, shown: str) -> None:
    """Names are written with `;` or `,`, from either end (usecallmanager.nz, CUCM)."""
    original = Lab(mixed=True).ctl().records[0]
    changed = replace(original, subject_name=subject)
    assert _name_of(changed) == shown
