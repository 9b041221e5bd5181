"""Certificates of an imported cluster that were regenerated after its lists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.nodes import node_name
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import UNITS, UNITS_OF_PUBLISHER, Role, TrustStore
from tokenless.protocol.trust.verdicts import TFTP_ROLES

_Place = tuple[TrustStore, str]
"""A unit and its node; the node of a cluster-wide certificate is empty."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A certificate that was regenerated and is not in every list yet."""

    unit: TrustStore
    node: str | None
    """None: the publisher's."""


class Drifts:
    """Compares lists with each other, and with the certificates in use."""

    def __init__(
        self, ctl: ImportedList | None, itls: Sequence[ImportedList], publisher: str
    ) -> None:
        self._publisher = publisher
        self._itls = itls
        self._in_ctl = _serials([] if ctl is None else [ctl])
        self._in_itls = _serials(itls)
        self._names: dict[str, dict[_Place, None]] = {}
        for imported_list in [*([] if ctl is None else [ctl]), *itls]:
            for entry in imported_list.entries:
                unit = _unit(entry)
                if unit is not None and entry.serial:
                    named = self._names.setdefault(entry.common_name.casefold(), {})
                    named[unit, _owner(entry, unit)] = None

    def since_ctl(self) -> list[Drift]:
        """Return certificates regenerated after the CTL was made: in the ITLs only."""
        in_itls = self._in_itls
        return [
            self._drift(place)
            for place, serials in self._in_ctl.items()
            if place in in_itls and not serials & in_itls[place]
        ]

    def between_itls(self) -> Iterator[Approximation]:
        """Say of which certificates ITLs hold several: that is not rebuilt."""
        for (unit, node), serials in self._in_itls.items():
            if len(serials) < 2:  # noqa: PLR2004
                continue
            within = any(
                len(_serials([each]).get((unit, node), ())) > 1 for each in self._itls
            )
            whose = f"{unit} of {node}" if node else str(unit)
            yield Approximation(
                Topic.ITLS,
                f"the ITLs hold {len(serials)} certificates for {whose}; here all hold "
                "the newest",
                "one ITL alone holds them, and nothing tells what for"
                if within
                else "one node's TFTP was not restarted, or its ITL was saved earlier",
            )

    def since_lists(
        self, in_use: Sequence[InUse]
    ) -> tuple[list[Drift], list[Approximation]]:
        """Return certificates regenerated after all lists were made: in use only.

        And say which certificates cannot be placed.
        """
        listed = {**self._in_ctl, **self._in_itls}
        known = set().union(*self._in_ctl.values(), *self._in_itls.values())
        drifts: list[Drift] = []
        strangers: list[Approximation] = []
        for each in in_use:
            if each.certificate.serial_hex in known or _is_tomcat(each):
                continue  # no list names tomcat; the calendar does
            place = _place_of(each)
            places = [place] if place in listed else self._by_name(each, place)
            drifts += map(self._drift, places)
            if not places:
                name = printable(Path(each.source).name)
                why = _why_not_placed(each, place)
                strangers.append(
                    Approximation(Topic.CERTIFICATE, f"{name} was left out", why)
                )
        return drifts, strangers

    def _by_name(self, each: InUse, place: _Place | None) -> list[_Place]:
        """Return the places whose listed certificate has the same common name.

        A multi-server certificate has a name that is no node's, and many places.
        """
        common = (each.certificate.subject.get("CN") or "").casefold()
        if place is None or not common:
            return []
        return [
            (unit, node)
            for unit, node in self._names.get(common, ())
            if unit is place[0]
        ]

    def _drift(self, place: _Place) -> Drift:
        unit, node = place
        return Drift(unit, None if node in ("", self._publisher) else node)


def _serials(imported_lists: Sequence[ImportedList]) -> dict[_Place, set[str]]:
    """Return the serials of each unit and node."""
    serials: dict[_Place, set[str]] = {}
    for imported_list in imported_lists:
        for entry in imported_list.entries:
            unit = _unit(entry)
            if unit is not None and entry.serial:
                place = (unit, _owner(entry, unit))
                serials.setdefault(place, set()).add(entry.serial)
    return serials


def _unit(entry: ImportedRecord) -> TrustStore | None:
    if entry.is_ec:  # CallManager-ECDSA, which is another certificate (said elsewhere)
        return None
    if entry.role in TFTP_ROLES:
        return TrustStore.CALLMANAGER
    if entry.role == Role.TVS:
        return TrustStore.TVS
    if entry.role == Role.CAPF:
        return TrustStore.CAPF
    return TrustStore.ITLRECOVERY if entry.is_recovery else None


def _owner(entry: ImportedRecord, unit: TrustStore) -> str:
    return "" if unit in UNITS_OF_PUBLISHER else node_name(entry)


def _is_tomcat(each: InUse) -> bool:
    unit = each.unit_name.lower().replace("_", "-").split("-")[0]
    return unit == TrustStore.TOMCAT


def _place_of(each: InUse) -> _Place | None:
    """Place a certificate by its file's name and its common name."""
    stem = each.unit_name.lower().replace("_", "-")
    for unit in UNITS:
        if stem.startswith(unit.lower()):
            host = (each.certificate.subject.get("CN") or "").split(".")[0]
            return unit, "" if unit in UNITS_OF_PUBLISHER else host
    return None


def _why_not_placed(each: InUse, place: _Place | None) -> str:
    if place is None:
        units = ", ".join(UNITS)
        return f"its file name begins with none of {units}, and it is in no list"
    unit, node = place
    common = printable(each.certificate.subject.get("CN") or "")
    if not node:
        return f"the lists have no {unit}"
    return (
        f"it is in no list, and its common name {common!r} is none of the nodes that "
        f"have a {unit}: a multi-server certificate has such a name"
    )
