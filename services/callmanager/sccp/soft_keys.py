"""The buttons and soft keys that a registered phone is given (REFERENCE-3 4.3).

One line, and the soft keys of a simple call; the vendor's templates have more. The
number of a soft key in a set is its place in the template, from 1 on.
"""

from typing import Final

from tokenless.protocol.sccp.answers import ButtonTemplate, SoftKeySet, SoftKeyTemplate
from tokenless.protocol.sccp.call import SoftKey

_BUTTONS: Final = 42
_LINE: Final = 9
_NO_BUTTON: Final = 0xFF
_LABEL_BYTES: Final = 16
_SETS: Final = 16
_KEYS_A_SET: Final = 16

_KEYS: Final = (
    ("Redial", SoftKey.REDIAL),
    ("NewCall", SoftKey.NEW_CALL),
    ("Hold", SoftKey.HOLD),
    ("EndCall", SoftKey.END_CALL),
    ("Resume", SoftKey.RESUME),
    ("Answer", SoftKey.ANSWER),
)
ON_HOOK, CONNECTED, ON_HOLD, RING_IN, OFF_HOOK = 0, 1, 2, 3, 4
DIGITS_FOLLOWING, RING_OUT = 6, 8
_SETS_OF_STATES: Final = {
    ON_HOOK: (SoftKey.REDIAL, SoftKey.NEW_CALL),
    CONNECTED: (SoftKey.HOLD, SoftKey.END_CALL),
    ON_HOLD: (SoftKey.RESUME, SoftKey.NEW_CALL),
    RING_IN: (SoftKey.ANSWER,),
    OFF_HOOK: (SoftKey.REDIAL, SoftKey.END_CALL),
    DIGITS_FOLLOWING: (SoftKey.END_CALL,),
    RING_OUT: (SoftKey.END_CALL,),
}


def _button_template() -> ButtonTemplate:
    """Return one line, and no other button."""
    buttons = bytes([1, _LINE]) + bytes([0, _NO_BUTTON]) * (_BUTTONS - 1)
    return ButtonTemplate(0, _BUTTONS, _BUTTONS, buttons)


def _soft_key_template() -> SoftKeyTemplate:
    keys = b"".join(
        label.encode().ljust(_LABEL_BYTES, b"\0") + event.to_bytes(4, "little")
        for label, event in _KEYS
    )
    return SoftKeyTemplate(0, len(_KEYS), len(_KEYS), keys)


def _soft_key_sets() -> SoftKeySet:
    places = {event: place for place, (_, event) in enumerate(_KEYS, start=1)}
    sets = b""
    for state in range(_SETS):
        keys = _SETS_OF_STATES.get(state, ())
        indices = bytes(places[key] for key in keys)
        numbers = b"".join(int(key).to_bytes(2, "little") for key in keys)
        sets += indices.ljust(_KEYS_A_SET, b"\0") + numbers.ljust(
            2 * _KEYS_A_SET, b"\0"
        )
    return SoftKeySet(0, _SETS, _SETS, sets)


BUTTON_TEMPLATE: Final = _button_template()
SOFT_KEY_TEMPLATE: Final = _soft_key_template()
SOFT_KEY_SETS: Final = _soft_key_sets()
