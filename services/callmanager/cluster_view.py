"""One node among others: it announces its phones, hears of theirs, passes calls on."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol

from tokenless.protocol.cluster_link import (
    MAX_PHONES,
    LinkMessage,
    PhoneEntry,
    Registered,
    Unregistered,
)
from tokenless.protocol.phones.registration import Signalling
from tokenless.services.callmanager.directory import Elsewhere
from tokenless.services.callmanager.leg import CallFailure, Leg
from tokenless.services.callmanager.registrar import Registrar
from tokenless.services.callmanager.registration import Absence, Registration
from tokenless.services.callmanager.remote_calls import Links, LocalLeg, RemoteCalls
from tokenless.services.callmanager.switch import Switch


class SpeakingLinks(Links, Protocol):
    """Connections to the other nodes."""

    def broadcast(self, message: LinkMessage) -> None:
        """Say something to every node that is connected."""


class NoLinks:
    """The links of a node that is alone."""

    def send(self, _node: str, _message: LinkMessage) -> bool:
        """Do nothing: there is no other node."""
        return False

    def is_open(self, _node: str) -> bool:
        """Do nothing: there is no other node."""
        return False

    def broadcast(self, _message: LinkMessage) -> None:
        """Do nothing: there is no other node."""


class ClusterView:
    """One node's messages to the other nodes, and theirs to it."""

    def __init__(
        self,
        registrar: Registrar,
        switch: Switch,
        number_of: Callable[[str], str],
        find_local: LocalLeg,
    ) -> None:
        """Begin alone.

        Args:
            registrar: The phones of this node.
            switch: Its calls.
            number_of: Takes a device's name, returns its directory number.
            find_local: Finds the leg of a phone that is registered here.
        """
        self._registrar = registrar
        self._find_local = find_local
        self._number_of = number_of
        self._links: SpeakingLinks = NoLinks()
        self._announced: dict[str, PhoneEntry] = {}
        self.calls = RemoteCalls(switch, self._links, find_local)

    def connect(self, links: SpeakingLinks) -> None:
        """Speak over these links from now on."""
        self._links = self.calls.links = links

    def announce(self, change: Registration | Absence) -> None:
        """Tell the other nodes of a phone, where they need to know it."""
        if isinstance(change, Registration):
            entry = self._entry(change)
            if self._announced.get(entry.device) != entry:
                self._announced[entry.device] = entry
                self._links.broadcast(Registered((entry,)))
        elif self._announced.pop(change.device, None) is not None:
            self._links.broadcast(Unregistered((change.device,)))

    def leg_of(self, number: str, here: Collection[str] = ()) -> Leg | CallFailure:
        """Return the leg of the phone that has a directory number.

        Numbers are made from names, so several devices may share one. Of those one that
        is registered over TLS is called, at any node: an attacker can register another
        name in clear. Else one of this node.

        Args:
            number: What was dialled.
            here: The devices of this node that have it.
        """
        there = self._registrar.elsewhere.find_number(number)
        own = self._registrar.preferred(here) if here else None
        if own is not None:
            is_better = there is not None and there.phone.is_secure
            if not is_better or self._registrar.is_secure_here(own):
                return self._find_local(own)
        if there is None:
            return CallFailure.UNKNOWN_NUMBER
        return self.calls.leg_of(there)

    # --- LinkHandler -----------------------------------------------------------------

    def first_words(self) -> Iterator[LinkMessage]:
        """Yield all phones that are registered here."""
        known = list(self._announced.values())
        for at in range(0, len(known), MAX_PHONES):
            yield Registered(tuple(known[at : at + MAX_PHONES]))

    def heard(self, node: str) -> None:
        """Begin with a node; its phones follow."""

    def take(self, node: str, message: LinkMessage) -> None:
        """Do what a message of a node asks for."""
        match message:
            case Registered(phones=phones):
                self._registered(node, phones)
            case Unregistered(devices=devices):
                self._registrar.elsewhere.remove(node, devices)
            case _:
                self.calls.take(node, message)

    def lost(self, node: str) -> None:
        """Forget a node's phones, and end calls with them."""
        self._registrar.elsewhere.forget(node)
        self.calls.cut(node)

    def cut(self, node: str) -> None:
        """End the calls with a node that hears us no more."""
        self.calls.cut(node)

    def _registered(self, node: str, phones: Iterable[PhoneEntry]) -> None:
        for phone in phones:
            self._registrar.elsewhere.put(node, [phone])
            self._registrar.yield_to(Elsewhere(node, phone))

    def _entry(self, registration: Registration) -> PhoneEntry:
        profile = registration.profile
        return PhoneEntry(
            profile.device,
            self._number_of(profile.device),
            int(profile.security_mode),
            registration.peer.is_secure,
            registration.signalling is Signalling.SIP,
            registration.address,
            registration.at_ms,
        )
