"""Fields that a person has changed on a page, where two work on the same thing.

Beside each field, a form has the value that its page showed (`was`). What is saved is
what differs from it, so a page that is old does not undo what others have done since.
"""

from collections.abc import Mapping
from typing import Final

from tokenless.services.console.forms import Form
from tokenless.services.console.texts import text
from tokenless.services.errors import ServiceError

WAS: Final = "was-"
"""Begins the name of the field that has the value shown."""


def edited(form: Form, held: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the fields that a person has changed, with their new values.

    Args:
        form: The form; a field that it does not have is left as it is.
        held: Every field of the page, with its present value.
        prefix: Of the keys that the fields' labels have among the texts.

    Raises:
        ServiceError: When somebody else has changed one of them since the page was
            loaded, to another value.
    """
    changed = {}
    for name, now in held.items():
        if name not in form.fields and WAS + name not in form.fields:
            continue
        given = form.one(name).strip()
        shown = form.one(WAS + name) if WAS + name in form.fields else now
        if given in {shown, now}:
            continue
        if shown != now:
            raise ServiceError(
                f"somebody else has changed {text(prefix + name)} since this page was "
                "loaded, so nothing was saved",
                hint="look at the present values, then save again",
            )
        changed[name] = given
    return changed
