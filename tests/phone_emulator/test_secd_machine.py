"""The machine as such: its table, what it expects when, what it does not touch."""

import pytest

from tests.rigs.cluster import DEVICE, NOW, PUB, SUB, Authority, Lab, configuration
from tests.rigs.phone_bench import nodes_of, phone
from tokenless.phone_emulator.secd.events import (
    Downloaded,
    DownloadRefused,
    Event,
    Fetch,
    Finish,
    FlashContents,
    NotFound,
    PowerOn,
    ServerSilent,
    TvsFailed,
)
from tokenless.phone_emulator.secd.log_events import LogEvent
from tokenless.phone_emulator.secd.machine import Secd
from tokenless.phone_emulator.secd.report import FileAction
from tokenless.phone_emulator.secd.states import (
    ASKING,
    FETCHING,
    KINDS,
    TRANSITIONS,
    State,
    Transition,
)
from tokenless.phone_emulator.secd.tvs_cache import TvsCache
from tokenless.protocol.phones.models import PHONE_MODELS, Transport
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason

IDENTITY = phone({}).identity


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_step_is_used() -> None:
    used = {step for row in TRANSITIONS.values() for step in row}
    assert used == set(Transition)


def test_every_state_can_be_reached_and_ends() -> None:
    reached, frontier = {State.OFF}, [State.OFF]
    while frontier:
        for state in TRANSITIONS[frontier.pop()].values():
            if state not in reached:
                reached.add(state)
                frontier.append(state)
    assert reached == set(State)
    assert [state for state, row in TRANSITIONS.items() if not row] == [State.RUNNING]


def test_every_state_in_between_is_about_a_file() -> None:
    opening = {State.OPENING_CONFIGURATION}
    between = set(State) - {State.OFF, State.RUNNING}
    assert set(KINDS) == ASKING | FETCHING | opening == between


def machine() -> Secd:
    return Secd(IDENTITY, FlashContents(), TvsCache())


@pytest.mark.parametrize("event", [NotFound(), Downloaded(b""), TvsFailed("", 0.0)])
def test_a_phone_that_is_off_expects_power_only(event: Event) -> None:
    unexpected = f"^{type(event).__name__} is not expected while off$"
    with pytest.raises(RuntimeError, match=unexpected):
        machine().handle(event, NOW)


@pytest.mark.parametrize("event", [PowerOn(), TvsFailed("", 0.0)])
def test_a_fetching_phone_expects_no_answers(event: Event) -> None:
    secd = machine()
    secd.handle(PowerOn(), NOW)
    with pytest.raises(RuntimeError, match="not expected"):
        secd.handle(event, NOW)


def test_the_order_of_requests() -> None:
    """REFERENCE 4.1, against a node that has nothing."""
    secd = machine()
    asked = []
    effects = secd.handle(PowerOn(), NOW)
    while effects != [Finish()]:
        (effect,) = effects
        assert isinstance(effect, Fetch)
        asked.append(effect.name)
        effects = secd.handle(NotFound(), NOW)
    assert asked == [
        f"CTL{DEVICE}.tlv",
        "CTLFile.tlv",
        f"ITL{DEVICE}.tlv",
        "ITLFile.tlv",
        f"{DEVICE}.cnf.xml",
        "XMLDefault.cnf.xml",
    ]
    assert secd.report.status_messages == [
        "File Not Found <CTLFile.tlv>",
        "File Not Found <ITLFile.tlv>",
        "No Trust List installed",
        f"File not found <{DEVICE}.cnf.xml>",
    ]


@pytest.mark.parametrize("model", PHONE_MODELS)
def test_every_model_boots(model: str) -> None:
    nodes = nodes_of(Lab(mixed=True))
    bench = phone(nodes, model=model)
    report = bench.boot().report
    assert report.holds_what_is_served
    has_itl = PHONE_MODELS[model].security_by_default
    assert (FileKind.ITL in report.files) is has_itl
    signed = PHONE_MODELS[model].signed_files
    requested = report.files[FileKind.CONFIGURATION].requested or ""
    assert requested.endswith(".sgn") is signed
    assert any(name.startswith("ITL") for name in nodes[PUB].fetched) is has_itl


def test_the_second_server_is_asked_when_the_first_is_silent() -> None:
    bench = phone({SUB: nodes_of(Lab())[SUB]})
    assert bench.boot().report.outcome == "ok"
    silences = [event for event in bench.events if isinstance(event, ServerSilent)]
    assert len(silences) == 1  # it then stays with the one that answers


NAMES = {
    FileKind.CTL: f"CTL{DEVICE}.tlv",
    FileKind.ITL: f"ITL{DEVICE}.tlv",
    FileKind.CONFIGURATION: f"{DEVICE}.cnf.xml",
}


@pytest.mark.parametrize("kind", FileKind)
def test_a_server_may_fall_silent_before_any_file(kind: FileKind) -> None:
    secd = machine()
    (effect,) = secd.handle(PowerOn(), NOW)
    while isinstance(effect, Fetch) and effect.name != NAMES[kind]:
        (effect,) = secd.handle(NotFound(), NOW)
    first, second = IDENTITY.servers
    assert effect == Fetch(first, NAMES[kind])
    assert secd.handle(ServerSilent("no answer"), NOW) == [Fetch(second, NAMES[kind])]
    assert KINDS[secd.state] is kind
    (effect,) = secd.handle(ServerSilent("no answer"), NOW)
    while isinstance(effect, Fetch):
        (effect,) = secd.handle(NotFound(), NOW)
    assert secd.report.files[kind].action is FileAction.FAILED
    assert secd.report.files[kind].code is Reason.NO_SERVER


def test_a_missing_file_is_not_looked_for_on_another_server() -> None:
    nodes = nodes_of(Lab())
    bench = phone(nodes)
    bench.boot()
    assert nodes[SUB].fetched.total() == 0


def test_damaged_flash_counts_as_empty() -> None:
    bench = phone(nodes_of(Lab(mixed=True)))
    bench.contents = FlashContents(b"damaged", b"too", b"<device")
    report = bench.boot().report
    assert report.files[FileKind.CTL].verified_by == "first-use"
    assert LogEvent.UNREADABLE_LIST in {entry.moment for entry in bench.secd.log}


def test_damaged_flash_is_empty_even_when_nothing_replaces_it() -> None:
    bench = phone({PUB: Authority()})
    bench.contents = FlashContents(b"damaged", b"too", b"<device")
    bench.boot()
    assert bench.contents == FlashContents()


def test_a_default_configuration_is_taken_when_there_is_no_other() -> None:
    nodes = nodes_of(Lab())
    default = b"<Default><callManagerGroup/></Default>"
    nodes[PUB].configuration = None
    nodes[PUB].itl = None
    nodes[PUB].files["XMLDefault.cnf.xml"] = default
    bench = phone(nodes)
    report = bench.boot().report.files[FileKind.CONFIGURATION]
    assert report.action is FileAction.INSTALLED
    assert report.requested == "XMLDefault.cnf.xml"
    assert bench.contents.configuration == default


def test_a_refused_download_is_not_looked_for_elsewhere() -> None:
    """A TFTP error other than "File not found", or a file that is too large."""
    secd = machine()
    secd.handle(PowerOn(), NOW)
    for expected in (State.FETCHING_ITL, State.FETCHING_CONFIGURATION, State.RUNNING):
        secd.handle(DownloadRefused("TFTP error 2: Access violation"), NOW)
        assert secd.state is expected
    report = secd.report
    assert {file.action for file in report.files.values()} == {FileAction.FAILED}
    assert {file.code for file in report.files.values()} == {Reason.NOT_DOWNLOADED}
    assert report.status_messages.count("TFTP access error") == 3
    assert "Access violation" in (report.files[FileKind.CTL].reason or "")


@pytest.mark.parametrize(
    ("length", "reason", "code"),
    [
        (64 * 1024, "malformed: no trust list", Reason.MALFORMED),
        (
            64 * 1024 + 1,
            "the list has 65537 bytes: a phone loads no list over 64 KB",
            Reason.TOO_LONG,
        ),
    ],
)
def test_a_list_of_more_than_64_kb_is_not_even_read(
    length: int, reason: str, code: Reason
) -> None:
    """REFERENCE 1.10: about 39 certificates of 2048 bits."""
    secd = machine()
    secd.handle(PowerOn(), NOW)
    secd.handle(Downloaded(bytes(length)), NOW)
    report = secd.report.files[FileKind.CTL]
    assert (report.action, report.rule) == (FileAction.REJECTED, 7)
    assert (report.reason or "").startswith(reason)
    assert report.code is code


@pytest.mark.parametrize(("mixed", "rule"), [(True, 9), (False, 11)])
def test_a_configuration_that_is_none_is_refused_under_its_own_rule(
    *, mixed: bool, rule: int
) -> None:
    """Unsigned where a signed one is wanted, and malformed where none is."""
    nodes = nodes_of(Lab(mixed=mixed))
    if not mixed:
        nodes[PUB].itl = Lab().blank_itl()
    for suffix in ("", ".sgn"):
        nodes[PUB].files[f"{DEVICE}.cnf.xml{suffix}"] = b"nonsense"
    report = phone(nodes).boot().report.files[FileKind.CONFIGURATION]
    assert (report.action, report.rule) == (FileAction.REJECTED, rule)
    assert report.code is Reason.MALFORMED


def test_a_configuration_by_http_is_said_to_be_one() -> None:
    secd = machine()
    (effect,) = secd.handle(PowerOn(), NOW)
    while isinstance(effect, Fetch) and effect.name != f"{DEVICE}.cnf.xml":
        (effect,) = secd.handle(NotFound(), NOW)
    secd.handle(Downloaded(configuration().encode(), Transport.HTTP), NOW)
    assert secd.report.status_messages[-1] == f"{DEVICE}.cnf.xml(HTTP)"


def test_a_model_without_itl_believes_none_that_its_flash_holds() -> None:
    lab = Lab(mixed=True)
    bench = phone(nodes_of(lab), model="7960")
    bench.boot()
    itl = lab.itl().sign("ITLFile.tlv")
    bench.contents = FlashContents(bench.contents.ctl, itl, None)
    bench.nodes = nodes_of(lab.regenerate_callmanager())
    secd = bench.boot()
    assert secd.anchors.itl is None
    reason = secd.report.files[FileKind.CTL].reason or ""
    assert reason.endswith("this model cannot ask TVS")
