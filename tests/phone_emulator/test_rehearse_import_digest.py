"""The digest of imported lists: the copy signs with it, and plans look at it."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.phone_emulator.test_rehearse_import import MIXED, load_list, write
from tests.phone_emulator.test_rehearse_import_timeline import a_list
from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.errors import PhoneError
from tokenless.phone_emulator.rehearsal.importing.approximations import Topic
from tokenless.phone_emulator.rehearsal.importing.cluster.cluster import (
    ImportedCluster,
    Known,
    read_cluster,
)
from tokenless.phone_emulator.rehearsal.importing.script import imported_script
from tokenless.phone_emulator.rehearsal.planning.starting_point import task_for
from tokenless.phone_emulator.rehearsal.scripts.line_check import check_lines
from tokenless.phone_emulator.rehearsal.scripts.script import Script
from tokenless.phone_emulator.rehearsal.scripts.script_files import check_script
from tokenless.phone_emulator.rehearsal.scripts.script_text import write_script
from tokenless.protocol.codes import Digest
from tokenless.protocol.trust.verdicts import FileKind
from tokenless.services.errors import SettingError

SEVERAL = (
    "a cluster signs all its files with one digest, SHA-1 or SHA-512; models that "
    "verify SHA-1 only refuse both others"
)


def cluster(
    folder: Path, ctl: Digest, itl: Digest, *, version: str | None = None
) -> ImportedCluster:
    files = (
        (FileKind.CTL, replace(MIXED.ctl(), digest=ctl)),
        (FileKind.ITL, replace(MIXED.itl("pub"), digest=itl)),
        (FileKind.ITL, replace(MIXED.itl("sub"), digest=itl)),
    )
    found = [
        load_list(write(folder / f"{kind.name.lower()}{n}.tlv", unsigned), kind)
        for n, (kind, unsigned) in enumerate(files)
    ]
    return read_cluster(found, Known(version=version))


def test_a_ctl_signed_by_itlrecovery_is_of_no_release_before_12_0() -> None:
    """Its copy had another signer: what is dangerous there was safe here."""
    own = a_list("", {})
    with pytest.raises(PhoneError, match="is signed by ITLRecovery") as refused:
        read_cluster([own], Known(version="11.5(1)"))
    assert "12.0 or later" in refused.value.explain()
    read_cluster([own], Known(version="12.0(1)"))
    itl = a_list("pub", {})  # as after `utils itl reset localkey`
    assert read_cluster([itl], Known(version="11.5(1)")).version == "11.5(1)"


def copy(found: ImportedCluster, *models: str) -> Script:
    return imported_script(found, name="x", models=models or ("7975", "8861"))


def signature(script: Script) -> str | None:
    found: str | None = script.cluster.get("parameters", {}).get(
        "tftp_file_signature_algorithm"
    )
    return found


def said(found: ImportedCluster) -> list[str]:
    return [e.what for e in found.approximations if e.topic is Topic.DIGEST]


@pytest.mark.parametrize(
    ("ctl", "itl", "written", "words"),
    [
        (Digest.SHA1, Digest.SHA1, "SHA-1", ""),
        (Digest.SHA512, Digest.SHA512, "SHA-512", ""),
        (Digest.SHA1, Digest.SHA512, "SHA-512", "SHA1 and SHA512; with SHA-512 here"),
        (Digest.SHA256, Digest.SHA256, "SHA-512", "SHA256; with SHA-512 here"),
    ],
)
def test_the_copy_signs_as_the_lists_are_signed(
    tmp_path: Path, ctl: Digest, itl: Digest, written: str, words: str
) -> None:
    found = cluster(tmp_path, ctl, itl)
    script = copy(found)
    assert signature(script) == written
    assert [each.partition("signed with ")[2] for each in said(found)] == (
        [words] if words else []
    )
    assert [e.why for e in found.approximations if e.topic is Topic.DIGEST] == (
        [SEVERAL] if words else []
    )
    check_script(script)
    old = "10.5(1)" if written == "SHA-1" else "12.5(1)"
    assert found.version == old  # releases before 12.0 have SHA-1 only


def test_text_does_not_tell_the_digest(tmp_path: Path) -> None:
    text = write(tmp_path / "ctl.txt", MIXED.ctl(), as_text=True)
    found = read_cluster([load_list(text, FileKind.CTL)])
    assert signature(copy(found)) is None
    (untold,) = (e for e in found.approximations if e.topic is Topic.DIGEST)
    assert untold.what == "lists are signed with SHA-1 here"
    assert untold.why == "pasted text does not tell the digest"


def test_a_release_that_cannot_sign_so_is_refused(tmp_path: Path) -> None:
    said = r"11\.5\(1\) signs lists with SHA-1 only"
    with pytest.raises(PhoneError, match=said) as refused:
        cluster(tmp_path, Digest.SHA512, Digest.SHA512, version="11.5(1)")
    assert refused.value.hint == (
        "give the release of the lists with --version: 12.0 or later"
    )


def test_a_rehearsal_of_an_older_release_cannot_sign_so(tmp_path: Path) -> None:
    script = copy(cluster(tmp_path, Digest.SHA512, Digest.SHA512))
    settings = {**script.cluster, "cluster": {"version": "11.5(1)"}}
    said = r"tftp_file_signature_algorithm: 11\.5\(1\) signs with SHA-1 only"
    with pytest.raises(SettingError, match=said):
        check_lines(msgspec.structs.replace(script, cluster=settings))


def test_no_plan_is_made_for_phones_that_cannot_verify_the_lists(
    tmp_path: Path,
) -> None:
    script = copy(cluster(tmp_path, Digest.SHA512, Digest.SHA512))
    with pytest.raises(PhoneError, match=r"7975-at-cucm-pub.* cannot verify SHA-512"):
        task_for(script, "regenerate TVS")
    new = copy(cluster(tmp_path, Digest.SHA512, Digest.SHA512), "8861")
    assert [group.model for group in task_for(new, "TVS").groups] == ["8861"] * 2


def test_the_rehearsal_finds_the_phones_that_cannot_verify(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    script = copy(cluster(tmp_path, Digest.SHA512, Digest.SHA512))
    path.write_text(write_script(script))
    status, out, err = run_cli("rehearse", "run", str(path), "--phones", "4", "--json")
    assert status == 1, err
    groups = msgspec.json.decode(out.splitlines()[0])["observed"]["groups"]
    refused = {name[:4] for name, each in groups.items() if each["refusals"]}
    assert refused == {"7975"}
