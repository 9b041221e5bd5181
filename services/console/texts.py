"""Every English text of the pages, by key: to read, and to translate.

Those of the pages of certificates are in `certificate_texts`. Sentences of the vendor's
pages are as the document shows them (REFERENCE-5 4 and 5).
"""

from collections.abc import Mapping
from typing import Final

from tokenless.services.console.certificate_texts import CERTIFICATE_TEXTS

TEXTS: Final[Mapping[str, str]] = {
    **CERTIFICATE_TEXTS,
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
    "live.off": "Not live: the connection was lost and is being restored.",
    "live.failed": "Not live: what this page shows cannot be fetched again; load the "
    "page again to see why.",
    "live.ended": "Not live: you are not signed in any longer, or the console was "
    "started again; load the page again.",
    "nav.home": "Home",
    "nav.parameters": "Enterprise Parameters",
    "nav.phones": "Phones",
    "nav.certificates": "Certificate Management",
    "nav.bulk": "Bulk Certificate Management",
    "nav.services": "Control Center",
    "nav.reports": "Unified Reporting",
    "nav.cli": "CLI",
    "nav.ctl-client": "CTL Client",
    "confirm.title": "Are you sure?",
    "status.title": "Status",
    "status.ready": "Status: Ready",
    "plain.title": "The operation failed",
    "plain.home": "Go to the first page",
    "error.too-large": "What was sent is larger than any form of this page takes; "
    "nothing was changed. Choose a smaller file.",
    "error.host": "Without sign-in, this console answers only on loopback addresses.",
    "error.role": "Your role is read: you cannot make changes or use the shell.",
    "error.origin": "Another site's page sent this form; nothing was changed.",
    "error.csrf": "The form is not of this session; load its page again. Nothing was "
    "changed.",
    "error.slow": "The form was sent too slowly; nothing was changed.",
    "error.file": "A file cannot be read or written: {reason}.",
    "error.internal": "The page failed; the console's log has the reason.",
    "error.not-found": "There is no such page.",
    "error.busy": "Too many operations are running; try again in a minute.",
    "work.title": "Please wait",
    "work.state": "Step {done} of {total}: {words}",
    "work.begun": "Started",
    "work.node": "Telling {node}",
    "work.leave": "The operation continues when you close this page.",
    "sign-in.title": "Sign in",
    "sign-in.name": "Username",
    "sign-in.password": "Password",
    "sign-in.act": "Sign in",
    "sign-in.ended": "You were not signed in any longer, so nothing was changed: sign "
    "in and do it again.",
    "sign-in.refused": (
        "Sign-in failed: the name or the password is wrong, or the user is locked "
        "out for some time after wrong passwords."
    ),
    "sign-in.throttled": "Too many sign-in attempts; wait a minute.",
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
    "find.nothing-yet": "Select Find to list certificates.",
    "find.nothing": "Nothing was found.",
    "find.operator.begins": "begins with",
    "find.operator.contains": "contains",
    "find.operator.exactly": "is exactly",
    "find.operator.ends": "ends with",
    "find.operator.empty": "is empty",
    "find.operator.not-empty": "is not empty",
    "col.service": "Service",
    "parameters.title": "Enterprise Parameters",
    "parameters.fixed": "Set elsewhere",
    "parameters.security": "Security Parameters",
    "parameters.mode-note": "0 is non-secure, 1 is mixed. The mode is changed by "
    "utils ctl in the CLI, or by the CTL Client.",
    "parameters.digest-note": "This release always signs with SHA-1.",
    "parameters.saved": "Update Successful",
    "parameters.unchanged": "Status: Ready. No value was changed.",
    "parameters.restart": "Restart the services that use it on all servers of the "
    "cluster.",
    "parameters.name.ClusterSecurityMode": "Cluster Security Mode",
    "parameters.name.Version": "Version",
    "parameters.name.PrepareClusterForRollbackToPre8.0": "Prepare Cluster for Rollback "
    "to pre 8.0",
    "parameters.name.AllowExportControlledFunctionality": "Allow Export Controlled "
    "Functionality",
    "parameters.name.AutoRegistration": "Auto Registration",
    "parameters.name.CAPFOperationExpiresIn": "CAPF Operation Expires in (days)",
    "parameters.name.TLSCiphers": "TLS Ciphers",
    "parameters.value.automatic": "Reset phones automatically",
    "parameters.value.manual": "Reset phones manually",
    "parameters.value.all-rsa": "All Ciphers, RSA Preferred",
    "parameters.value.all-ecdsa": "All Ciphers, ECDSA Preferred",
    "parameters.value.medium-rsa": "Medium- AES-256 AES-128 only: RSA Preferred",
    "parameters.value.medium-ecdsa": "Medium- AES-256 AES-128 only: ECDSA Preferred",
    "parameters.value.strongest-rsa": "Strongest- AES-256 SHA-384 only: RSA Preferred",
    "parameters.value.strongest-ecdsa": "Strongest- AES-256 SHA-384 only: ECDSA "
    "Preferred",
    "parameters.ciphers-note": "TLS Ciphers counts for Cisco CallManager from its next "
    "start. With Medium and Strongest, phones with TLS 1.0 only and phones in "
    "authenticated mode cannot register securely.",
    "parameters.capf-port": "CAPF Phone Port",
    "parameters.default": "Set to Default",
    "parameters.default-warning": "Set to Default changes: {changes}.",
    "parameters.reset-warning": "You are about to reset all devices in the system. "
    "This action cannot be undone. Continue?",
    "parameters.not-here": "Not modelled",
    "parameters.not-here-note": "The vendor's page has these, too (SRTP and OAuth in "
    "later releases). Nothing here acts on them; the values are the vendor's defaults "
    "as far as they are known.",
    "parameters.name.PhoneInteractionOnCertificateUpdate": "Phone Interaction on "
    "Certificate Update",
    "parameters.name.EndpointAdvancedEncryptionAlgorithmsSupport": "Endpoint Advanced "
    "Encryption Algorithms Support",
    "parameters.name.TFTPFileSignatureAlgorithm": "TFTP File Signature Algorithm",
    "services.title": "Control Center",
    "services.all": "On all servers",
    "services.restart-all": "Restart on all servers",
    "services.note": "Servers on which the service is not activated are not changed; "
    "where it is stopped, it is started.",
    "services.server": "Server {name}",
    "services.name": "Service Name",
    "services.status": "Status",
    "services.activation": "Activation Status",
    "services.activated": "Activated",
    "services.deactivated": "Deactivated",
    "services.start-time": "Start Time",
    "services.up-time": "Up Time",
    "services.listens": "Listens",
    "services.orders": "Orders",
    "services.order.start": "Start",
    "services.order.stop": "Stop",
    "services.order.restart": "Restart",
    "services.stop-warning": "You are about to stop {service} on {node}. Continue?",
    "services.working": "{service} on {node}",
    "services.restarted": "{service} Service Restart Operation was Successful on "
    "{node}",
    "services.started": "{service} Service Start Operation was Successful on {node}",
    "services.stopped": "{service} Service Stop Operation was Successful on {node}",
    "phones.title": "Find and List Phones",
    "phones.find": "Find Phone where",
    "phones.name-contains": "Device Name contains",
    "phones.list": "Phone ({count})",
    "phones.select": "Select",
    "phones.select-all": "Select All",
    "phones.select-shown": "Select the {count} phones shown",
    "phones.reset-selected": "Reset Selected",
    "phones.reset-all": "Reset All",
    "phones.reset-warning": "You are about to reset the selected phones: {count}. "
    "Continue?",
    "phones.reset": "Reset",
    "phones.add": "Add as a configured phone",
    "phones.name": "Device Name",
    "phones.model": "Model",
    "phones.auto": "auto-registered",
    "phones.registration": "Registration",
    "phones.registered": "Registered with {node}",
    "phones.absent": "{state} ({why})",
    "phones.unknown": "Unknown",
    "phones.security": "Device Security Mode",
    "phones.default-mode": "from its device pool",
    "phones.certificate": "Certificate",
    "phones.no-certificate": "not known",
    "phones.capf": "CAPF",
    "phones.none": "None",
    "phones.itl": "ITL File Status",
    "phones.itl-any": "any",
    "phones.alarms": "Last alarms",
    "phones.secure": "TLS",
    "phones.clear": "in clear",
    "phones.itl-note": (
        "ITL File Status: from release 14 on, SIP phones report the ITL that they "
        "hold; for all other phones it is Unknown."
    ),
    "phones.more": "{count} more: search for a part of the name.",
    "phones.one": "Phone {name}",
    "phones.real-time": "Real-time Device Status",
    "phones.protocol-section": "Protocol Specific Information",
    "phones.encrypts": "TFTP Encrypted Config",
    "phones.capf-section": "Certification Authority Proxy Function (CAPF) Information",
    "phones.operation": "Certificate Operation",
    "phones.operation-status": "Certificate Operation Status",
    "phones.auth-mode": "Authentication Mode",
    "phones.string": "Authentication String",
    "phones.key-order": "Key Order",
    "phones.key-order.rsa": "RSA Only",
    "phones.key-order.ec": "EC Only",
    "phones.finish-by": "Operation Completes By",
    "phones.finish-note": "YYYY:MM:DD:HH in UTC; empty: after the days of Enterprise "
    "Parameters.",
    "phones.rsa-size": "RSA Key Size (Bits)",
    "phones.ec-size": "EC Key Size (Bits)",
    "phones.generate": "Generate String",
    "phones.saved": "Update Successful",
    "phones.reset-needed": (
        "The phone applies this when it next fetches its configuration: reset it."
    ),
    "phones.saving": "Saving {name}",
    "phones.resetting": "Resetting phones of {node}",
    "phones.reset-done": "Reset sent, registered phones reached: {count}",
    "phones.reset-missing": "Not registered, so nothing reached them: {count}",
    "reports.title": "Unified Reporting",
    "reports.ctl": "CTL of every server",
    "reports.itl": "ITL of every server",
    "reports.ctl-differs": "The CTL is not the same on all servers.",
    "reports.ctl-unread": "Not compared, because it cannot be read here: the CTL of "
    "{nodes}.",
    "reports.no-ctl": "CTL File not found",
    "reports.no-itl": "ITL File not found",
    "reports.md5": "MD5",
    "reports.length": "Length",
    "reports.signer": "Signer",
    "reports.function": "Function",
    "reports.host": "DNS name",
    "reports.subject": "Subject",
    "reports.serial": "Serial number",
    "reports.not-verified": "{name} could not be verified: its signature is not that "
    "of a certificate in it, so phones refuse it.",
    "reports.signs": "signed this file",
    "reports.features": "Unified CM Phone Feature List",
    "reports.product": "Product",
    "reports.protocol": "Protocol",
    "reports.feature": "Feature",
    "reports.source": "Source",
    "reports.features-note": "Models that are not listed do not support Security By "
    "Default, or it is not known whether they do.",
    "cli.title": "CLI of {node}",
    "cli.go": "Go",
    "cli.output": "Output of the CLI",
    "cli.ended": "You are not signed in any longer, or your role has changed: this was "
    "not carried out.",
    "cli.full": "{number} commands of this console run or wait for an answer, and it "
    "takes no more: answer one of them or close its page, then enter this one again. "
    "Nothing was carried out.",
    "cli.closed": "The connection is closed; load the page again.",
    "cli.no-script": "This page needs JavaScript; without it, use `tokenless admin`.",
    "cli.note": "The same commands as in `tokenless admin`; `help` lists them. Files "
    "that commands fetch are deleted when the page closes.",
    "ctl-client.title": "Cisco CTL Client",
    "ctl-client.server": "Cisco Unified Communications Manager Server",
    "ctl-client.host": "Hostname or IP Address",
    "ctl-client.port": "Port",
    "ctl-client.username": "Username",
    "ctl-client.user-password": "Password",
    "ctl-client.nobody": "This console has no users, so no name is needed.",
    "ctl-client.refused": "The server refuses the name or the password, or the user is "
    "locked out for a while after wrong passwords.",
    "ctl-client.signing": "Signing with {token}",
    "ctl-client.add-tftp": "Add TFTP",
    "ctl-client.add-firewall": "Add Firewall",
    "ctl-client.other-address": "IP Address",
    "ctl-client.other-file": "Certificate of the server (PEM or DER)",
    "ctl-client.other-note": "The vendor's client fetches the certificate from port "
    "2444 of the server, with a name and a password. Nothing serves that port here: "
    "its certificate is given as a file. The place of the entry is inferred.",
    "ctl-client.other-firewall": "A firewall stands in the file as CCM: phones believe "
    "its certificate as that of a CallManager.",
    "ctl-client.next": "Next",
    "ctl-client.note": "Tokens are those of the server's token store.",
    "ctl-client.mode": "Cluster Security Mode",
    "ctl-client.mode.mixed": "Set Cisco Unified CallManager Cluster to Mixed Mode",
    "ctl-client.mode.non-secure": "Set Cisco Unified CallManager Cluster to Non-Secure "
    "Mode",
    "ctl-client.mode.update": "Update CTL File",
    "ctl-client.please-insert": "Please insert a Security Token. Click Ok when done.",
    "ctl-client.token": "Security Token",
    "ctl-client.no-tokens": (
        "The server's token store has no other token; create one with `tokenless "
        "token create`."
    ),
    "ctl-client.token-information": "Security Token Information",
    "ctl-client.subject": "Subject Name",
    "ctl-client.issuer": "Issuer Name",
    "ctl-client.add": "Add",
    "ctl-client.entries": "CTL Entries",
    "ctl-client.type": "Type",
    "ctl-client.hostname": "Hostname/IP Address",
    "ctl-client.password": "Please enter the Security Token password",
    "ctl-client.add-tokens": "Add Tokens",
    "ctl-client.delete-selected": "Delete Selected",
    "ctl-client.finish": "Finish",
    "ctl-client.location": "File Location",
    "ctl-client.passed": "Passed",
    "ctl-client.failed": "Failed",
    "ctl-client.restart": "You must restart all the Cisco Unified Communications "
    "Manager and TFTP nodes in the Cluster.",
    "ctl-client.done": "Done",
}


def text(key: str, **values: object) -> str:
    """Return a text with its values filled in.

    Raises:
        KeyError: When the catalogue has none of this key, or a value is missing.
    """
    template = TEXTS[key]
    return template.format(**values) if values else template
