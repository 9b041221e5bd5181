"""Administrators whose every step is done on SQLite and on PostgreSQL.

Clusters come in pairs with the same keys, serial numbers and time, so that answers,
refusals, rows and files must be equal to the byte. Nothing needs to be normalised but
the name of the data folder, and when the host's clock says that a file was written.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.rigs.cluster import keypair
from tests.services.conftest import taken
from tests.services.pairs import Bench
from tokenless.protocol.codes import NodeRole, TrustStore
from tokenless.protocol.errors import TokenlessError
from tokenless.services.admin.shell import AdminShell, CommandResult
from tokenless.services.changes import (
    certificates,
    ctl_client,
    membership,
    security,
    trust_stores,
)
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster import distribution
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.publishing.itl import rebuild_itl
from tokenless.services.publishing.phone_files import NodeFiles
from tokenless.services.store.audit import read_audit
from tokenless.services.store.certificates import StoredCertificate
from tokenless.services.store.parameters import Parameter
from tokenless.services.store.trust_lists import newest_ctl, newest_reset_itl

OWN: Final = (
    TrustStore.CALLMANAGER,
    TrustStore.TVS,
    TrustStore.CAPF,
    TrustStore.ITLRECOVERY,
    TrustStore.PHONE_SAST_TRUST,  # has the node has no certificate: refused
)
TRUST: Final = (
    TrustStore.PHONE_SAST_TRUST,
    TrustStore.CALLMANAGER_TRUST,
    TrustStore.TVS,  # is no trust store: refused
)
VALUES: Final = ("True", "False", "SHA-512", "SHA-1", "12.0(1)", "10.5(2)", "perhaps")
NAMES: Final = ("alpha", "beta", "gamma", "no name")
OUTSIDERS: Final = ("token A", "token B", "token C")
QUESTIONS: Final = (
    "run sql select * from certificate",
    "run sql select * from device",
    "run sql select * from processconfig order by paramname",
    "run sql select name, nodeid from processnode where name like '%a%'",
    "run sql select * from nowhere",
    "show audit",
    "show cert expiry",
    "show cert history",
    "show cert list own",
    "show cert list trust",
    "show cert own CallManager",
    "show ctl",
    "show enterprise",
    "show itl",
    "show version active",
    "utils service list",
)
ORDERS: Final = (
    "file delete tftp CTLFile.tlv",
    "set cert regen TVS",
    "set cluster hostname delta",
    "set enterprise AutoRegistration False",
    "utils ctl set-cluster mixed-mode",
    "utils ctl set-cluster non-secure-mode",
    "utils ctl update CTLFile",
    "utils itl reset localkey",
)
PASSWORDS: Final = ("right", "wrong", "")
_COMPARED_EVERY: Final = 4
_MODIFIED: Final = re.compile(r"last modified on .*")
_numbers: Final = st.integers(min_value=0, max_value=9)
# Every second time two tokens or three, which is what an update needs to succeed.
_tokens: Final = st.one_of(
    st.lists(st.sampled_from(OUTSIDERS), max_size=3),
    st.lists(st.sampled_from(OUTSIDERS), min_size=2, max_size=3, unique=True),
)


class Administrators(RuleBasedStateMachine):
    """One step is one command, done on both."""

    def __init__(self, bench: Bench) -> None:
        """Begin with a new pair."""
        super().__init__()
        self._bench = bench
        self._pair = bench.pair()
        self._clusters = self._pair.__enter__()

    def teardown(self) -> None:
        try:
            self._compare_rows()
            for line in QUESTIONS:
                self._agree(partial(_typed, 0, line))
            folders = [_files(cluster.data / "nodes") for cluster in self._clusters]
            assert folders[0] == folders[1]
        finally:
            self._pair.__exit__(None, None, None)

    def _do(self, operation: Callable[[Cluster], object]) -> None:
        self._bench.steps += 1
        self._bench.clock.advance(7)
        self._agree(operation)

    def _agree(self, operation: Callable[[Cluster], object]) -> None:
        answers = []
        for cluster in self._clusters:
            self._bench.source.begin(self._bench.steps)
            answers.append(_answer(cluster, operation))
        assert answers[0] == answers[1]

    @invariant()
    def rows_are_equal(self) -> None:
        # Reading all rows takes longer than a step: every fourth time, and at the end.
        if self._bench.steps % _COMPARED_EVERY == 0:
            self._compare_rows()

    def _compare_rows(self) -> None:
        lite, shared = map(_describe, self._clusters)
        assert lite == shared

    @rule(number=_numbers, line=st.sampled_from((*ORDERS, *QUESTIONS)))
    def type_a_line(self, number: int, line: str) -> None:
        self._do(partial(_typed, number, line))

    @rule(mode=st.sampled_from(SecurityMode))
    def set_mode(self, mode: SecurityMode) -> None:
        self._do(lambda cluster: security.set_cluster_mode(cluster, mode, by="a"))

    @rule()
    def update_ctl(self) -> None:
        self._do(lambda cluster: security.update_ctl(cluster, by="b"))

    @rule()
    def reset_ctl_localkey(self) -> None:
        self._do(lambda cluster: security.reset_ctl_localkey(cluster, by="b"))

    @rule()
    def reset_itl_localkey(self) -> None:
        self._do(lambda cluster: security.reset_itl_localkey(cluster, by="b"))

    @rule(password=st.sampled_from(PASSWORDS))
    def reset_itl_remotekey(self, password: str) -> None:
        def step(cluster: Cluster) -> object:
            kept = security.export_recovery(cluster, "right")
            security.reset_itl_remotekey(cluster, kept, password, by="b")
            return None

        self._do(step)

    @rule(number=_numbers, store=st.sampled_from(OWN))
    def regenerate(self, number: int, store: TrustStore) -> None:
        def step(cluster: Cluster) -> object:
            return certificates.regenerate(
                cluster, _node(cluster, number), store, key_size=1024, by="c"
            )

        self._do(step)

    @rule(number=_numbers)
    def open_the_console(self, number: int) -> None:
        self._do(lambda c: certificates.ensure_tomcat(c, _node(c, number), by="m").der)

    @rule(number=_numbers, store=st.sampled_from(OWN), which=_numbers)
    def restore(self, number: int, store: TrustStore, which: int) -> None:
        self._do(partial(_with_history, certificates.restore, number, store, which))

    @rule(number=_numbers, store=st.sampled_from(OWN), which=_numbers)
    def delete_history(self, number: int, store: TrustStore, which: int) -> None:
        self._do(
            partial(_with_history, certificates.delete_history, number, store, which)
        )

    @rule(name=st.sampled_from(OUTSIDERS), store=st.sampled_from(TRUST))
    def upload(self, name: str, store: TrustStore) -> None:
        der = keypair(name).certificate.der
        self._do(lambda cluster: trust_stores.upload(cluster, store, der, by="d"))

    @rule(name=st.sampled_from(OUTSIDERS), store=st.sampled_from(TRUST))
    def delete(self, name: str, store: TrustStore) -> None:
        serial = keypair(name).certificate.serial_hex
        self._do(lambda cluster: trust_stores.delete(cluster, store, serial, by="e"))

    @rule(
        tokens=_tokens,
        mode=st.sampled_from((None, *SecurityMode)),
        ignore=st.booleans(),
    )
    def ctl_client(
        self, tokens: list[str], mode: SecurityMode | None, *, ignore: bool
    ) -> None:
        signers = [keypair(name).signer for name in tokens]
        self._do(
            lambda cluster: ctl_client.update(
                cluster, signers, mode=mode, ignore_missing=ignore, by="f"
            )
        )

    @rule(name=st.sampled_from(Parameter), value=st.sampled_from(VALUES))
    def set_parameter(self, name: Parameter, value: str) -> None:
        self._do(lambda cluster: security.set_parameter(cluster, name, value, by="g"))

    @rule(name=st.sampled_from(NAMES), last=st.integers(155, 160))
    def add_node(self, name: str, last: int) -> None:
        address = f"127.0.47.{last}"
        self._do(lambda c: membership.add_node(c, name, address, by="h").name)

    @rule(number=_numbers)
    def remove_node(self, number: int) -> None:
        self._do(lambda c: membership.remove_node(c, _node(c, number), by="i"))

    @rule(number=_numbers, name=st.sampled_from(NAMES))
    def rename(self, number: int, name: str) -> None:
        self._do(lambda c: membership.set_hostname(c, _node(c, number), name, by="j"))

    @rule(number=_numbers, role=st.sampled_from(NodeRole))
    def activate(self, number: int, role: NodeRole) -> None:
        self._do(lambda c: membership.activate(c, _node(c, number), role, by="k"))

    @rule(number=_numbers, role=st.sampled_from(NodeRole))
    def deactivate(self, number: int, role: NodeRole) -> None:
        self._do(lambda c: membership.deactivate(c, _node(c, number), role, by="l"))

    @rule(number=_numbers, port=st.integers(1024, 1026))
    def record_ports(self, number: int, port: int) -> None:
        self._do(lambda c: c.record_ports({_node(c, number).name: {"tvs": port}}))

    @rule(number=_numbers)
    def follow(self, number: int) -> None:
        def step(cluster: Cluster) -> object:
            node = _node(cluster, number)
            reset = distribution.install_reset_itl(cluster, node)
            installed = distribution.install_ctl(cluster, node)
            revision = cluster.store.revision()
            behind = distribution.lagging(cluster, revision)
            distribution.record_applied(cluster, node, revision)
            return installed, reset, len(behind)

        self._do(step)

    @rule(number=_numbers)
    def restart_tftp(self, number: int) -> None:
        def step(cluster: Cluster) -> object:
            node = _node(cluster, number)
            itl = rebuild_itl(cluster, node)
            files = NodeFiles(cluster, node)
            return itl, files.read("SEP001122334455.cnf.xml.sgn")

        self._do(step)


def _answer(cluster: Cluster, operation: Callable[[Cluster], object]) -> object:
    try:
        return operation(cluster)
    except TokenlessError as refusal:
        return refusal.explain().replace(str(cluster.data), "DATA")


def _typed(number: int, line: str, cluster: Cluster) -> CommandResult:
    """Type a line into the shell of a node."""
    shell = AdminShell(cluster, _node(cluster, number).name, assume_yes=True)
    found = shell.run(line)
    return replace(found, text=_MODIFIED.sub("modified then", found.text))


def _node(cluster: Cluster, number: int) -> Node:
    nodes = cluster.nodes
    return nodes[number % len(nodes)]


def _with_history(
    operation: Callable[..., object],
    number: int,
    store: TrustStore,
    which: int,
    cluster: Cluster,
) -> object:
    node = _node(cluster, number)
    known = [
        each.certificate.serial_hex
        for each in certificates.history(cluster, node, store)
    ]
    serial = known[which % len(known)] if known else "AB"
    return operation(cluster, node, store, serial, by="k")


def _describe(cluster: Cluster) -> dict[str, Any]:
    """Return everything that the database holds, without the numbers of rows."""
    names = {node.id: node.name for node in cluster.nodes}

    def plain(placed: StoredCertificate) -> tuple[object, ...]:
        return (
            *(placed.store, names.get(placed.node_id or 0), placed.state),
            *(placed.certificate.der, placed.roles),
            *(placed.placed_at, placed.retired_at),
        )

    with cluster.store.read() as connection:
        resets = [newest_reset_itl(connection, node_id) for node_id in names]
        newest, entries = newest_ctl(connection), read_audit(connection)
    return {
        "nodes": [
            (node.name, node.address, node.folder.name, node.tvs_port)
            for node in cluster.nodes
        ],
        "parameters": cluster.parameters(),
        "own": [plain(each) for each in certificates.own(cluster)],
        "history": [plain(each) for each in certificates.history(cluster)],
        "trust": [plain(each) for each in certificates.trust(cluster)],
        "lists": (newest, resets, taken(cluster)),
        "audit": entries,
        "revision": cluster.store.revision(),
    }


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
