"""System > Enterprise Parameters, security parameters (REFERENCE-5 4.1)."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from tokenless.protocol.phone_interaction import PhoneInteraction
from tokenless.protocol.release import Release
from tokenless.services.changes import security
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.console.edits import edited
from tokenless.services.console.nodes import ask
from tokenless.services.console.pages.phones import reset_phones
from tokenless.services.console.sessions import NoticeKind
from tokenless.services.console.texts import text
from tokenless.services.console.visit import Page, Visit
from tokenless.services.errors import ServiceError
from tokenless.services.node.control.requests import Status
from tokenless.services.node.supervised.supervision import ServiceName
from tokenless.services.store.parameters import (
    DEFAULTS,
    FALSE,
    MAX_CAPF_DAYS,
    SHA1,
    SHA512,
    TRUE,
    Parameter,
    TlsCiphers,
)

_PATH: Final = "/ccmadmin/enterprise-parameters"
_CAPF_PORT: Final = 3804
CHOICES: Final = {
    Parameter.SIGNATURE_DIGEST: (SHA1, SHA512),
    Parameter.TLS_CIPHERS: tuple(map(str, TlsCiphers)),
    Parameter.PHONE_INTERACTION: tuple(map(str, PhoneInteraction)),
    Parameter.ADVANCED_ENCRYPTION: (FALSE, TRUE),
    Parameter.ROLLBACK: (FALSE, TRUE),
    Parameter.AUTO_REGISTRATION: (TRUE, FALSE),
    Parameter.EXPORT_CONTROLLED: (TRUE, FALSE),
}
"""The parameters of this page; the first value is that of a new cluster."""


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
        worded=_WORDED,
        capf_days=Parameter.CAPF_EXPIRES,
        most_days=MAX_CAPF_DAYS,
        capf_port=_capf_port(cluster),
    )


_WORDED: Final = frozenset({Parameter.TLS_CIPHERS, Parameter.PHONE_INTERACTION})
"""Parameters whose values have longer texts on the vendor's page."""


def _capf_port(cluster: Cluster) -> str:
    """Return CAPF's port as the publisher says it, else the configured one."""
    try:
        services = ask(cluster.publisher, Status())["services"]
    except ServiceError:
        services = []
    for each in services:
        if each["name"] == ServiceName.CAPF and each["listens"]:
            return str(each["listens"][0]).rpartition(":")[2]
    return str(cluster.config.capf.port or _CAPF_PORT)


def _choices(release: Release) -> dict[Parameter, tuple[str, ...]]:
    """Return what a release has of them."""
    missing = set()
    if not release.has_phone_interaction:
        missing.add(Parameter.PHONE_INTERACTION)
    if not release.has_advanced_encryption:
        missing.add(Parameter.ADVANCED_ENCRYPTION)
    found = {name: values for name, values in CHOICES.items() if name not in missing}
    if not release.chooses_digest:
        found[Parameter.SIGNATURE_DIGEST] = (SHA1,)
    return found


def save(visit: Visit) -> Response:
    """Write what differs; all values are checked before the first is written."""
    held = visit.cluster.parameters()
    if visit.form.one("order") == "default":
        given = _defaults(visit.cluster.release)
    else:
        names = (*CHOICES, Parameter.CAPF_EXPIRES)
        fields = {name.value: held[name] for name in names}
        given = edited(visit.form, fields, "parameters.name.")
    wanted = dict(security.check_parameter(*each) for each in given.items())
    changed = {name: value for name, value in wanted.items() if held[name] != value}
    if visit.form.one("order") == "default" and changed and not visit.is_sure:
        return visit.ask(_change_words(held, changed), text("parameters.default"))
    visit.plan(len(changed))
    for name, value in changed.items():
        visit.step(f"parameters.name.{name}")
        security.set_parameter(visit.cluster, name, value, by=visit.by)
    if changed:
        visit.announce()
        visit.say("parameters.saved")
        visit.say("parameters.restart", NoticeKind.WARNING)
    else:
        visit.say("parameters.unchanged", NoticeKind.READY)
    return visit.go(_PATH)


def _change_words(held: Mapping[str, str], changed: Mapping[Parameter, str]) -> str:
    """Return what Set to Default would change, in the words of the page."""
    changes = (
        f"{text(f'parameters.name.{name}')}: {_words(name, held[name])} -> "
        f"{_words(name, value)}"
        for name, value in changed.items()
    )
    return text("parameters.default-warning", changes="; ".join(changes))


def _words(name: Parameter, value: str) -> str:
    return text(f"parameters.value.{value}") if name in _WORDED else value


def _defaults(release: Release) -> dict[str, str]:
    """Return what Set to Default fills in."""
    values = {name.value: some[0] for name, some in _choices(release).items()}
    if release.has_phone_interaction:
        interaction = PhoneInteraction.default_of(release)
        values[Parameter.PHONE_INTERACTION] = interaction.value
    return values | {Parameter.CAPF_EXPIRES: DEFAULTS[Parameter.CAPF_EXPIRES]}


def show_reset(visit: Visit) -> Response:
    """Ask before all phones are reset."""
    question = text("parameters.reset-warning")
    return visit.ask(question, text("phones.reset"), cancel=_PATH)


def reset(visit: Visit) -> Response:
    """Reset every registered phone."""
    reset_phones(visit, ())
    return visit.go(_PATH)


PAGES: Final = (
    Page(_PATH, show, save, back=_PATH),
    Page(f"{_PATH}/reset", show_reset, reset, back=_PATH),
)
