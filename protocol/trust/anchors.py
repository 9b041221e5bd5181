"""A phone's decision whether to trust a file, from its installed lists, without I/O.

`TrustAnchors` are the certificates of the installed CTL (C) and ITL (I) with their
roles. `judge` answers *accept*, *refuse* or *ask TVS first*; with TVS's answer
`judge_answer` accepts or refuses. The rule numbers are those of REFERENCE 4.2.

A signer's names and serial only select a candidate. The key that verifies comes from an
installed list or from the certificate that TVS returned, never from the file itself,
but for a phone in a state that takes its first list (REFERENCE 10.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.name_text import printable
from tokenless.protocol.certificates.names import same_name
from tokenless.protocol.codes import Digest, Role, role_name
from tokenless.protocol.errors import BadSignatureError, DecodeError
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.record import Record
from tokenless.protocol.files.signed_file import SignedFile
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.trust.anchor_records import (
    certificates_of,
    distinct_keys,
    has_tftp,
    records_of,
    serves_several_hosts,
)
from tokenless.protocol.trust.reasons import Reason
from tokenless.protocol.trust.verdicts import (
    SOURCES,
    TFTP_ROLES,
    Accept,
    AskTvs,
    FileKind,
    Refuse,
    TrustState,
    Verdict,
    VerifiedBy,
)
from tokenless.protocol.tvs.answers import Answer

__all__ = [
    "Accept",
    "AskTvs",
    "FileKind",
    "Reason",
    "Refuse",
    "TrustAnchors",
    "TrustState",
    "Verdict",
    "VerifiedBy",
    "answers_query",
]

Signed = TrustList | SignedFile


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The installed lists of one phone."""

    state: TrustState = TrustState.EMPTY
    ctl: TrustList | None = None
    itl: TrustList | None = None
    digests: frozenset[Digest] = frozenset(Digest)
    """The digests and files that the phone's model can verify."""
    tvs_supported: bool = True
    """True if the model has Security by Default (REFERENCE 4.5)."""

    @classmethod
    def of(
        cls,
        ctl: TrustList | None,
        itl: TrustList | None,
        *,
        digests: frozenset[Digest] = frozenset(Digest),
        tvs_supported: bool = True,
    ) -> Self:
        """Return the anchors of a phone that is powered up holding these lists."""
        return cls(_state_of(ctl, itl), ctl, itl, digests, tvs_supported)

    def with_list(self, kind: FileKind, new: TrustList) -> "TrustAnchors":
        """Return the anchors after a list was installed during this boot."""
        ctl = new if kind is FileKind.CTL else self.ctl
        itl = new if kind is FileKind.ITL else self.itl
        began_empty = self.state in (TrustState.EMPTY, TrustState.FIRST_BOOT)
        state = _state_of(ctl, itl)
        if began_empty and state is TrustState.CTL_ONLY:
            state = TrustState.FIRST_BOOT
        return TrustAnchors(state, ctl, itl, self.digests, self.tvs_supported)

    @property
    def tvs_certificates(self) -> tuple[bytes, ...]:
        """DER of the certificates accepted as TVS: role 21 of the ITL only."""
        return certificates_of(self.itl, Role.TVS)

    @property
    def wants_signed_files(self) -> bool:
        """Tell whether a list has a TFTP certificate (else rule 11: plain files)."""
        return any(has_tftp(held) for held in (self.ctl, self.itl))

    def authorises_tftp(self, address: str) -> bool:
        """Return whether configurations may come from that server (rule 10).

        A CTL that names TFTP servers must name this one, by address or name. One
        whose TFTP records were emptied names none (REFERENCE 1.9). A multi-server
        certificate stands there for all nodes, under the address of the first
        (REFERENCE-2 2.2): that it authorises the others, too, is inferred.
        """
        if not has_tftp(self.ctl):
            return True
        return any(
            address in (record.ip_address, record.dns_name)
            or serves_several_hosts(record)
            for record in records_of(self.ctl)
            if record.role in TFTP_ROLES
        )

    def judge(
        self, kind: FileKind, file: Signed, *, at: datetime | None = None
    ) -> Verdict:
        """Decide over a downloaded list or signed configuration.

        Args:
            kind: What the phone asked for.
            file: What it got.
            at: When given, signers whose certificate has expired are refused. Phones
                are not known to look at dates (REFERENCE 7.13).
        """
        malformed = self._unusable(kind, file)
        if malformed is not None:
            return malformed
        for source, rule in SOURCES[self.state][kind]:
            candidates = self._candidates(source, kind, file)
            if candidates:
                refusal = _check_keys(file, candidates, source, rule, at)
                return refusal or Accept(source, rule, self._finding(kind, file))
        return self._unknown_signer(kind, file)

    def judge_answer(
        self,
        kind: FileKind,
        file: Signed,
        answer: Answer,
        *,
        at: datetime | None = None,
    ) -> Accept | Refuse:
        """Decide over the same file once TVS has answered.

        The answer's certificate must be the one that was asked for, have the role, and
        its key must have signed the file (rules 4, 9 and 12).
        """
        refusal = _why_not(kind, file, answer, at)
        if refusal is not None:
            return refusal
        return Accept(VerifiedBy.TVS, kind.tvs_rule, self._finding(kind, file))

    def _unusable(self, kind: FileKind, file: Signed) -> Refuse | None:
        """Refuse what no key can correct: a wrong name, a digest the model lacks."""
        rule, name, digest = kind.refusal_rule, file.filename, file.header.digest
        is_list = kind is not FileKind.CONFIGURATION
        if is_list and name is not None and name != kind.value:
            said = f"the file's header has the name {printable(name)}"
            return Refuse(Reason.WRONG_NAME, said, rule)
        if digest not in self.digests:
            said = f"the model cannot verify {digest.name}"
            return Refuse(Reason.DIGEST, said, rule)
        return None

    def _candidates(
        self, source: VerifiedBy, kind: FileKind, file: Signed
    ) -> Sequence[Record]:
        """Return the records of a source that claim to be the file's signer."""
        if source is VerifiedBy.FIRST_USE:
            own = file.signing_record() if isinstance(file, TrustList) else None
            return [] if own is None else [own]
        held = self.ctl if source is VerifiedBy.INSTALLED_CTL else self.itl
        return [
            record
            for record in records_of(held)
            if record.role in kind.signer_roles and record.is_named(file.signer)
        ]

    def _unknown_signer(self, kind: FileKind, file: Signed) -> AskTvs | Refuse:
        unknown = f"{_describe(file.signer)} is unknown"
        if self.state is TrustState.EMPTY:
            said = f"{unknown}; the file has no record of its signer"
            return Refuse(Reason.UNKNOWN_SIGNER, said, 2)
        if not self.tvs_supported:
            said = f"{unknown} and this model cannot ask TVS"
            return Refuse(Reason.CANNOT_ASK, said, kind.refusal_rule)
        if not self.tvs_certificates:
            said = f"{unknown} and no installed ITL has a TVS record"
            return Refuse(Reason.NO_TVS_LISTED, said, kind.refusal_rule)
        return AskTvs(file.signer, kind.tvs_rule)

    def _finding(self, kind: FileKind, file: Signed) -> str | None:
        """Tell of a list older than the installed one: phones have no defence."""
        held = {FileKind.CTL: self.ctl, FileKind.ITL: self.itl}.get(kind)
        if held is None or held.header.timestamp is None:
            return None
        new = file.header.timestamp
        if new is None or new >= held.header.timestamp:
            return None
        signed, before = (
            datetime.fromtimestamp(stamp, UTC).isoformat()
            for stamp in (new, held.header.timestamp)
        )
        return (
            f"the file was signed {signed}, before the installed one ({before}): "
            "phones accept old lists that are validly signed"
        )


def answers_query(signer: SignerId, answer: Answer) -> bool:
    """Return whether a positive answer is about the certificate that was asked for.

    Lists of the CTL Client hold tokens' serial numbers byte-reversed (REFERENCE 1.7),
    so both orders are the same certificate.
    """
    if answer.certificate is None:
        return False
    try:
        certificate = Certificate.decode(answer.certificate)
    except DecodeError:
        return False
    serials = (signer.serial, signer.serial[::-1])
    return certificate.serial_number in serials and same_name(
        certificate.issuer_text, signer.issuer
    )


def _why_not(
    kind: FileKind, file: Signed, answer: Answer, at: datetime | None
) -> Refuse | None:
    """Return why an answer does not make a file acceptable, None when it does."""
    rule = kind.refusal_rule
    if not answer.is_trusted or answer.certificate is None:
        said = f"TVS does not vouch for {_describe(file.signer)}"
        return Refuse(Reason.NOT_VOUCHED, said, rule)
    if not answers_query(file.signer, answer):
        said = "TVS answered about another certificate"
        return Refuse(Reason.OTHER_CERTIFICATE, said, rule)
    if not kind.signer_roles & set(answer.roles):
        said = _wrong_roles(kind, answer.roles)
        return Refuse(Reason.WRONG_ROLE, said, rule)
    certificate = Certificate.decode(answer.certificate)
    try:
        file.verify(certificate.public_key)
    except BadSignatureError:
        said = "the signature was made by another key than the one that TVS vouches for"
        return Refuse(Reason.BAD_SIGNATURE, said, rule)
    is_expired = at is not None and certificate.not_after < at
    return _expired(certificate, rule) if is_expired else None


def _state_of(ctl: TrustList | None, itl: TrustList | None) -> TrustState:
    if ctl is not None:
        return TrustState.CTL_ONLY if itl is None else TrustState.CTL_AND_ITL
    if itl is None:
        return TrustState.EMPTY
    is_blank = not has_tftp(itl) and not certificates_of(itl, Role.TVS)
    return TrustState.BLANK_ITL if is_blank else TrustState.ITL_ONLY


def _check_keys(
    file: Signed,
    candidates: Sequence[Record],
    source: VerifiedBy,
    rule: int,
    at: datetime | None,
) -> Refuse | None:
    """Verify with the candidates' keys; the failure of a known signer is final."""
    for record, key in distinct_keys(candidates):
        try:
            file.verify(key)
        except BadSignatureError:
            continue
        certificate = record.certificate
        if at is not None and certificate and certificate.not_after < at:
            return _expired(certificate, rule)
        return None
    whose = (
        "in the file's own record of it"
        if source is VerifiedBy.FIRST_USE
        else f"that the phone knows ({source})"
    )
    said = f"the signature was not made by the key of {_describe(file.signer)} {whose}"
    return Refuse(Reason.BAD_SIGNATURE, said, rule)


def _describe(signer: SignerId) -> str:
    return f"signer {printable(signer.subject)} (serial {signer.serial_hex})"


def _wrong_roles(kind: FileKind, roles: Sequence[int]) -> str:
    needed = " or ".join(sorted(role_name(role) for role in kind.signer_roles))
    given = "the role " + ", ".join(role_name(role) for role in roles)
    given = given if roles else "no role"
    return f"TVS gives the signer {given}, but {kind} needs {needed}"


def _expired(certificate: Certificate, rule: int) -> Refuse:
    said = (
        f"the certificate of {certificate.subject_text} expired "
        f"on {certificate.not_after:%Y-%m-%d}"
    )
    return Refuse(Reason.EXPIRED, said, rule)
