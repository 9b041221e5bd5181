"""What is said to recover phones works, and what does not work is not said."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from tests.rigs.minting import server
from tokenless.phone_emulator.rehearsal.outcome.refusal_context import RefusalContext
from tokenless.phone_emulator.rehearsal.outcome.remedies import remedies_for
from tokenless.phone_emulator.rehearsal.rig.clusters.facts import (
    ClusterFacts,
    Held,
    Signer,
    Signing,
    TvsFacts,
    Vouching,
)
from tokenless.phone_emulator.rehearsal.rig.phones.refusals import Refusal
from tokenless.protocol.certificates.certificate import Certificate
from tokenless.protocol.certificates.signature import PrivateKeySigner
from tokenless.protocol.codes import Role, TrustStore
from tokenless.protocol.files.header_fields import SignerId
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import record_for, sign_trust_list
from tokenless.protocol.phones.models import PHONE_MODELS
from tokenless.protocol.release import Release
from tokenless.protocol.trust.anchors import FileKind
from tokenless.protocol.trust.reasons import Reason
from tokenless.services.tvs.caches import CachedCertificate, Index

_SERVER = "127.0.47.155"
_HERE = frozenset({_SERVER})
_PUB = Signer(TrustStore.CALLMANAGER, "pub")
_RECOVERY = Signer(TrustStore.ITLRECOVERY, "pub")
_TOKEN = Signer(None, "A", Signing(ctl=True))
_SIGNING = {
    ("11.5(1)", _PUB): Signing(ctl=True, ctl_reset=True, itl=_HERE),
    ("11.5(1)", _RECOVERY): Signing(itl_reset=_HERE),
    ("12.5(1)", _PUB): Signing(ctl_reset=True, itl_reset=_HERE),
    ("12.5(1)", _RECOVERY): Signing(ctl=True, itl=_HERE),
}
_BY_CAPF = (
    "where the phones' lists have CAPF's certificate: `device set … --capf install`, "
    "then reset the phones; a string has to be typed on each"
)
_CERTIFICATE = [
    _BY_CAPF,
    "`device set … --clear-config`, then reset the phones",
]
_BY_HAND = "delete CTL and ITL on each phone by hand"


def _signer(common_name: str) -> PrivateKeySigner:
    return server(common_name).signer


def _itl(*sasts: PrivateKeySigner) -> TrustList:
    records = [
        record_for(
            each.certificate, Role.SAST, dns_name="pub", ip_address="127.0.47.155"
        )
        for each in sasts
    ]
    return sign_trust_list("ITLFile.tlv", records, sasts[0], timestamp=1)


@pytest.fixture(scope="module")
def callmanager() -> PrivateKeySigner:
    return _signer("pub")


@pytest.fixture(scope="module")
def recovery() -> PrivateKeySigner:
    return _signer("ITLRECOVERY_pub")


def _facts(
    release: str,
    signers: Mapping[Certificate, Signer],
    retired: Mapping[Certificate, Signer] | None = None,
    name: str = "lab",
) -> ClusterFacts:
    return ClusterFacts(
        name=name,
        release=Release.parse(release),
        is_mixed=True,
        oldest_tls="1.0",
        signers={
            each.der: replace(who, signing=_SIGNING.get((release, who), who.signing))
            for each, who in signers.items()
        },
        retired={each.der: who for each, who in (retired or {}).items()},
        tvs={},
        tftp=frozenset(),
    )


def _refusals(
    *reasons: Reason,
    files: Iterable[FileKind] = (FileKind.CTL, FileKind.ITL),
    signer: Certificate | None = None,
) -> tuple[Refusal, ...]:
    who = None if signer is None else _named(signer)
    return tuple(
        Refusal(file, 7, reason, "", signer=who) for file in files for reason in reasons
    )


def _named(signer: Certificate) -> SignerId:
    return SignerId(signer.subject_text, signer.issuer_text, signer.serial_number)


def _vouching(*signers: Certificate) -> Vouching:
    sast = (int(Role.SAST),)
    return Vouching(Index(CachedCertificate.of(each, sast) for each in signers))


def _context(home: ClusterFacts, held: Held, **changes: object) -> RefusalContext:
    context = RefusalContext(
        refusals=_refusals(Reason.TVS_UNUSABLE),
        held=held,
        model=PHONE_MODELS["7975"],
        home=home,
        clusters=(home,),
        tvs=(),
        server=_SERVER,
    )
    return replace(context, **changes)  # type: ignore[arg-type]


def _texts(context: RefusalContext) -> list[str]:
    return [remedy.text for remedy in remedies_for(context)]


@pytest.mark.parametrize(
    ("release", "known", "words"),
    [
        ("11.5(1)", "recovery", "`utils itl reset localkey`: ITLRecovery"),
        ("12.5(1)", "callmanager", "`utils itl reset localkey`: CallManager of pub"),
        ("12.5(1)", "callmanager", "`utils ctl reset localkey`: CallManager of pub"),
    ],
)
def test_a_reset_is_named_when_its_signer_is_an_anchor(
    callmanager: PrivateKeySigner,
    recovery: PrivateKeySigner,
    release: str,
    known: str,
    words: str,
) -> None:
    signer = {"recovery": recovery, "callmanager": callmanager}[known]
    home = _facts(
        release, {callmanager.certificate: _PUB, recovery.certificate: _RECOVERY}
    )
    found = _texts(_context(home, Held(None, _itl(signer))))

    assert any(each.startswith(words) for each in found)
    assert found[-1] == _BY_HAND


@pytest.mark.parametrize(
    ("release", "known"), [("11.5(1)", "callmanager"), ("12.5(1)", "recovery")]
)
def test_a_reset_by_an_unknown_key_is_not_named(
    callmanager: PrivateKeySigner, recovery: PrivateKeySigner, release: str, known: str
) -> None:
    signer = {"recovery": recovery, "callmanager": callmanager}[known]
    home = _facts(
        release, {callmanager.certificate: _PUB, recovery.certificate: _RECOVERY}
    )
    found = _texts(_context(home, Held(None, _itl(signer))))

    assert not any("reset localkey" in each for each in found)


def test_a_phone_without_itl_is_not_helped_by_an_itl_reset(
    recovery: PrivateKeySigner,
) -> None:
    home = _facts("11.5(1)", {recovery.certificate: _RECOVERY})
    context = _context(home, Held(_itl(recovery), None), model=PHONE_MODELS["7960"])
    assert (_texts(context)) == ["delete the CTL on each phone by hand"]


def test_replaced_keys_are_to_be_restored(callmanager: PrivateKeySigner) -> None:
    home = _facts("11.5(1)", {}, {callmanager.certificate: _PUB})
    found = _texts(_context(home, Held(None, _itl(callmanager))))

    assert found[0].startswith(
        "restore the old certificate and key of CallManager of pub from a backup"
    )


def test_a_token_that_phones_know_signs_again(callmanager: PrivateKeySigner) -> None:
    home = _facts("10.5(1)", {callmanager.certificate: _TOKEN})
    found = _texts(_context(home, Held(_itl(callmanager), None)))

    assert "sign the CTL with token A again (CTL Client)" in found


def _asking_a_tvs_that_is_down(
    recovery: PrivateKeySigner, new: PrivateKeySigner, *vouched: PrivateKeySigner
) -> RefusalContext:
    """Phones refuse what a new key signed, and the TVS that they know is down."""
    vouching = _vouching(*(each.certificate for each in vouched))
    home = replace(_facts("11.5(1)", {}), vouching=vouching)
    down = TvsFacts("sub", shown=None, own=b"certificate")
    return _context(
        home,
        Held(None, _itl(recovery)),
        refusals=_refusals(Reason.TVS_UNUSABLE, signer=new.certificate),
        tvs=((home, down),),
    )


def test_a_tvs_that_is_down_is_to_be_started(
    recovery: PrivateKeySigner, callmanager: PrivateKeySigner
) -> None:
    context = _asking_a_tvs_that_is_down(recovery, callmanager, callmanager)
    assert _texts(context)[0].startswith(
        "start Cisco Trust Verification Service on sub"
    )


def test_a_tvs_that_would_answer_no_is_not_to_be_started(
    recovery: PrivateKeySigner, callmanager: PrivateKeySigner
) -> None:
    context = _asking_a_tvs_that_is_down(recovery, callmanager)
    assert _texts(context) == [_BY_HAND]
    said_no = _refusals(Reason.NOT_VOUCHED, signer=callmanager.certificate)
    known = _asking_a_tvs_that_is_down(recovery, callmanager, callmanager)
    assert _texts(replace(known, refusals=said_no)) == [_BY_HAND]


def test_phones_are_reset_once_a_tvs_that_they_know_answers(
    recovery: PrivateKeySigner,
) -> None:
    home = _facts("11.5(1)", {})
    up = TvsFacts("pub", shown=b"certificate", own=b"certificate")
    context = _context(home, Held(None, _itl(recovery)), tvs=((home, up),))

    assert _texts(context) == [_BY_HAND]
    well = replace(context, boots_well=True)
    assert _texts(well)[0].startswith("reset the phones: the TVS on pub")
    no_matter_why = replace(well, refusals=_refusals(Reason.NOT_VOUCHED))
    assert _texts(no_matter_why)[0].startswith("reset the phones: copies")


def test_a_reset_is_not_named_to_phones_that_share_no_tls_with_tvs(
    recovery: PrivateKeySigner, callmanager: PrivateKeySigner
) -> None:
    vouching = _vouching(callmanager.certificate)
    home = replace(_facts("11.5(1)", {}), oldest_tls="1.2", vouching=vouching)
    up = TvsFacts("pub", shown=b"certificate", own=b"certificate")
    context = _context(
        home,
        Held(None, _itl(recovery)),
        refusals=_refusals(Reason.TVS_TLS, signer=callmanager.certificate),
        tvs=((home, up),),
    )
    found = _texts(context)

    assert not any(each.startswith("reset the phones") for each in found)
    assert any("speak TLS 1.0" in each for each in found)


def test_a_signer_that_tvs_does_not_know_is_to_be_uploaded(
    recovery: PrivateKeySigner,
) -> None:
    home, old = _facts("11.5(1)", {}), _facts("11.5(1)", {}, name="old")
    up = TvsFacts("old-pub", shown=b"certificate", own=b"certificate")
    context = _context(
        home,
        Held(None, _itl(recovery)),
        refusals=_refusals(Reason.NOT_VOUCHED),
        clusters=(home, old),
        tvs=((old, up),),
    )
    assert "Phone-SAST-trust of cluster old" in _texts(context)[0]


def test_the_other_clusters_recovery_key_can_sign(recovery: PrivateKeySigner) -> None:
    home = _facts("11.5(1)", {}, name="new")
    down = _facts("11.5(1)", {recovery.certificate: _RECOVERY}, name="old")
    old = replace(down, tftp_up=_HERE)
    context = _context(home, Held(None, _itl(recovery)), clusters=(home, old))

    reset, back, by_hand = _texts(context)

    assert reset.startswith("`utils itl reset remotekey` with the ITLRecovery key")
    assert back == "move the phones back to cluster old"
    assert by_hand == _BY_HAND
    assert "exported before" not in reset
    off = replace(down, is_administered=False)
    reset_off, back_off, _ = _texts(replace(context, clusters=(home, off)))
    assert back_off == f"{back}, after one of its TFTP servers was started"
    assert reset_off == (
        f"{reset}; its publisher is off, so a copy of ITLRecovery.p12 is needed that "
        "was exported before"
    )


@pytest.mark.parametrize("known", [True, False])
def test_a_server_outside_the_ctl_is_to_be_named_by_one_that_phones_take(
    recovery: PrivateKeySigner, callmanager: PrivateKeySigner, *, known: bool
) -> None:
    signer = recovery if known else callmanager
    context = _context(
        replace(_facts("12.5(1)", {}), ctl_signer=signer.certificate),
        Held(_itl(recovery), _itl(recovery)),
        refusals=_refusals(Reason.NOT_AUTHORISED, files=[FileKind.CONFIGURATION]),
    )
    assert _texts(context)[0].startswith("`utils ctl update CTLFile`") is known


def test_unreachable_phones_need_a_server_only(recovery: PrivateKeySigner) -> None:
    context = _context(
        _facts("11.5(1)", {}),
        Held(None, _itl(recovery)),
        refusals=_refusals(Reason.NO_SERVER),
    )
    assert (_texts(context)) == [
        "start a TFTP server that the phones ask, then reset them"
    ]
    assert _texts(replace(context, boots_well=True)) == [
        "reset the phones: copies of them accepted all files"
    ]


def test_a_configuration_that_is_not_opened_is_no_fault_of_the_lists(
    callmanager: PrivateKeySigner,
) -> None:
    home = _facts("12.5(1)", {callmanager.certificate: _PUB})
    held = Held(None, _itl(callmanager))
    files = [FileKind.CONFIGURATION]
    closed = _context(home, held, refusals=_refusals(Reason.NOT_DECRYPTED, files=files))
    assert _texts(closed) == _CERTIFICATE
    both = _refusals(Reason.NOT_DECRYPTED, Reason.NOT_VOUCHED)
    texts = _texts(_context(home, held, refusals=both))
    assert texts[:2] == _CERTIFICATE
    assert texts[-1] == _BY_HAND
