"""Tokens behind PKCS#11, with SoftHSM2 as the token."""

import os
import sys
from pathlib import Path

import pytest

from tests.rigs.clock import START
from tests.rigs.softhsm import PASSWORD
from tokenless.protocol.certificates.signature import verify_signature
from tokenless.protocol.codes import Digest
from tokenless.services.changes import ctl_client
from tokenless.services.changes.security import SecurityMode
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.errors import ServiceError
from tokenless.services.pki.hsm import HsmToken, create_hsm_token, list_hsm_tokens
from tokenless.services.pki.tokens import TokenLockedError, WrongPasswordError


def test_the_certificate_needs_no_password(softhsm: Path) -> None:
    token = HsmToken.open(softhsm, "A")
    assert len(token.certificate.der) == 902
    names = [each.name for each in list_hsm_tokens(softhsm).tokens]
    assert names[:2] == ["A", "B"]
    assert "empty" not in names


@pytest.mark.parametrize("digest", list(Digest))
def test_it_signs_inside(softhsm: Path, digest: Digest) -> None:
    token = HsmToken.open(softhsm, "A")
    with pytest.raises(TokenLockedError):
        token.sign(b"data", digest)
    token.unlock(PASSWORD)
    signature = token.sign(b"data", digest)
    verify_signature(token.certificate.public_key, signature, b"data", digest)


def test_a_wrong_password(softhsm: Path) -> None:
    token = HsmToken.open(softhsm, "A")
    with pytest.raises(WrongPasswordError):
        token.unlock("wrong")
    with pytest.raises(TokenLockedError):
        token.sign(b"data", Digest.SHA1)


def test_two_of_them_sign_the_clusters_ctl(softhsm: Path, lab: Cluster) -> None:
    tokens = [HsmToken.open(softhsm, label) for label in ("B", "A")]
    tokens[0].unlock(PASSWORD)
    ctl = ctl_client.update(lab, tokens, mode=SecurityMode.MIXED, by="test")
    assert len(ctl.data) == 5728
    ctl.verify(tokens[0].certificate.public_key)


def test_a_token_is_made_once(softhsm: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="already"):
        create_hsm_token(softhsm, "A", PASSWORD, tmp_path, now=START)


def test_a_token_whose_making_failed_can_be_made_again(
    softhsm: Path, tmp_path: Path
) -> None:
    """The key of the first try must not be there beside that of the second."""
    authority = tmp_path / ".ca-key.pem"
    authority.write_text("damaged")
    with pytest.raises(ServiceError, match="no usable key"):
        create_hsm_token(softhsm, "again", PASSWORD, tmp_path, now=START)
    authority.unlink()
    token = create_hsm_token(softhsm, "again", PASSWORD, tmp_path, now=START)
    token.unlock(PASSWORD)
    signature = token.sign(b"data", Digest.SHA1)
    verify_signature(token.certificate.public_key, signature, b"data", Digest.SHA1)


def test_what_is_not_there(softhsm: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no token nobody"):
        HsmToken.open(softhsm, "nobody")
    with pytest.raises(ServiceError, match="no certificate"):
        HsmToken.open(softhsm, "empty")
    with pytest.raises(ServiceError, match="no PKCS#11 module"):
        HsmToken.open(tmp_path / "module.so", "A")


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ServiceError) as caught:
        list_hsm_tokens(Path("/module.so"))
    assert "[hsm]" in caught.value.explain()


def test_a_token_whose_certificate_is_damaged_does_not_hide_the_others(
    softhsm: Path,
) -> None:
    library = pytest.importorskip("pkcs11")
    token = library.lib(str(softhsm)).get_token(token_label="bad")
    with token.open(rw=True, user_pin=PASSWORD) as session:
        damaged = session.create_object(
            {
                library.Attribute.CLASS: library.ObjectClass.CERTIFICATE,
                library.Attribute.CERTIFICATE_TYPE: library.CertificateType.X_509,
                library.Attribute.TOKEN: True,
                library.Attribute.ID: b"tokenless-sast",
                library.Attribute.SUBJECT: b"CN=bad",
                library.Attribute.VALUE: b"junk",
            }
        )
        found = list_hsm_tokens(softhsm)
        damaged.destroy()  # other tests of this process have the same module
    assert {"A", "B"} <= {each.name for each in found.tokens}
    assert list(found.damaged) == ["bad"]
    assert "the token's certificate is damaged" in found.damaged["bad"]
    assert "use another token" in found.damaged["bad"]


def test_a_token_without_the_key_says_what_failed(softhsm: Path) -> None:
    certificate = HsmToken.open(softhsm, "A").certificate
    hollow = HsmToken(softhsm, "empty", certificate)
    hollow.unlock(PASSWORD)
    assert PASSWORD not in repr(hollow)
    with pytest.raises(ServiceError, match="token empty: NoSuchKey") as caught:
        hollow.sign(b"data", Digest.SHA1)
    assert "use another token" in caught.value.explain()


def test_a_token_that_was_taken_away_signs_when_it_is_back(softhsm: Path) -> None:
    """SoftHSM goes on failing in a process that has seen its tokens vanish."""
    token = HsmToken.open(softhsm, "A")
    token.unlock(PASSWORD)
    tokens = Path(os.environ["SOFTHSM2_CONF"]).parent / "tokens"
    away = tokens.rename(tokens.with_name("away"))
    try:
        with pytest.raises(ServiceError, match="token A: ") as caught:
            token.sign(b"data", Digest.SHA1)
        assert "see that it is inserted" in caught.value.explain()
        with pytest.raises(ServiceError, match=softhsm.name):
            list_hsm_tokens(softhsm)
    finally:
        away.rename(tokens)
    signature = token.sign(b"data", Digest.SHA1)
    verify_signature(token.certificate.public_key, signature, b"data", Digest.SHA1)
    assert {"A", "B"} <= {each.name for each in list_hsm_tokens(softhsm).tokens}
