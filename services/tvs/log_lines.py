"""The lines of the vendor's `tvs*.log`, word for word and in order (REFERENCE 3.9).

Pure: each function returns the lines of one happening; the daemon writes them at debug
level. Their oddities are the vendor's: the session id is always printed as 0, dumps
end after 50 bytes whatever `Len` says, the TTL is labelled `PublicKey`, and thread and
memory addresses mean nothing (ours are made up).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from tokenless.protocol.tvs.answers import Answer
from tokenless.protocol.tvs.messages import MessageType

_DUMPED_BYTES: Final = 50
_BYTES_A_LINE: Final = 8
_NOT_FOUND: Final = "Cannot find the certificate in the cache"
_DB: Final = "CertificateDBCache::getCertificateInformation"
_CTL: Final = "CertificateCTLCache::getCertificateInformation"
_LOOKING: Final = "Looking up the certificate cache using Unique MAP ID"


def ctl_recached(keys: Iterable[str]) -> Iterator[str]:
    """Return the lines of a CTL file being read again, one a record."""
    monitor = "CertificateCache::localCTLCacheMonitor"
    yield f"{monitor} CTLFile.tlv has been modified. Recaching CTL Certificate Cache"
    yield "updateLocalCTLCache : Refreshing the local CTL certificate cache"
    for key in keys:
        yield (
            "tvs_sql_get_all_CTL_certificate - Unique Key used for Caching :: "
            f"{key}, length : {len(key)}"
        )


def accepted(fd: int, address: str, total: int) -> Iterator[str]:
    """Return the lines of a new connection."""
    yield f"Accepted TCP connection from socket 0x00000012, fd = {fd}"
    yield f"Total Session attempted = {total} accepted = {total}"
    yield "tvsGetNextThread"
    yield "Recd event"
    yield f"new ph on fd {fd}"
    yield f"{fd}:UNKNOWN:Got a new SCB from RBTree"
    yield f"ipAddrStr (Phone) {address}"
    yield f"{fd}:UNKNOWN:Got a new ph conn {address} on {fd}, Total Acc = {total}.."
    yield f"addded {fd} to readset"
    yield f"after select, {fd} was set"


def handshake_done(address: str, cipher: str) -> Iterator[str]:
    """Return the lines of a finished TLS handshake."""
    yield "tvsSSLHandShakeNotify"
    yield f"{address}: tvsSSLHandShake Session ciphers - {cipher}"
    yield "TLS HS Done for ph_conn"


def hex_dump(data: bytes, length: int | None = None) -> Iterator[str]:
    """Return a dump: its announced length, then at most 50 bytes, 8 a line."""
    yield f"HEX_DUMP: Len = {len(data) if length is None else length}:"
    shown = data[:_DUMPED_BYTES]
    for start in range(0, len(shown), _BYTES_A_LINE):
        yield shown[start : start + _BYTES_A_LINE].hex(" ")


def _decoded(kind: MessageType, body_length: int) -> Iterator[str]:
    yield "tvsPhoneDecodeMsg - Decoded Phone Msg:"
    yield "Protocol Discriminator: 57"
    yield f"MsgType : {kind.log_name}"
    yield "Session Id : 0"
    yield f"Length : {body_length}"


def incoming(fd: int, kind: MessageType, head: bytes, length: int) -> Iterator[str]:
    """Return the lines of a request that has come.

    Args:
        fd: The connection's.
        kind: QUERY or VERIFY.
        head: The message's first bytes; 50 are shown.
        length: The whole message's length.
    """
    event = kind.log_name.replace("TVS_MSG", "TVS_EV")
    yield f"{fd}:UNKNOWN:Incoming Phone Msg:"
    yield from hex_dump(head, length)
    yield from _decoded(kind, length - 10)
    yield f"{fd}:UNKNOWN:TVS CORE: Rcvd Event: {event} in State: TVS_STATE_AWAIT_REQ"


def names_asked(subject: str, issuer: str, serial_hex: str) -> Iterator[str]:
    """Return what a QUERY names, with three more lines for a token."""
    yield "tvsHandleQueryCertReq"
    yield f"tvsHandleQueryCertReq : Subject Name is: {subject}"
    yield f"tvsHandleQueryCertReq : Issuer Name is: {issuer}"
    if is_token(subject, issuer):
        yield (
            "tvsHandleQueryCertReq :subjectName and issuerName matches for "
            "eToken certificate"
        )
        yield f"tvsHandleQueryCertReq : SAST Issuer Name is: {issuer}"
        yield "tvsHandleQueryCertReq : This is SAST eToken cert"
    yield f"tvsHandleQueryCertReq : Serial Number is: {serial_hex}"


def is_token(subject: str, issuer: str) -> bool:
    """Return whether these are the names of a security token (REFERENCE 1.7)."""
    return "sast-adn" in subject.lower() and "cisco manufacturing ca" in issuer.lower()


def certificate_asked(issuer: str, serial: bytes) -> Iterator[str]:
    """Return what the certificate of a VERIFY names."""
    yield (
        f"tvsGetIssuerNameFromX509 - issuerName : {issuer} and Length: {len(issuer)}"
    )
    yield (
        "tvsGetSerialNumberFromX509 - serialNumber : "
        f"{serial.hex().upper()} and Length: {len(serial)}"
    )
    yield "CDefaultCertificateReader::GetIssuerName got issuer name"


def looked_up_in_db(key: str, roles: tuple[int, ...] | None) -> Iterator[str]:
    """Return the lines of the first look-up; `roles` is None for a miss."""
    yield f"{_DB} - {_LOOKING} : {key}"
    yield from _outcome(_DB, roles)


def looked_up_in_ctl(key: str, roles: tuple[int, ...] | None) -> Iterator[str]:
    """Return the lines of the second look-up; `roles` is None for a miss."""
    yield f"{_CTL} - {_LOOKING} : {key}, len : {len(key)}"
    yield from _outcome(_CTL, roles)
    if roles is None:
        yield "getCertificateInformation(cert) : certificate not found"


def _outcome(cache: str, roles: tuple[int, ...] | None) -> Iterator[str]:
    if roles is None:
        yield f"ERROR:{cache} - {_NOT_FOUND}"
        return
    yield f"{cache} - Found entry {{rolecount : {len(roles)}}}"
    for role in roles:
        yield f"{cache} - {{role : {role}}}"


def compared(*, in_ctl: bool, equal: bool) -> Iterator[str]:
    """Return the lines of VERIFY's comparison; those of a difference are inferred."""
    cache = _CTL if in_ctl else _DB
    yield f"{cache} - Certificate compare return ={0 if equal else 1}"
    yield f"{cache} - Certificate found and {'equal' if equal else 'not equal'}"


def sending(fd: int, answer: Answer, message: bytes) -> Iterator[str]:
    """Return the lines of an answer on its way."""
    query = answer.type is MessageType.QUERY_ANSWER
    name = "QUERY_CERT_RES" if query else "CERT_VERIF_RES"
    if answer.certificate is not None:
        yield "convertX509ToDER -x509cert : 0xf6099df8"
    yield f"{fd}:UNKNOWN:Sending {name} msg"
    yield from _decoded(answer.type, len(message) - 10)
    yield f"ReasonInfo : {answer.status}"
    if answer.certificate is not None:
        yield "Number of Certs : 1"
        yield "Cert[0] :"
        yield "Cert Type : 0"
        yield from hex_dump(answer.certificate)
    if answer.ttl is not None:
        yield "Version : 0"
        yield "PublicKey :"
        yield from hex_dump(answer.ttl.to_bytes(4))
    yield "Sending TLS Msg .."
    yield from hex_dump(message)
    handler = "tvsHandleQueryCertReq" if query else "tvsHandleCertVerificationReq"
    yield f"{handler}: Timer started from tvsHandleNewPhConnection"


def closed() -> Iterator[str]:
    """Return the line of a connection's end."""
    yield "Close and free connection handler"
