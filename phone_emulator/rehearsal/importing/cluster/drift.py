"""Certificates of an imported cluster that were regenerated after its lists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenless.phone_emulator.rehearsal.importing.approximations import (
    Approximation,
    Topic,
    listed,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.places import (
    Place,
    place_of,
)
from tokenless.phone_emulator.rehearsal.importing.cluster.timeline import timeline_of
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import InUse
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.codes import UNITS, UNITS_OF_PUBLISHER, TrustStore
from tokenless.protocol.release import Release
from tokenless.protocol.trust.verdicts import FileKind


@dataclass(frozen=True, slots=True)
class Drift:
    """A certificate that was regenerated and is not in every list yet."""

    unit: TrustStore
    node: str | None
    """None: the publisher's."""


@dataclass(frozen=True, slots=True)
class Regeneration:
    """Certificates that were regenerated when some lists had been made already."""

    drifts: tuple[Drift, ...]
    updates_ctl: bool
    """Whether the CTL was made again after it."""
    has_older_ctl: bool
    """Whether the CTL holds an earlier certificate."""
    unrestarted: frozenset[str]
    """Nodes in lower case whose TFTP was not restarted after it."""


class Drifts:
    """Compares lists with each other, and with the certificates in use."""

    def __init__(
        self,
        lists: Sequence[ImportedList],
        *,
        publisher: str,
        release: Release,
        shared: frozenset[TrustStore],
        in_use: Sequence[InUse],
    ) -> None:
        self._publisher = publisher
        self._in_use = in_use
        self._itls = [each for each in lists if each.kind is FileKind.ITL]
        self._in_ctl = _serials([e for e in lists if e.kind is FileKind.CTL])
        self._in_itls = _serials(self._itls)
        self._ec = {e.serial for each in lists for e in each.entries if e.is_ec}
        serials = {each.certificate.serial_hex for each in in_use}
        self._timeline = timeline_of(lists, shared=shared, in_use=serials)
        # From 14 on TFTP makes its lists again by itself: none can be kept old.
        self._is_rebuilt = bool(self._timeline.stages) and not (
            self._timeline.is_divided and release.rebuilds_tftp
        )
        self._names: dict[str, dict[Place, None]] = {}
        for entry in (entry for each in lists for entry in each.entries):
            if (place := place_of(entry)) is not None:
                named = self._names.setdefault(entry.common_name.casefold(), {})
                named[place] = None

    def since_ctl(self) -> list[Drift]:
        """Return certificates regenerated after the CTL was made: in the ITLs only."""
        if self._timeline.stages:
            since = [stage for stage in self._timeline.stages if stage.has_older_ctl]
            renewed = [place for stage in since for place in stage.renewed]
            listed_units = {unit for unit, _ in self._in_ctl}
            return [self._drift(each) for each in renewed if each[0] in listed_units]
        in_itls = self._in_itls
        return [
            self._drift(place)
            for place, serials in self._in_ctl.items()
            if place in in_itls and not serials & in_itls[place]
        ]

    def regenerations(self) -> list[Regeneration]:
        """Return how lists came to hold different certificates, in the order of time.

        Where that cannot be rebuilt, the CTL alone is the older one (`approximations`).
        """
        if not self._is_rebuilt:
            drifts = tuple(self.since_ctl())
            if not drifts:
                return []
            return [
                Regeneration(
                    drifts,
                    updates_ctl=False,
                    has_older_ctl=True,
                    unrestarted=frozenset(),
                )
            ]
        return [
            Regeneration(
                tuple(map(self._drift, stage.renewed)),
                updates_ctl=stage.updates_ctl,
                has_older_ctl=stage.has_older_ctl,
                unrestarted=stage.older_itls,
            )
            for stage in self._timeline.stages
            if stage.renewed
        ]

    def approximations(self) -> Iterator[Approximation]:
        """Say what is guessed of the lists' order, and what is not rebuilt."""
        if not self._is_rebuilt:
            yield from self._between_itls()
        if self._timeline.is_guess and (drifts := self.since_ctl()):
            named = (
                f"{each.unit} of {each.node or self._publisher}" for each in drifts
            )
            yield Approximation(
                Topic.ORDER,
                f"the CTL is taken for older than the ITLs: {listed(named)} differs",
                "text has no dates; .tlv files and --cert tell which one is the newer",
            )

    def _between_itls(self) -> Iterator[Approximation]:
        """Say of which certificates ITLs hold several."""
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
                "the same",
                "one ITL alone holds them, and nothing tells what for"
                if within
                else "one node's TFTP was not restarted, or its ITL was saved earlier",
            )

    def since_lists(self) -> tuple[list[Drift], list[Approximation]]:
        """Return certificates regenerated after all lists were made: in use only.

        And say which certificates cannot be placed.
        """
        listed = {**self._in_ctl, **self._in_itls}
        known = self._ec.union(*self._in_ctl.values(), *self._in_itls.values())
        drifts: list[Drift] = []
        strangers: list[Approximation] = []
        for each in self._in_use:
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

    def _by_name(self, each: InUse, place: Place | None) -> list[Place]:
        """Return the places whose listed certificate has the same common name.

        A multi-server certificate has a name that is no node's, and many places.
        """
        common = each.common_name.casefold()
        if place is None or not common:
            return []
        return [
            (unit, node)
            for unit, node in self._names.get(common, ())
            if unit is place[0]
        ]

    def _drift(self, place: Place) -> Drift:
        unit, node = place
        return Drift(unit, None if node in ("", self._publisher) else node)


def _serials(imported_lists: Sequence[ImportedList]) -> dict[Place, set[str]]:
    """Return the serials of each unit and node."""
    serials: dict[Place, set[str]] = {}
    for imported_list in imported_lists:
        for entry in imported_list.entries:
            if (place := place_of(entry)) is not None:
                serials.setdefault(place, set()).add(entry.serial)
    return serials


def _is_tomcat(each: InUse) -> bool:
    unit = each.unit_name.lower().replace("_", "-").split("-")[0]
    return unit == TrustStore.TOMCAT


def _place_of(each: InUse) -> Place | None:
    """Place a certificate by its file's name and its common name.

    CallManager-ECDSA's file and name begin as those of CallManager (REFERENCE-2 1).
    """
    if each.is_ec:
        return None
    stem = each.unit_name.lower()
    for unit in UNITS:
        if stem.startswith(unit.lower()):
            host = each.common_name.split(".")[0]
            return unit, "" if unit in UNITS_OF_PUBLISHER else host
    return None


def _why_not_placed(each: InUse, place: Place | None) -> str:
    if each.is_ec:
        return "its key is an EC key, and it is in no list"
    if place is None:
        units = ", ".join(UNITS)
        return f"its file name begins with none of {units}, and it is in no list"
    unit, _ = place
    common = printable(each.common_name)
    if unit in UNITS_OF_PUBLISHER:
        return f"the lists have no {unit}"
    return (
        f"it is in no list, and its common name {common!r} is none of the nodes that "
        f"have a {unit}: a multi-server certificate has such a name"
    )
