"""System > Enterprise Parameters, security parameters (REFERENCE-5 4.1)."""

from typing import Final

from starlette.responses import Response

from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.services.changes import security
from tokenless.services.console.page import Page
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.visit import Visit
from tokenless.services.store.parameters import FALSE, SHA1, SHA512, TRUE, Parameter

_PATH: Final = "/ccmadmin/enterprise-parameters"
CHOICES: Final = {
    Parameter.SIGNATURE_DIGEST: (SHA1, SHA512),
    Parameter.PHONE_INTERACTION: tuple(map(str, PhoneInteraction)),
    Parameter.ROLLBACK: (FALSE, TRUE),
    Parameter.AUTO_REGISTRATION: (TRUE, FALSE),
    Parameter.EXPORT_CONTROLLED: (TRUE, FALSE),
}
"""What this page changes; the first value is what a new cluster has."""


def show(visit: Visit) -> Response:
    """Show the parameters; the security mode is not changed here."""
    cluster = visit.cluster
    return visit.render(
        "parameters.html",
        values=cluster.parameters(),
        mode=Parameter.CLUSTER_SECURITY_MODE,
        version=Parameter.VERSION,
        choices=_choices(cluster.release),
        chooses_digest=cluster.release.chooses_digest,
        digest=Parameter.SIGNATURE_DIGEST,
    )


def _choices(release: Release) -> dict[Parameter, tuple[str, ...]]:
    """Return what a release has of them."""
    return {
        name: values
        for name, values in CHOICES.items()
        if name is not Parameter.PHONE_INTERACTION or release.has_phone_interaction
    }


def save(visit: Visit) -> Response:
    """Write what differs; all values are checked before the first is written."""
    held = visit.cluster.parameters()
    wanted = {
        name: security.check_parameter(name, visit.form.one(name))[1]
        for name in CHOICES
        if name in visit.form.fields
    }
    changed = {name: value for name, value in wanted.items() if held[name] != value}
    for name, value in changed.items():
        security.set_parameter(visit.cluster, name, value, by=visit.by)
    if changed:
        visit.announce()
        visit.say("parameters.saved")
        visit.say("parameters.restart", NoticeKind.WARNING)
    else:
        visit.say("parameters.unchanged", NoticeKind.READY)
    return visit.go(_PATH)


PAGES: Final = (Page(_PATH, show, save, back=_PATH),)
