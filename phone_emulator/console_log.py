"""The console log in the two forms of real phones (REFERENCE 4.3).

    8074: NOT 23:00:22.335499 SECD: text                79xx
    8074 NOT Mar 06 23:00:22.335499 SECUREAPP-text      78xx, 88xx

Seen: the flush lines (the seed), the lines about TVS and its failures (the "Host Not
Found" document for 79xx, the migration documents for 78xx and 88xx). No log of a 79xx
that asks about a list's signer is public, so it takes over the wording for an HTTPS
peer (REFERENCE 9). Lines without a seen model, as why a file was refused, are ours.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from tokenless.phone_emulator.secd.log_events import LogEntry, LogEvent
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.phones.models import LogForm

_Lines = tuple[tuple[str, str], ...]

_FLUSH: Final[_Lines] = (
    ("NOT", "setupSocketToTvsProxy: Connected to TVS proxy server"),
    ("NOT", "tvsReqFlushTvsCertCache: Sent Request to TVS proxy, len: 3708"),
    ("NOT", "clpTvsInit: Client message received on TVS proxy socket"),
    ("NOT", "processTvsClntReq: Success reading the client TVS request, len : 3708"),
    ("NOT", "processTvsClntReq: TVS Certificate cache flush request received"),
    ("NOT", "tvsFlushCertCache: Completed TVS Certificate cache flush request"),
)
_HANDSHAKE_FAILED: Final[_Lines] = (
    ("NOT", "clpSetupSsl: TCP connected"),
    ("NOT", "clpSetupSsl: start SSL/TLS handshake"),
    ("ERR", "EROR:clpState: {reason}:<{address}>"),
    ("ERR", "EROR:clpSetupSsl: ** SSL handshake failed"),
    ("ERR", "SSL/TLS setup failed"),
    ("ERR", "EROR:clpSndStatus: SSL CLNT ERR, srvr<{address}>"),
)
_ANSWERED: Final[_Lines] = (
    ("NOT", "clpSetupSsl: TCP connected"),
    ("NOT", "clpSetupSsl: start SSL/TLS handshake"),
    ("NOT", "-Successfully obtained a TLS connection to the TVS server"),
    (
        "NOT",
        (
            "-Successfully sent the certificate Authentication request to TVS server, "
            "bytes written : {sent}"
        ),
    ),
    ("NOT", "-Done sending Certificate Validation request"),
    (
        "NOT",
        "-Authenticate Certificate : request sent to TVS server - waiting for response",
    ),
    ("NOT", "-Authentication Response received, status : {status}"),
)

# The alert and the "handshake failed" lines were seen; no log of a registration that
# fails for a stale CTL is public (REFERENCE-3 4.7), so those texts are ours.
_REGISTRATION: Final[Mapping[LogEvent, _Lines]] = {
    LogEvent.REGISTERING: (("NOT", "-PXY_CONNECT: [{protocol}], {node} <{address}>"),),
    LogEvent.REGISTERED: (
        ("NOT", "-PXY_CERT_CIPHER: [{protocol}], [{cipher}]"),
        ("NOT", "-registered at {node} <{address}>"),
    ),
    LogEvent.SERVER_NOT_TRUSTED: (
        ("ERR", "EROR:clpState: {reason}:<{address}>"),
        ("ERR", "EROR:clpSetupSsl: ** SSL handshake failed"),
    ),
    LogEvent.OWN_CERTIFICATE_REFUSED: (
        ("ERR", "-STATE_SSL3_ALERT: SSL3 alert [read]:[fatal]:[{reason}]"),
        ("ERR", "EROR:clpSetupSsl: ** SSL handshake failed"),
    ),
    LogEvent.NOT_REGISTERED: (
        ("ERR", "-not registered at {node} <{address}>: {reason}"),
    ),
    LogEvent.OUT_OF_SERVICE: (("WRN", "-out of service: {alarm}"),),
    LogEvent.RESET_ORDERED: (("NOT", "-ordered by the server: {alarm}"),),
}

_SECD: Final[Mapping[LogEvent, _Lines]] = {
    LogEvent.POWER_ON: (("NOT", "secdInit: {device} CP-{model} started"),),
    LogEvent.UNREADABLE_LIST: (
        ("ERR", "Could not load {kind} File from persistent memory."),
    ),
    LogEvent.FETCH: (("NOT", "getFile: requesting {name} from {server}"),),
    LogEvent.FETCHED: (("NOT", "getFile: {name} received, len: {length}"),),
    LogEvent.NOT_FOUND: (("WRN", "getFile: File Not Found <{name}>"),),
    LogEvent.DOWNLOAD_FAILED: (("ERR", "EROR:getFile: {name}: {reason}"),),
    LogEvent.UNCHANGED: (("NOT", "updateFromFile: {kind} is unchanged"),),
    LogEvent.LEAP_OF_FAITH: (("NOT", "Using leap of faith to accept TL file"),),
    LogEvent.SIGNER_UNKNOWN: (
        ("NOT", "-Signer cert not in CTL or ITL, <{subject}>, serial {serial}"),
        ("NOT", "-TVS service available, can attempt via TVS"),
        ("NOT", "-TVS Certificate Authentication request"),
    ),
    LogEvent.TVS_UNAVAILABLE: (
        ("WRN", "-No TVS server in the accepted configuration"),
    ),
    LogEvent.TVS_CACHE_MISS: (("NOT", "-No matching entry found at cache"),),
    LogEvent.TVS_CACHE_HIT: (("NOT", "-Matching entry found at cache"),),
    LogEvent.TVS_CONNECT: (
        (
            "NOT",
            "clpSetupSsl: Trying to connect to IPV4, IP: {address}, Port : {port}",
        ),
        ("NOT", "clpSetupSsl: TCP connect() waiting, <{address}> port: {port}"),
    ),
    LogEvent.TVS_NOT_CONNECTED: (
        ("ERR", "EROR:clpSetupSsl: TCP connect() failed, <{address}>: {reason}"),
        ("ERR", "EROR:clpSndStatus: SSL CLNT ERR, srvr<{address}>"),
    ),
    LogEvent.TVS_HANDSHAKE_FAILED: _HANDSHAKE_FAILED,
    LogEvent.TVS_NO_ANSWER: (
        ("ERR", "EROR:tvsRecv: no answer from <{address}>: {reason}"),
        ("ERR", "EROR:clpSndStatus: SSL CLNT ERR, srvr<{address}>"),
    ),
    LogEvent.TVS_ANSWERED: _ANSWERED,
    LogEvent.TVS_CACHED: (
        ("NOT", "TVS added cert to TVS cache - expires in {hours} hours"),
    ),
    LogEvent.VERIFIED: (("NOT", "-Authenticated {kind} via {by}"),),
    LogEvent.VERIFIED_BY_TVS: (("NOT", "-Authenticated {kind} via TVS"),),
    LogEvent.UPDATED: (("NOT", "updateFromFile: TL file updated, {kind}"),),
    LogEvent.REFUSED: (("ERR", "EROR:updateFromFile: {kind} rejected: {reason}"),),
    LogEvent.FLUSH: _FLUSH,
    LogEvent.TFTP_NOT_AUTHORISED: (
        ("ERR", "EROR:tftpAuth: {server} is no TFTP server of the CTL"),
    ),
    LogEvent.CONFIGURATION_VERIFIED: (("NOT", "-Authenticated {name} via {by}"),),
    LogEvent.CONFIGURATION_ACCEPTED: (("NOT", "cfgFile: {name} accepted"),),
    LogEvent.CACHED_CONFIGURATION: (
        ("WRN", "cfgFile: using the cached configuration"),
    ),
    LogEvent.ENCRYPTED_CONFIGURATION: (
        ("NOT", "cfgFile: {name} says encrypted, certHash {hash}"),
    ),
    LogEvent.CONFIGURATION_DECRYPTED: (("NOT", "cfgFile: {name} decrypted"),),
    LogEvent.NOT_DECRYPTED: (("ERR", "EROR:cfgFile: cannot be decrypted: {reason}"),),
    LogEvent.CAPF_BEGIN: (("NOT", "capf: session with {server}, {cause}"),),
    LogEvent.CAPF_END: (("NOT", "capf: session ended, {result} {reason}"),),
    LogEvent.CAPF_FAILED: (("ERR", "EROR:capf: {server}: {result}: {reason}"),),
    LogEvent.CAPF_WAITS: (("WRN", "capf: waiting for the authentication string"),),
    LogEvent.BOOTED: (("NOT", "secdInit: boot finished, {outcome}"),),
    **_REGISTRATION,
}

_CONNECTED: Final[_Lines] = (("INF", "TCP connect() successful"),)
_SECUREAPP: Final[Mapping[LogEvent, _Lines]] = {
    LogEvent.POWER_ON: (("INF", "{device} CP-{model} started"),),
    LogEvent.UNREADABLE_LIST: _SECD[LogEvent.UNREADABLE_LIST],
    LogEvent.FETCH: (("INF", "GETXXTP [GT339][src={name}][dest=/tmp/{name}]"),),
    LogEvent.FETCHED: (("INF", "XXTP complete - status = 100"),),
    LogEvent.NOT_FOUND: (("WRN", "DDGETTFTP.RESULT [_2_  File not found] {name}"),),
    LogEvent.DOWNLOAD_FAILED: (("ERR", "XXTP failed - {name}: {reason}"),),
    LogEvent.UNCHANGED: (("INF", "updateFromFile: {kind} is unchanged"),),
    LogEvent.LEAP_OF_FAITH: _SECD[LogEvent.LEAP_OF_FAITH],
    LogEvent.SIGNER_UNKNOWN: (
        ("INF", "signer not in TL table, <{subject}>, serial {serial}"),
        ("INF", "Using TVS for cert validation"),
    ),
    LogEvent.TVS_UNAVAILABLE: (("WRN", "VALIDATE CERT - TVS not enabled"),),
    LogEvent.TVS_CACHE_MISS: (
        ("INF", "TVS process request - processing TVS Query Certificate request."),
    ),
    LogEvent.TVS_CACHE_HIT: (("INF", "Hashes match... authentication successful."),),
    LogEvent.TVS_CONNECT: (
        ("INF", "Attempting connect to TVS server addr [{address}], mode [IPv4]"),
    ),
    LogEvent.TVS_NOT_CONNECTED: (
        ("ERR", "TCP connect() failed, {address}: {reason}"),
        ("ERR", "Failed to get signer using TVS"),
    ),
    LogEvent.TVS_HANDSHAKE_FAILED: (
        *_CONNECTED,
        ("ERR", "Handshake failed, {address}: {reason}"),
        ("ERR", "Failed to get signer using TVS"),
    ),
    LogEvent.TVS_NO_ANSWER: (
        *_CONNECTED,
        ("INF", "Handshake successful."),
        ("ERR", "no answer from {address}: {reason}"),
        ("ERR", "Failed to get signer using TVS"),
    ),
    LogEvent.TVS_ANSWERED: (
        *_CONNECTED,
        ("INF", "Role is = 21"),
        ("INF", "Handshake successful."),
        ("INF", "Sec SSL Connection - caching disabled, session not saved"),
        (
            "INF",
            (
                "TVS process request - Successfully sent the TVS request to TVS "
                "server, bytes written : {sent}"
            ),
        ),
        (
            "INF",
            "==== TVS process request - request byte dump ====, len = {sent}",
        ),
        ("INF", "TVS Service receives {received} bytes of data"),
        (
            "INF",
            "Found the work order from pending req list element at index 0",
        ),
        ("INF", "TVS answer, status {status}, roles {roles}"),
    ),
    LogEvent.TVS_CACHED: _SECD[LogEvent.TVS_CACHED],
    LogEvent.VERIFIED: (("INF", "TL file verified successfully."),),
    LogEvent.VERIFIED_BY_TVS: (
        ("INF", "Hashes match... authentication successful."),
        ("INF", "TL file verified successfully."),
    ),
    LogEvent.UPDATED: (
        ("INF", "updateFromFile: TL parse to table: CTL_SUCCESS"),
        ("INF", "updateFromFile: Updating master TL table"),
        ("INF", "TL file updated."),
    ),
    LogEvent.REFUSED: (("ERR", "updateFromFile: {kind} rejected: {reason}"),),
    LogEvent.FLUSH: (("INF", "TVS cert cache flushed"),),
    LogEvent.TFTP_NOT_AUTHORISED: (
        ("ERR", "AUTH.SRVR [GT339] look up server - {server} is not in the CTL"),
    ),
    LogEvent.CONFIGURATION_VERIFIED: (
        ("INF", "XXTP authenticated file approved - add .sgn if necessary -- {name}"),
    ),
    LogEvent.CONFIGURATION_ACCEPTED: (("INF", "configuration {name} accepted"),),
    LogEvent.CACHED_CONFIGURATION: (("WRN", "using the cached configuration"),),
    LogEvent.ENCRYPTED_CONFIGURATION: _SECD[LogEvent.ENCRYPTED_CONFIGURATION],
    LogEvent.CONFIGURATION_DECRYPTED: _SECD[LogEvent.CONFIGURATION_DECRYPTED],
    LogEvent.NOT_DECRYPTED: (("ERR", "configuration not decrypted: {reason}"),),
    LogEvent.CAPF_BEGIN: (("INF", "CAPF session with {server}, {cause}"),),
    LogEvent.CAPF_END: (("INF", "CAPF session ended, {result} {reason}"),),
    LogEvent.CAPF_FAILED: (("ERR", "CAPF {server}: {result}: {reason}"),),
    LogEvent.CAPF_WAITS: (("WRN", "CAPF waits for the authentication string"),),
    LogEvent.BOOTED: (("INF", "boot finished, {outcome}"),),
    **_REGISTRATION,
}


def lines_of(entries: Iterable[LogEntry], form: LogForm, first: int) -> Iterator[str]:
    """Write entries as the lines of a console log.

    Args:
        entries: The moments of a boot.
        form: The model's form.
        first: The sequence number of the first line.
    """
    number = first
    for entry in entries:
        texts = _SECD if form is LogForm.SECD else _SECUREAPP
        # Names in lists and words of servers are anybody's: no line may end early.
        details = {key: printable(value) for key, value in entry.details.items()}
        for level, text in texts.get(entry.moment, ()):
            yield _line(form, number, level, entry.at, text.format(**details))
            number += 1


def _line(form: LogForm, number: int, level: str, at: float, text: str) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    clock = moment.strftime("%H:%M:%S.%f")
    if form is LogForm.SECD:
        return f"{number:04}: {level} {clock} SECD: {text}"
    return f"{number:04} {level} {moment:%b %d} {clock} SECUREAPP-{text}"
