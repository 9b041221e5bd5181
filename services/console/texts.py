"""Every English text of the pages, by key: one place to read, and to translate.

Sentences of the vendor's pages are as the document shows them (REFERENCE-5 4 and 5).
"""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "app.title": "Tokenless Unified CM Administration",
    "app.skip": "Skip to the page",
    "app.working": "Working",
    "app.user": "Signed in as {name} ({role})",
    "app.theme": "Dark",
    "app.sign-out": "Sign out",
    "app.pages": "Pages",
    "app.ok": "OK",
    "app.cancel": "Cancel",
    "app.close": "Close",
    "app.save": "Save",
    "live.on": "Live: this page follows the cluster.",
    "live.off": "Not live: the connection is lost, and is tried again.",
    "nav.home": "Home",
    "nav.parameters": "Enterprise Parameters",
    "nav.phones": "Phones",
    "nav.certificates": "Certificate Management",
    "nav.bulk": "Bulk Certificate Management",
    "nav.services": "Control Center",
    "nav.reports": "Unified Reporting",
    "nav.cli": "CLI",
    "nav.ctl-client": "CTL Client",
    "status.title": "Status",
    "status.ready": "Status: Ready",
    "plain.title": "This did not work",
    "plain.home": "To the first page",
    "error.too-large": "More was sent than any form of this console has.",
    "error.host": "Without a sign-in this console answers to loopback only.",
    "error.role": "Your role is read: it changes nothing and has no shell.",
    "error.origin": "Another site's page sent this form; nothing was changed.",
    "error.csrf": "The form is not of this session; load its page again. Nothing was "
    "changed.",
    "error.slow": "The form did not come in time; nothing was changed.",
    "error.file": "A file cannot be read or written: {reason}.",
    "error.internal": "The page failed; the log of the console says why.",
    "error.not-found": "There is no such page.",
    "sign-in.title": "Sign in",
    "sign-in.name": "Username",
    "sign-in.password": "Password",
    "sign-in.act": "Sign in",
    "sign-in.refused": "Sign-in failed: the name or the password is wrong, or the user "
    "is locked out for a while after wrong passwords.",
    "sign-in.throttled": "Too many tries to sign in; wait a minute.",
    "home.title": "Cluster",
    "home.cluster": "Overview",
    "home.name": "Cluster",
    "home.version": "Version",
    "home.mode": "Cluster Security Mode",
    "home.nodes": "Servers",
    "home.publisher": "publisher",
    "home.audit": "Last changes",
    "mode.mixed": "Mixed (1)",
    "mode.non-secure": "Non-secure (0)",
    "col.server": "Server",
    "col.address": "Address",
    "col.services": "Services",
    "col.time": "Time",
    "col.by": "By",
    "col.action": "Action",
    "col.detail": "Detail",
    "find.field": "Field",
    "find.operator": "Operator",
    "find.text": "Text",
    "find.act": "Find",
    "find.nothing-yet": "Nothing is listed before Find.",
    "find.nothing": "Nothing was found.",
    "find.operator.begins": "begins with",
    "find.operator.contains": "contains",
    "find.operator.exactly": "is exactly",
    "find.operator.ends": "ends with",
    "find.operator.empty": "is empty",
    "find.operator.not-empty": "is not empty",
    "certificates.title": "Certificate List",
    "certificates.find-where": "Find Certificate List where",
    "certificates.list": "Certificate List ({count})",
    "certificates.all-nodes": "All servers",
    "certificates.field.certificate": "Certificate",
    "certificates.field.common-name": "Common Name",
    "certificates.field.type": "Type",
    "certificates.field.key-type": "Key Type",
    "certificates.field.distribution": "Distribution",
    "certificates.field.issued-by": "Issued By",
    "certificates.field.expiration": "Expiration",
    "certificates.field.description": "Description",
    "certificates.details": "Certificate Details for {name}, {store}",
    "certificates.settings": "Certificate Settings",
    "certificates.file-name": "File Name",
    "certificates.purpose": "Certificate Purpose",
    "certificates.type": "Certificate Type",
    "certificates.group": "Certificate Group",
    "certificates.description": "Description(friendly name)",
    "certificates.data": "Certificate File Data",
    "certificates.back": "Certificate List",
    "certificates.download-pem": "Download .PEM File",
    "certificates.download-der": "Download .DER File",
    "certificates.regenerate": "Regenerate",
    "certificates.regenerate-of": "Regenerate {store} of {node}",
    "certificates.regenerate-warning": "This operation will overwrite any CA signed "
    "certificate previously imported for {store}. The key is replaced.",
    "certificates.regenerate-recovery": "If you are using a tokenless CTL and if the "
    "CallManager certificate is recently generated, please ensure that the CTL File "
    "already has the new CallManager certificate and is updated to the endpoints, "
    "before generating the ITL Recovery certificate.",
    "certificates.regenerated": "Success: Certificate Regenerated. Serial Number: "
    "{serial}",
    "certificates.restart": "You must restart services related to {store} for the "
    "regenerated certificates to become active.",
    "certificates.new-key": "New key",
    "certificates.key-length": "Key Length",
    "certificates.delete": "Delete",
    "certificates.delete-of": "Delete {name} from {store}",
    "certificates.delete-warning": "The certificate is deleted from this trust store "
    "on all servers.",
    "certificates.deleted": "Success: Certificate {name} deleted",
    "certificates.upload": "Upload Certificate/Certificate chain",
    "certificates.upload-act": "Upload",
    "certificates.upload-file": "Upload File",
    "certificates.upload-warning": "Warning: Uploading a cluster-wide certificate will "
    "distribute it to all servers in this cluster",
    "certificates.uploaded": "Success: Certificate Uploaded",
    "certificates.required": "*- indicates required item.",
}


def text(key: str, **values: object) -> str:
    """Return a text with its values filled in.

    Raises:
        KeyError: When the catalogue has none of this key, or a value is missing.
    """
    found = TEXTS[key]
    return found.format(**values) if values else found
