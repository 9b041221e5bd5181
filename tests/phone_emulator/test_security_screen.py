"""The Security Configuration screen: certificates that are there, over, or damaged."""

from pathlib import Path

import pytest

from tests.rigs.capf import DEVICE, phone_certificate
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.flash import FolderFlash
from tokenless.phone_emulator.own_certificates import FolderCertificates
from tokenless.phone_emulator.security_screen import kept, security_lines
from tokenless.phone_emulator.web.pages import PhoneSite
from tokenless.protocol.phones.configuration import PhoneConfig

NOW = 1_500_000_000.0
LATE = 4_000_000_000.0


@pytest.fixture
def own(tmp_path: Path) -> FolderCertificates:
    certificates = FolderCertificates(tmp_path)
    made = phone_certificate()
    certificates.store_lsc(made.certificate, made.key)
    return certificates


def test_a_phone_as_it_leaves_the_box(tmp_path: Path) -> None:
    lines = list(security_lines(FolderCertificates(tmp_path), None, {}, NOW))
    assert lines == [
        "Security Mode  Non-Secure",
        "MIC            Not Installed",
        "LSC            Not Installed",
    ]


@pytest.mark.parametrize(("now", "word"), [(NOW, "until"), (LATE, "expired")])
def test_an_lsc_with_its_issuer_and_end(
    own: FolderCertificates, now: float, word: str
) -> None:
    config = PhoneConfig(security_mode=3).encode()
    lines = list(security_lines(own, config, {}, now))
    assert lines[0] == "Security Mode  Encrypted"
    assert lines[2] == "LSC            Installed"
    assert lines[3].startswith(f"  by CAPF-e41e7d87, {word} ")


@pytest.mark.parametrize(
    ("capf", "words"),
    [
        ({"result": "waits-for-string", "reason": None}, "waits for the auth"),
        ({"result": "installed", "reason": None}, "CAPF           installed"),
        ({"result": "untrusted-server", "reason": "the CTL"}, "untrusted-server"),
        ({"result": "untrusted-server", "reason": "the \x1b[2J CTL"}, "\\1B[2J"),
    ],
)
def test_what_came_of_capf(
    own: FolderCertificates, capf: dict[str, str | None], words: str
) -> None:
    lines = "\n".join(security_lines(own, b"no XML", {"capf": capf}, NOW))
    assert words in lines
    assert "Security Mode  unknown" in lines
    assert "\x1b" not in lines


@pytest.mark.parametrize("content", [b"", b"damaged", b"\xff" * 70_000])
def test_a_damaged_file_is_shown_and_ends_nothing(
    tmp_path: Path, content: bytes
) -> None:
    flash = FolderFlash.create(tmp_path / "phone", DEVICE, "7975")
    (flash.folder / "lsc.pem").write_bytes(content)
    assert [each.words for each in kept(flash.certificates)] == [
        "Not Installed",
        "Damaged",
    ]
    page = PhoneSite(flash)("/")
    assert page is not None
    assert b"<B>Damaged</B>" in page.body
    status, out, err = run_cli("phone", "show", "--flash", str(flash.folder))
    assert (status, err) == (0, "")
    assert "LSC            Damaged" in out
    status, out, _ = run_cli("phone", "show", "--flash", str(flash.folder), "--json")
    assert status == 0
    assert '"lsc": {"state": "Damaged"}' in out


def test_a_mic_that_never_ends_is_refused(tmp_path: Path) -> None:
    boot = ("phone", "boot", "--device", DEVICE, "--tftp", "127.0.0.1:9")
    for mic, why in (("/dev/zero", "has over 65536 bytes"), ("/", "directory")):
        flash = str(tmp_path / "phone")
        status, out, err = run_cli(*boot, "--flash", flash, "--mic", mic)
        assert status in {1, 3}
        assert out == ""
        assert why in err


def test_a_string_longer_than_any_is_not_sent(tmp_path: Path) -> None:
    FolderFlash.create(tmp_path / "phone", DEVICE, "7975")
    flash = ("--flash", str(tmp_path / "phone"), "--tftp", "127.0.0.1:9")
    status, _, err = run_cli("phone", "capf", "--string", "1" * 17, *flash)
    assert status == 2
    assert "at most 16 digits" in err
