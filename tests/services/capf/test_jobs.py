"""CAPF's jobs: one transaction for those that wait, each with its own answer."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import structlog
import trio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.rigs import capf, minting
from tests.rigs.capf import DEVICE, sudi_element
from tests.rigs.clock import Clock
from tokenless.protocol.capf.elements import CapfReason, Curve, KeyType, SudiProof
from tokenless.protocol.capf.phone import CapfIdentity
from tokenless.protocol.capf.server import Identified, KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer
from tokenless.protocol.certificates.signature import verify_issued_by
from tokenless.protocol.codes import TrustStore
from tokenless.protocol.phones.device_security import (
    CapfAuthMode,
    CapfFailure,
    CapfOperation,
)
from tokenless.protocol.release import Release
from tokenless.services.capf.database_jobs import (
    Answer,
    Authority,
    Job,
    JobQueue,
    Postponed,
    Question,
    Signing,
    Written,
    load_public_key,
)
from tokenless.services.changes import trust_stores
from tokenless.services.changes.capf import Order, Refused, Result
from tokenless.services.changes.device_change import DeviceChange
from tokenless.services.changes.devices import Selection, find_device, set_devices
from tokenless.services.cluster.cluster import Cluster

OTHER = "SEP00AABBCCDDEE"
SAID = Identified(DEVICE, 3, None, None)
SESSION = 4


def public_key(kind: str = "rsa") -> bytes:
    key = minting.ec_key("jobs") if kind == "ec" else minting.rsa_key(1024, "jobs")
    return key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


@dataclass
class Desk:
    """A queue of one cluster, and what it announced."""

    cluster: Cluster
    announced: list[Cluster] = field(default_factory=list)

    def queue(self) -> JobQueue:
        signer = minting.capf()
        issuer = Issuer(signer.certificate.subject, signer.key)
        authority = Authority(signer.certificate, issuer, 30, Release.parse("11.5(1)"))
        log = structlog.get_logger()
        return JobQueue(self.cluster, authority, self.announced.append, log)

    async def ask(self, *jobs: Job) -> list[Answer]:
        """Leave all jobs at once; return their answers in order."""
        queue, found = self.queue(), dict[int, Answer]()
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(queue.run)

                def note(number: int, answer: Answer) -> None:
                    found[number] = answer
                    if len(found) == len(jobs):
                        nursery.cancel_scope.cancel()

                for number, job in enumerate(jobs):
                    queue.put(job, partial(note, number))
        return [found[number] for number in range(len(jobs))]


@pytest.fixture
def desk(lab: Cluster) -> Desk:
    return Desk(lab)


INSTALL = DeviceChange(operation=CapfOperation.INSTALL)


def schedule(lab: Cluster, *names: str, change: DeviceChange = INSTALL) -> None:
    set_devices(lab, Selection(names or (DEVICE,)), change, by="test")


async def test_questions_are_answered_each_for_its_own_phone(desk: Desk) -> None:
    schedule(desk.cluster)
    ordered, idle = await desk.ask(
        Question(SAID, SESSION), Question(replace(SAID, device=OTHER), SESSION)
    )
    assert isinstance(ordered, Order)
    assert ordered.device == find_device(desk.cluster, DEVICE)
    assert idle == Refused(CapfReason.NO_ACTION)
    assert desk.announced == []


async def test_a_refusal_that_ends_an_operation_is_written(desk: Desk) -> None:
    by_string = replace(INSTALL, auth_mode=CapfAuthMode.STRING, string="4711")
    schedule(desk.cluster, DEVICE, OTHER, change=by_string)
    wrong = replace(SAID, device=OTHER, password="0815")
    (answer,) = await desk.ask(Question(wrong, SESSION))
    assert answer == Refused(CapfReason.DECLINED, CapfFailure.INVALID_STRING)
    after = find_device(desk.cluster, OTHER).capf
    assert after.operation is CapfOperation.NONE
    assert after.failure is CapfFailure.INVALID_STRING
    other = find_device(desk.cluster, DEVICE).capf
    assert other.operation is CapfOperation.INSTALL
    assert desk.announced == [desk.cluster]


async def test_a_result_is_written_and_announced_before_it_is_answered(
    desk: Desk,
) -> None:
    schedule(desk.cluster, DEVICE, OTHER)
    lsc = capf.phone_certificate().certificate
    answers = await desk.ask(
        Result(DEVICE, CapfOperation.INSTALL, certificate=lsc),
        Result(OTHER, CapfOperation.INSTALL, CapfFailure.KEY_GENERATION),
    )
    assert answers == [Written(), Written()]
    assert find_device(desk.cluster, DEVICE).certificate == lsc
    assert find_device(desk.cluster, OTHER).capf.failure is CapfFailure.KEY_GENERATION
    assert desk.announced == [desk.cluster]


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine be in Tokyo."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
async def test_a_key_is_signed_as_it_was_ordered(desk: Desk, clock: Clock) -> None:
    schedule(desk.cluster, change=replace(INSTALL, key_size=1024))
    (order,) = await desk.ask(Question(SAID, SESSION))
    assert isinstance(order, Order)
    clock.advance(0.75)
    found = await desk.ask(
        Signing(order, public_key()),
        Signing(order, public_key("ec")),
        Signing(order, public_key()),
    )
    lsc, none, again = found
    assert none is None
    assert isinstance(lsc, Certificate)
    assert isinstance(again, Certificate)
    verify_issued_by(lsc, minting.capf().certificate)
    assert lsc.subject.get("CN") == DEVICE
    assert lsc.issuer == minting.capf().certificate.subject
    assert lsc.key_info == public_key()
    assert lsc.serial_hex != again.serial_hex
    begins = datetime.fromtimestamp(int(clock()), UTC)
    assert lsc.not_before == begins
    assert timedelta(days=29) < lsc.not_after - begins <= timedelta(days=30)
    assert desk.announced == []


async def test_a_proof_of_the_manufacturers_certificate_is_of_its_session(
    desk: Desk, clock: Clock
) -> None:
    clock.now = capf.phone_certificate().certificate.not_before.timestamp()
    trusted = minting.capf().certificate
    trust_stores.upload(desk.cluster, TrustStore.CAPF_TRUST, trusted.der, by="test")
    by_lsc = replace(INSTALL, auth_mode=CapfAuthMode.EXISTING_LSC)
    schedule(desk.cluster, change=by_lsc)
    own = capf.own(capf.phone_certificate())
    (event, *_) = capf.conversation(identity=CapfIdentity(DEVICE, own=own)).events
    assert isinstance(event, Identified)
    assert event.proof is not None
    sudi = SudiProof.decode(sudi_element(SESSION, own))
    said = replace(event, proof=replace(event.proof, sudi=sudi))
    (served,) = await desk.ask(Question(said, SESSION))
    assert isinstance(served, Order)
    (refused,) = await desk.ask(Question(said, SESSION + 1))
    assert refused == Refused(CapfReason.DECLINED, CapfFailure.INVALID_LSC)


async def test_more_jobs_than_one_batch_takes_are_all_done(desk: Desk) -> None:
    names = [f"SEP{number:012X}" for number in range(130)]
    asked = [Question(replace(SAID, device=name), SESSION) for name in names]
    answers = await desk.ask(*asked)
    assert answers == [Refused(CapfReason.NO_ACTION)] * 130


async def test_without_the_database_a_phone_comes_again_later(desk: Desk) -> None:
    with desk.cluster.store.change("break", "", by="test") as change:
        change.connection.execute(text("ALTER TABLE device RENAME TO gone"))
    with capture_logs() as told:
        answers = await desk.ask(
            Question(SAID, SESSION), Result(DEVICE, CapfOperation.NONE)
        )
    assert answers == [Postponed(), Postponed()]
    (said,) = told
    assert said["event"] == "CAPF cannot use the database"
    assert said["log_level"] == "error"
    assert said["reason"]


async def test_no_certificate_is_issued_that_could_not_be_recorded(desk: Desk) -> None:
    """A newer program has upgraded the database: this one changes it no more."""
    schedule(desk.cluster)
    with desk.cluster.store.write_node_state() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    with capture_logs() as told:
        answers = await desk.ask(Question(SAID, SESSION))
    assert answers == [Postponed()]
    (said,) = told
    assert said["reason"].startswith("the database has schema 0099")


@pytest.mark.parametrize(
    ("key", "order", "is_taken"),
    [
        (public_key(), KeyOrder(size=1024), True),
        (public_key(), KeyOrder(size=2048), False),
        (public_key("ec"), KeyOrder(KeyType.EC, 256, Curve.P256), True),
        (public_key("ec"), KeyOrder(KeyType.EC, 384, Curve.P384), False),
        (public_key("ec"), KeyOrder(size=256), False),
        (public_key(), KeyOrder(KeyType.EC, 1024, Curve.P256), False),
        (b"", KeyOrder(size=1024), False),
        (b"\x30\x00", KeyOrder(size=1024), False),
    ],
)
def test_only_a_key_as_it_was_ordered_is_taken(
    key: bytes, order: KeyOrder, is_taken: bool
) -> None:
    assert (load_public_key(key, order) is not None) == is_taken
