"""All findings of `check`: how much each matters, what phones meet, what to do.

The code that looks gives the place and a message; everything else is said here, and the
table of docs/check.md is made from it. Words in braces are filled in where something is
found.
"""

from collections.abc import Mapping
from typing import Final

from tokenless.phone_emulator.check.findings.about_one_list import ABOUT_ONE_LIST
from tokenless.phone_emulator.check.findings.codes import CatalogueEntry, Code
from tokenless.protocol.trust.lint import Severity

_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
_RESTART_HERE: Final = "restart Cisco Tftp on the node"
_RESTART_ALL: Final = "restart Cisco Tftp on every node"
_REPLAN: Final = "regenerate one certificate at a time (`tokenless rehearse plan`)"

_ABOUT_NODES: Final[Mapping[Code, CatalogueEntry]] = {
    Code.PHONE_LOCKED_OUT: CatalogueEntry(
        _E,
        "a phone that holds another node's lists refuses a file of this node; "
        "the message gives the reason and the rule",
        "the phone keeps its old lists and configuration, and accepts no changes",
        "compare `show ctl` and `show itl` on both nodes, restart Cisco Trust "
        "Verification Service and Cisco Tftp on the node with the older lists, "
        "and restart no phone before that{more}",
    ),
    Code.NEW_PHONE_LOCKED_OUT: CatalogueEntry(
        _E,
        "a phone without lists refuses a file",
        "new phones do not work with this node",
        "correct the node's files before a phone is factory-reset or a new "
        "phone is connected",
    ),
    Code.CTL_STALE: CatalogueEntry(
        _E,
        "a node does not serve the newest CTL; the finding names the "
        "certificates that its phones still trust, and those that they do not "
        "know",
        "phones that this node serves {loss}",
        "restart Cisco Tftp on this node; if its `show ctl` still differs after "
        "that, run `utils ctl update CTLFile` again",
    ),
    Code.CTL_MISSING: CatalogueEntry(
        _E,
        "a node has no CTL while others serve one",
        "this node's phones keep an old CTL and get no update of it; new phones "
        "get no CTL, and cannot use authenticated or encrypted mode",
        "run `utils ctl update CTLFile` and restart Cisco Tftp on this node",
        _W,
        "that CTL has no server records (non-secure mode)",
    ),
    Code.CTL_SIGNER_UNKNOWN: CatalogueEntry(
        _E,
        "the CTL's signer is not a SAST in the node's ITL, and no TVS member "
        "vouches for it",
        "phones that do not hold exactly this CTL will never update",
        "make a new CTL (`utils ctl update CTLFile`) and restart Cisco Tftp on "
        "this node; if a token or another cluster signs, upload the signer's "
        "certificate to Phone-SAST-trust",
    ),
    Code.CTL_OUTDATED: CatalogueEntry(
        _E,
        "the ITL has a newer certificate than the CTL: `utils ctl update "
        "CTLFile` was not run",
        "phones refuse {owner} new certificate: {loss}",
        "run `utils ctl update CTLFile`, restart Cisco Tftp and Cisco CallManager on "
        "every node, then reset the phones",
        _W,
        "it is CAPF's",
    ),
    Code.TFTP_UNREACHABLE: CatalogueEntry(
        _E,
        "no file can be downloaded from a TFTP node",
        "phones that have no other TFTP server get no lists and no configuration",
        "start Cisco Tftp on the node, and check for a firewall on UDP {port}",
    ),
    Code.TFTP_ADDRESS: CatalogueEntry(
        _E,
        "the node answers at an address that none of its lists has: it is behind NAT "
        "or a published port, and was told another one",
        "phones that reach the node there take no configuration from it{when}",
        "make the address that phones reach the node's own, and let its services "
        "listen elsewhere (`listen.address`), or let phones reach {listed}",
        _W,
        "the CTL has no server records (non-secure mode)",
    ),
    Code.DOWNLOAD_FAILED: CatalogueEntry(
        _E,
        "one list cannot be downloaded, although others can",
        "phones keep the list that they have and get no changes",
        _RESTART_HERE,
    ),
    Code.MALFORMED: CatalogueEntry(
        _E,
        "the file is not a trust list",
        "every phone refuses the file; new phones get no trust list",
        "make the file again: `utils ctl update CTLFile` for a CTL, restart "
        "Cisco Tftp for an ITL",
    ),
    Code.WRONG_FILENAME: CatalogueEntry(
        _E,
        "a list's header has the name of another file",
        "phones refuse it",
        "replace the file by the right one",
    ),
    Code.CONFIGURATION_UNSIGNED: CatalogueEntry(
        _E,
        "the lists have TFTP records, but there is no signed configuration",
        "phones that hold these lists ask for signed configurations only",
        _RESTART_HERE,
    ),
    Code.CONFIGURATION_MALFORMED: CatalogueEntry(
        _E,
        "the configuration cannot be read by any phone",
        "phones refuse the new configuration and keep the old one",
        _RESTART_HERE,
    ),
    Code.TVS_UNPINNED: CatalogueEntry(
        _W,
        "the certificate that a TVS member shows is not in an ITL",
        "phones that hold that ITL end the TLS handshake, so they cannot ask "
        "this member",
        "restart Cisco Trust Verification Service and then Cisco Tftp on every "
        "node; regenerate no other certificate until all phones have the new ITL",
    ),
    Code.TVS_UNREACHABLE: CatalogueEntry(
        _W,
        "a TVS member does not answer",
        "phones ask the next member; if none answers, they refuse every new "
        'signer, and HTTPS services show "Host Not Found"',
        "start Cisco Trust Verification Service, and check for a firewall on "
        "TCP {port}",
    ),
    Code.TVS_SINGLE: CatalogueEntry(
        _W,
        "the configuration lists one TVS member only",
        "while this member is down or its certificate is being replaced, every "
        "new signer locks phones out",
        "add a second node that runs TVS to the CallManager group",
    ),
    Code.TVS_NONE: CatalogueEntry(
        _W,
        "no TVS member is known",
        "phones cannot ask TVS: every new signer locks them out",
        "add nodes that run TVS to the phones' CallManager group",
    ),
    Code.TVS_DOES_NOT_KNOW: CatalogueEntry(
        _W,
        "a list has a certificate that no TVS member knows",
        "the list is older than the cluster's certificates, or from another "
        "cluster; phones trust that certificate as long as they hold the list",
        "run `utils ctl update CTLFile` for a CTL, restart Cisco Tftp on the node for "
        "an ITL",
        _N,
        "it is a SAST",
    ),
    Code.TVS_DISAGREES: CatalogueEntry(
        _W,
        "TVS members answer the same question differently",
        "phones use the first member's answer, yes or no",
        "restart Cisco Trust Verification Service on all nodes; if the answers "
        "still differ, check the database replication",
    ),
    Code.TLS_TOO_NEW: CatalogueEntry(
        _W,
        "a member offers only versions of TLS that are newer than those of a model",
        "phones of this model cannot ask this member",
        "lower the minimum (`set tls min-version 1.0`) while there are such phones",
    ),
    Code.TLS_TOO_OLD: CatalogueEntry(
        _W,
        "a member offers nothing newer than TLS 1.0",
        "newer phones with TLS 1.0 disabled cannot use this member",
        "update the node",
    ),
    Code.ITL_STALE: CatalogueEntry(
        _W,
        "an ITL lacks a TVS or CAPF record that another node's ITL has",
        "phones that hold this ITL {loss}",
        f"{_RESTART_ALL}, then reset the phones",
    ),
    Code.ITL_MODES_DIFFER: CatalogueEntry(
        _W,
        "some ITLs name their node CCM+TFTP (mixed mode), others TFTP (non-secure)",
        "different nodes tell phones different security modes",
        f"{_RESTART_ALL} after a change of the mode",
    ),
    Code.ITL_MISSING: CatalogueEntry(
        _W,
        "there is no ITL",
        "new phones cannot ask TVS; other phones keep the ITL that they have",
        _RESTART_HERE,
    ),
    Code.LIST_EMPTY: CatalogueEntry(
        _W,
        "a CTL or ITL file is empty",
        "phones treat the file as missing: new phones trust every server, other "
        "phones keep the list that they have",
        "serve the list, or remove the empty file",
    ),
    Code.CONFIGURATION_DIFFERS: CatalogueEntry(
        _W,
        "the configurations of two nodes, or the plain and the signed one, differ",
        "how a phone is configured depends on {difference}",
        _RESTART_ALL,
    ),
    Code.HTTP_DIFFERS: CatalogueEntry(
        _E,
        "a node serves different files over HTTP and by TFTP",
        "newer phones get the HTTP files, older phones the TFTP files: the "
        "findings about this node's files apply to TFTP only",
        "restart Cisco Tftp on the node; make sure that no other program "
        "answers at its port 6970",
        _W,
        "HTTP has additional files, but none that differs",
    ),
    Code.HTTP_MISSING: CatalogueEntry(
        _W,
        "a node serves a file by TFTP but not over HTTP",
        "newer phones try HTTP first, and then fetch the file by TFTP",
        _RESTART_HERE,
    ),
    Code.CAPF_UNLISTED: CatalogueEntry(
        _W,
        "the certificate that CAPF shows is neither the CAPF record of the CTL "
        "nor, when the CTL names no CAPF, of the ITL, and no TVS member vouches "
        "for it",
        "phones that hold these lists refuse CAPF: they get no LSC, and a phone that "
        "lost its key cannot decrypt its configuration",
        "restart Cisco Certificate Authority Proxy Function if it shows the "
        "older of two certificates; run `utils ctl update CTLFile` if there is "
        "a CTL, restart Cisco Tftp on every node, then reset the phones",
    ),
    Code.CERT_HASH_DIFFERS: CatalogueEntry(
        _E,
        "certHash of the configuration is not the MD5 of the phone's certificate that "
        "was given with `--lsc`",
        "the phone cannot decrypt its configuration, and no pending operation gives it "
        "another certificate without help",
        "order a CAPF operation for the phone (`--capf install`), then reset it; in "
        "string mode a person must type the string on it",
        _W,
        "the configuration is not encrypted, or an operation is pending that needs no "
        "person",
    ),
    Code.DIGEST: CatalogueEntry(
        _W,
        "a file is signed with a digest that older phones cannot verify",
        "7900, 8900 and 9900 phones verify SHA-1 only: they keep the old file",
        "set TFTP File Signature Algorithm to SHA-1 while there are such phones, and "
        "restart Cisco Tftp on every node",
    ),
    Code.OLDER_LIST_ACCEPTED: CatalogueEntry(
        _W,
        "a phone accepts an older list that is validly signed: phones have no "
        "protection against this",
        "the phone then trusts certificates that were replaced",
        "make all nodes serve the newest CTL",
    ),
    Code.SMALL_KEYS: CatalogueEntry(
        _N,
        "a list has keys of 1,024 bits or fewer, which 7900 phones accept",
        "old phones accept such keys; newer software does not",
        _REPLAN,
    ),
    Code.TLS_OLD: CatalogueEntry(
        _N,
        "a member offers TLS 1.0",
        "7900 phones need TLS 1.0",
        "raise the minimum when no 7900 phone is left",
    ),
    Code.CONFIGURATION_MISSING: CatalogueEntry(
        _N,
        "the node has no configuration for the phone of `--device`",
        "the phone's TVS members are not known",
        "name an existing phone with --device",
    ),
    Code.HTTP_UNREACHABLE: CatalogueEntry(
        _N,
        "a node serves no files over HTTP",
        "newer phones wait for HTTP first, then fetch the files by TFTP",
        "allow TCP 6970 to the node, and make sure that Cisco Tftp runs there",
    ),
    Code.CAPF_UNREACHABLE: CatalogueEntry(
        _N,
        "a CAPF server of the configuration does not answer",
        "no LSC is issued or replaced; phones with a pending operation try three times",
        "start Cisco Certificate Authority Proxy Function on the publisher, and check "
        "for a firewall on TCP {port}",
    ),
    Code.CAPF_NOT_ASKED: CatalogueEntry(
        _N,
        "the lists have a CAPF, but no configuration names one: it was not asked",
        advice="name the publisher with --capf",
    ),
    Code.CALLMANAGER_UNLISTED: CatalogueEntry(
        _E,
        "a CallManager shows a certificate on its secure ports that is not a CCM "
        "record of a node's CTL (without a CTL: of its ITL)",
        "phones that hold that list do not register there over TLS; they go to the "
        "next node of their group, or have no dial tone",
        "where the list is older, run `utils ctl update CTLFile`, restart Cisco Tftp "
        "and reset the phones; where the certificate is older, restart Cisco "
        "CallManager on the node",
    ),
    Code.CALLMANAGER_UNREACHABLE: CatalogueEntry(
        _W,
        "a secure port of a CallManager of the configuration does not answer",
        "secure phones register at the next node of their group, or have no dial tone",
        "start Cisco CallManager on the node, and check for a firewall on TCP {port}",
    ),
    Code.CALLMANAGER_TLS: CatalogueEntry(
        _W,
        "a CallManager and a phone model have no TLS version, or no cipher, in common",
        "secure phones of this model do not register there",
        "lower the TLS minimum or add a cipher on the node, or replace the phones",
    ),
    Code.CALLMANAGER_NOT_ASKED: CatalogueEntry(
        _W,
        "the lists name CallManagers, but a secure port was not seen, and no "
        "configuration names it",
        "it is not known whether secure phones register there",
        "name with --device an existing phone whose configuration is not encrypted, "
        "and with --sccps-port the port of SCCP over TLS",
    ),
    Code.CALLMANAGER_GUESSED: CatalogueEntry(
        _N,
        "no configuration names CallManagers; those of the lists were looked at, at "
        "2443 and 5061",
        advice="name with --device an existing phone whose configuration is not "
        "encrypted",
    ),
    Code.TVS_GUESSED: CatalogueEntry(
        _N,
        "no configuration names TVS members; the TVS nodes of the ITLs were asked",
        advice="name with --device an existing phone whose configuration is not "
        "encrypted, or name the members with --tvs",
    ),
}
_BY_SEVERITY: Final = list(Severity)
CATALOGUE: Final[Mapping[Code, CatalogueEntry]] = dict(
    sorted(
        {**_ABOUT_NODES, **ABOUT_ONE_LIST}.items(),
        key=lambda item: _BY_SEVERITY.index(item[1].severity),
    )
)
"""The worst first."""
