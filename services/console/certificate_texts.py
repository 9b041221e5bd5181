"""The English texts of the pages of certificates: part of `texts`."""

from collections.abc import Mapping
from typing import Final

CERTIFICATE_TEXTS: Final[Mapping[str, str]] = {
    "certificates.title": "Certificate List",
    "certificates.find-where": "Find Certificate List where",
    "certificates.list": "Certificate List ({count})",
    "certificates.all-nodes": "All servers",
    "certificates.field.certificate": "Certificate",
    "certificates.field.common-name": "Common Name",
    "certificates.field.usage": "Usage",
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
    "certificates.working": "Making key and certificate of {store} for {node}",
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
    "certificates.deleting": "Deleting from {store}",
    "certificates.storing": "Storing in {store}",
    "certificates.imported": "Certificate upload operation successful: {nodes}",
    "certificates.reusing": "{store} uses this certificate and has changed, too.",
    "certificates.server": "Server (for the purposes without -trust: whose request the "
    "certificate answers)",
    "certificates.generate-csr": "Generate CSR",
    "certificates.download-csr": "Download CSR",
    "certificates.self-signed": "Generate Self-signed",
    "certificates.download-ctl": "Download CTL",
    "certificates.reuse": "Reuse Certificate",
    "certificates.days": "Validity (days)",
    "certificates.days-note": "Empty: the value of the configuration.",
    "csr.title": "Generate Certificate Signing Request",
    "csr.warning": "Warning: Generating a new CSR for a certificate will overwrite the "
    "existing CSR of it, and its key",
    "csr.distribution": "Distribution",
    "csr.multi-server": "Multi-server(SAN)",
    "csr.common-name": "Common Name",
    "csr.common-name-note": "Empty: the usual name of the server.",
    "csr.domains": "Other Domains (Subject Alternate Names, one a line)",
    "csr.rsa-length": "Key Length (RSA)",
    "csr.ec-length": "Key Length (EC, for the purposes with -ECDSA)",
    "csr.hash": "Hash Algorithm",
    "csr.hash-value": "SHA256",
    "csr.generate": "Generate",
    "csr.made": "Success: Certificate Signing Request Generated",
    "csr.waiting": "Pending requests",
    "csr.nothing-waits": "There is no pending request.",
    "csr.self-signed-title": "Generate New Self-Signed Certificate",
    "csr.self-signed-warning": "Warning: The new certificate replaces the present one "
    "of its purpose, also one that a CA has signed. The key is replaced.",
    "csr.reuse-title": "Use Tomcat Certificate For Other Services",
    "csr.reuse-from": "{store} uses the certificate of {tomcat}",
    "csr.reuse-not": "This needs release 14 or later.",
    "csr.reused": "Success: {store} has the certificate {serial} now",
    "certificates.required": "*- indicates required item.",
    "bulk.export": "Export",
    "bulk.import": "Import",
    "bulk.type": "Certificate Type",
    "bulk.export-note": "One PEM file with the certificates of all servers, without "
    "keys.",
    "bulk.import-note": "TFTP and ITLRecovery go to Phone-SAST-trust and "
    "CallManager-trust, CAPF to CallManager-trust, Tomcat to tomcat-trust.",
    "bulk.imported": "Success: {type}, new certificates that are trusted: {count}",
    "bulk.exported": "Success: {type}, exported certificates: {count}",
    "bulk.consolidated": "Success: {type}, consolidated certificates: {count}, of "
    "clusters: {clusters}",
    "bulk.working": "{type}",
    "bulk.exchange": "Export, Consolidate, Import",
    "bulk.consolidate": "Consolidate",
    "bulk.folder": "Folder of the server",
    "bulk.directory": "Directory",
    "bulk.download": "Download a file",
    "bulk.upload": "Upload a file",
    "bulk.no-sftp": "The vendor's page exchanges over an SFTP server (IP Address, "
    "Port, User ID, Password, Directory). There is no SFTP here: a folder of this "
    "server stands in for it; clusters that name the same folder exchange in it.",
    "bulk.exchange-note": "Export on every cluster, consolidate on one, import on "
    "every one. The folder is bulk_folder of [certificates] in the configuration.",
}
