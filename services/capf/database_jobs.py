"""Database queries and certificate signatures of CAPF, in a thread of their own.

Sessions may not block, so they leave a `Job` here. One task takes all jobs that wait
and does them in a thread: one transaction reads what they need, one writes what became
of operations, and every running node applies it before the phones are told (they fetch
their configuration next, REFERENCE-3 3.6).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog
import trio
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tokenless.protocol.capf.elements import KeyType
from tokenless.protocol.capf.server import Identified, KeyOrder
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.minting import Issuer, Validity
from tokenless.protocol.certificates.signature import PublicKey
from tokenless.protocol.phones.certificates import mint_lsc
from tokenless.protocol.release import Release
from tokenless.services.changes.capf import (
    CapfState,
    Order,
    Refused,
    Result,
    decide,
    record,
)
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.keys import new_serial
from tokenless.services.store import devices
from tokenless.services.store.migrate import check_still_known

_AT_ONCE: Final = 64
"""Jobs of one batch: some hundred milliseconds."""


@dataclass(frozen=True, slots=True)
class Question:
    """Ask for the operation of a phone that has identified itself."""

    said: Identified
    session_id: int


@dataclass(frozen=True, slots=True)
class Signing:
    """A certificate for the key that a phone has made."""

    order: Order
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Postponed:
    """The database cannot be had: the phone shall come again later."""


@dataclass(frozen=True, slots=True)
class Written:
    """An operation's result is in the database, and nodes have applied it."""


Job = Question | Signing | Result
Answer = Order | Refused | Certificate | Postponed | Written | None
"""To a Question, an Order or Refused; to a Signing, the certificate, None for a key
that is not as ordered; to a Result, Written. Postponed when the database is away."""


@dataclass(frozen=True, slots=True)
class Authority:
    """CAPF's own certificate and key, and how it issues."""

    certificate: Certificate
    issuer: Issuer
    validity_days: int
    release: Release


class JobQueue:
    """Runs the jobs of all sessions of one server."""

    def __init__(
        self,
        cluster: Cluster,
        authority: Authority,
        announce: Callable[[Cluster], object],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Begin with no jobs.

        Args:
            cluster: Where devices are.
            authority: The issuer.
            announce: Makes every running node apply the newest state; blocking.
            log: Where failures of the database are told.
        """
        self._cluster = cluster
        self.authority = authority
        """The issuer; may be replaced."""
        self._announce = announce
        self._log = log
        self._waiting: list[tuple[Job, Callable[[Answer], None]]] = []
        self._come = trio.Event()

    def put(self, job: Job, then: Callable[[Answer], None]) -> None:
        """Leave a job; `then` is called with its answer, in the loop's thread."""
        self._waiting.append((job, then))
        self._come.set()

    async def run(self) -> None:
        """Do jobs until cancelled."""
        while True:
            await self._come.wait()
            batch, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            if not self._waiting:
                self._come = trio.Event()
            jobs = [job for job, _ in batch]
            answers = await trio.to_thread.run_sync(self._do, jobs)
            for (_, then), answer in zip(batch, answers, strict=True):
                then(answer)

    def _do(self, jobs: Sequence[Job]) -> list[Answer]:
        try:
            decided = self._decide([job for job in jobs if isinstance(job, Question)])
            self._write(jobs, decided)
        except ServiceError as error:
            self._log.error("CAPF cannot use the database", reason=error.explain())
            return [Postponed() for _ in jobs]
        return [self._answer(job, decided) for job in jobs]

    def _answer(self, job: Job, decided: Mapping[Question, Answer]) -> Answer:
        match job:
            case Question():
                return decided[job]
            case Signing():
                return self._sign(job)
            case Result():
                return Written()

    def _decide(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        if not questions:
            return {}
        with self._cluster.store.read() as connection:
            # A phone must not take a certificate that could not be recorded.
            check_still_known(connection)
            state = CapfState.read(connection, self._cluster.clock())
            rows = {
                question.said.device: devices.read_devices(
                    connection, question.said.device
                )
                for question in questions
            }
        decided: dict[Question, Answer] = {}
        for question in questions:
            found = rows[question.said.device]
            device = found[0] if found else None
            decided[question] = decide(
                state, device, question.said, question.session_id
            )
        return decided

    def _write(self, jobs: Sequence[Job], decided: Mapping[Question, Answer]) -> None:
        """Write results, and the failures of operations that were just refused."""
        results = [job for job in jobs if isinstance(job, Result)]
        for question, answer in decided.items():
            if isinstance(answer, Refused) and answer.failure is not None:
                device = question.said.device
                with self._cluster.store.read() as connection:
                    (row,) = devices.read_devices(connection, device)
                results.append(Result(device, row.capf.operation, answer.failure))
        if results:
            record(self._cluster, results)
            self._announce(self._cluster)

    def _sign(self, job: Signing) -> Certificate | None:
        public_key = load_public_key(job.public_key, job.order.key)
        if public_key is None:
            return None
        authority = self.authority
        begins = datetime.fromtimestamp(int(self._cluster.clock()), UTC)
        return mint_lsc(
            job.order.device.name,
            public_key,
            authority.certificate,
            authority.issuer,
            serial=new_serial(),
            validity=Validity.days(begins, authority.validity_days),
            release=authority.release,
        )


def load_public_key(der: bytes, order: KeyOrder) -> PublicKey | None:
    """Return a phone's public key; None when it is not the kind that was ordered."""
    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    wanted = RSAPublicKey if order.type is KeyType.RSA else EllipticCurvePublicKey
    if not isinstance(key, wanted) or key.key_size != order.size:
        return None
    return key
