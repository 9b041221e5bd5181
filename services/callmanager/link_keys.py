"""SRTP keys on the connection between two nodes."""

from typing import Final

from tokenless.protocol import cluster_link as words
from tokenless.protocol.cluster_link import Keys, OfferedKeys
from tokenless.protocol.srtp import SCCP_SUITE, SrtpKeys, SrtpSuite
from tokenless.services.callmanager.leg import KeyOffers, Media

_SUITES: Final = {suite.name: suite for suite in SrtpSuite}


def packed(keys: SrtpKeys | None) -> Keys | None:
    """Return keys as the link has them."""
    return None if keys is None else Keys(keys.key, keys.salt)


def unpacked(keys: Keys | None) -> SrtpKeys | None:
    """Return keys from the link.

    Raises:
        DecodeError: When their length is wrong.
    """
    return None if keys is None else SrtpKeys(keys.key, keys.salt)


def media_of(connect: words.ConnectMedia) -> Media:
    """Return the keys of an order to send; under a suite that is not known, none."""
    suite = _SUITES.get(connect.suite)
    sends, receives = unpacked(connect.sends_with), unpacked(connect.receives_with)
    if suite is None or sends is None or receives is None:
        return Media(None, None)
    return Media(sends, receives, suite)


def offers_of(opened: words.MediaOpened) -> KeyOffers:
    """Return what a phone of another node offers, of the suites that are known here."""
    offers = {SCCP_SUITE: opened.keys} if opened.keys is not None else {}
    offers |= {
        _SUITES[each.suite]: each.keys
        for each in opened.offers
        if each.suite in _SUITES
    }
    return {suite: SrtpKeys(keys.key, keys.salt) for suite, keys in offers.items()}


def packed_offers(offers: KeyOffers) -> tuple[OfferedKeys, ...]:
    """Return what a phone offers as the link has it."""
    return tuple(
        OfferedKeys(suite.name, Keys(keys.key, keys.salt))
        for suite, keys in offers.items()
    )
