"""Lists and certificates of an import, as files and as text: what is taken of them."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from tests.rigs import minting
from tests.rigs.cluster import SIGNED_AT, Lab, UnsignedList, keypair, record
from tests.rigs.endless import endless
from tests.rigs.lists import tokenless
from tests.rigs.third_party import certutils_list
from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.phone_emulator.rehearsal.importing.sources.imported_list import (
    ImportedList,
    ImportedRecord,
    attribute,
)
from tokenless.phone_emulator.rehearsal.importing.sources.lists import (
    MAX_INPUT_BYTES,
    InUse,
    SourceLineError,
    lists_of,
    load_bytes,
    load_certificates,
    load_lists,
)
from tokenless.protocol.codes import Digest, Role
from tokenless.protocol.files.record import Record, RecordTag, compose_record
from tokenless.protocol.files.trust_list import TrustList
from tokenless.protocol.files.trust_list_build import emptied_record, record_for
from tokenless.protocol.show_output.lines import show_missing, show_trust_list
from tokenless.protocol.trust.lint import SignatureState
from tokenless.protocol.trust.verdicts import FileKind

MIXED = Lab(mixed=True)
MODIFIED = "Fri Mar 06 19:45:13 CET 2015"
CTL, ITL = FileKind.CTL, FileKind.ITL
NAME = "CN=a;O=Lab"


def shown(data: bytes, kind: Literal["CTL", "ITL"] = "CTL") -> str:
    return show_trust_list(TrustList.decode(data), kind=kind, modified=MODIFIED)


def only(data: bytes, kind: FileKind = CTL, source: str = "a") -> ImportedList:
    (found,) = lists_of(data, kind, source)
    return found


def refused(data: bytes, kind: FileKind = CTL) -> PhoneError:
    with pytest.raises(PhoneError) as found:
        lists_of(data, kind, "a")
    return found.value


def test_a_file_tells_all_of_its_members() -> None:
    trust_list = tokenless()
    found = only(trust_list.data)
    publisher = minting.server().certificate
    assert (found.kind, found.source, found.length) == (CTL, "a", len(trust_list.data))
    assert (found.digest, found.signature) == (Digest.SHA1, SignatureState.VALID)
    assert found.signer_subject == trust_list.signer.subject
    assert found.signer_serial == trust_list.signer.serial_hex
    assert found.entries[0] == ImportedRecord(
        Role.SAST,
        "cucm-1051-a-pub",
        minting.PUBLISHER_ADDRESS,
        trust_list.records[0].subject_name or "",
        publisher.serial_number.hex().upper(),
        1024,
        trust_list.records[0].issuer_name or "",
        has_node_name=True,
        is_ec=False,
        begins=publisher.not_before,
        ends=publisher.not_after,
        is_by_hash=False,
        certificate_sha1=publisher.sha1,
    )
    assert [each.role for each in found.entries] == [0, 2, 4, 2]


def test_a_text_tells_the_same_but_for_addresses_dates_and_digest() -> None:
    from_file, text = only(tokenless().data), shown(tokenless().data)
    from_text = only(text.encode())
    assert from_text == replace(
        from_file,
        digest=None,
        length=None,
        entries=tuple(
            replace(each, address=None, begins=None, ends=None)
            for each in from_file.entries
        ),
    )
    addressed = text.replace("IPADDRESS       4\nThis", "IPADDRESS 4 10.1.2.3\nThis")
    assert only(addressed.encode()).entries[0].address == "10.1.2.3"


@pytest.mark.parametrize("form", [bytes, lambda data: shown(data).encode()])
def test_a_list_that_its_signer_did_not_sign_is_said_to_be_unverified(
    form: type[bytes],
) -> None:
    data = bytearray(tokenless().data)
    data[-1] ^= 1
    assert only(form(bytes(data))).signature is SignatureState.INVALID
    assert only(form(tokenless().data)).signature is SignatureState.VALID


def test_a_list_whose_signer_is_not_in_it_is_not_called_forged() -> None:
    alone = UnsignedList(
        (record(MIXED.capf, Role.CAPF),), keypair("elsewhere"), SIGNED_AT
    )
    found = only(alone.sign("CTLFile.tlv"))
    assert found.signature is SignatureState.UNVERIFIABLE


def test_the_name_in_a_file_says_what_it_is() -> None:
    itl = MIXED.itl()
    assert only(itl.sign("ITLFile.tlv"), CTL).kind is ITL
    assert only(itl.sign("CTLFile.tlv"), ITL).kind is CTL
    assert only(replace(itl, filename="mine.tlv").sign(""), ITL).kind is ITL
    text = shown(itl.sign("ITLFile.tlv"), "ITL")
    assert only(text.encode(), CTL).kind is ITL


def test_members_without_a_certificate_have_empty_fields() -> None:
    empty = emptied_record("10.1.2.3", "10.1.2.3", Role.CCM_TFTP)
    ctl = replace(MIXED.ctl(), records=(*MIXED.ctl().records, empty))
    data = ctl.sign("CTLFile.tlv")
    for found, address in (
        (only(data), "10.1.2.3"),
        (only(shown(data).encode()), None),
    ):
        last = found.entries[-1]
        assert last == ImportedRecord(
            Role.CCM_TFTP, "10.1.2.3", address, "", "", None, ""
        )
        assert (last.common_name, last.is_ca_signed) == ("", False)


def test_third_parties_name_no_node() -> None:
    data = certutils_list()
    for found in (only(data, ITL), only(shown(data, "ITL").encode(), ITL)):
        (entry,) = found.entries
        assert (entry.dns_name, entry.has_node_name) == ("", False)
        assert (entry.is_token, entry.address) == (False, None)


def test_a_member_by_hash_or_by_key_alone() -> None:
    whole = record(MIXED.tvs_pub, Role.TVS)
    tags = dict(whole.elements)
    del tags[RecordTag.CERTIFICATE]
    for elements, bits, is_ec, is_by_hash in (
        (tags, 1024, False, False),
        ({**tags, RecordTag.PUBLIC_KEY: b"\4" * 65}, None, True, False),
        (
            {
                **{tag: tags[tag] for tag in tags if tag not in (7, 8)},
                RecordTag.CERTIFICATE_HASH: bytes(20),
                RecordTag.HASH_ALGORITHM: b"\1",
            },
            None,
            False,
            True,
        ),
    ):
        itl = replace(MIXED.itl(), records=(composed(elements),))
        data = itl.sign("ITLFile.tlv")
        for found in (only(data), only(shown(data, "ITL").encode())):
            (entry,) = found.entries
            assert (entry.key_bits, entry.is_ec) == (bits, is_ec)
            assert (entry.is_by_hash, entry.begins) == (is_by_hash, None)
    unusual = minting.server("odd", 1536)
    odd = record_for(unusual.certificate, Role.TVS, dns_name="x", ip_address=None)
    (entry,) = only(replace(MIXED.itl(), records=(odd,)).sign("ITLFile.tlv")).entries
    assert entry.key_bits == 1536


def composed(elements: dict[int, bytes]) -> Record:
    """Return a record of these elements, its length put right."""
    rest = [pair for pair in elements.items() if pair[0] != RecordTag.RECORD_LENGTH]
    length = 5 + sum(3 + len(value) for _, value in rest)
    return compose_record(((1, length.to_bytes(2)), *rest))


def test_keys_are_told_by_their_lengths() -> None:
    for bits in (1024, 2048):
        found = only(shown(tokenless(bits).data).encode())
        assert {each.key_bits for each in found.entries} <= {bits, 1024, 2048}
        assert found.entries[0].key_bits == bits
    rows = "7       PUBLICKEY       140\n"
    text = shown(tokenless().data)
    for length, is_ec in ((65, True), (97, True), (133, True), (66, False)):
        more = length - 140
        changed = text.replace(rows, f"7 PUBLICKEY {length}\n")
        for old in (1156, 1138, 1161):
            changed = changed.replace(f"2       {old}\n", f"2 {old + more}\n")
        changed = changed.replace("4947", str(4947 + 4 * more))
        entry = only(changed.encode()).entries[0]
        assert (entry.key_bits, entry.is_ec) == (None, is_ec)


@pytest.mark.parametrize(
    ("entry", "is_token", "is_recovery", "is_ca_signed"),
    [
        (ImportedRecord(0, "pub", None, NAME, "01", 1, NAME), False, False, False),
        (ImportedRecord(0, "", None, NAME, "01", 1, "CN=b"), True, False, False),
        (ImportedRecord(2, "", None, NAME, "01", 1, "CN=b"), False, False, True),
        (ImportedRecord(0, "pub", None, NAME, "01", 1, "CN=b"), False, False, True),
        (ImportedRecord(2, "pub", None, NAME, "01", 1, "O=Lab,CN=A"), *[False] * 3),
        (ImportedRecord(2, "pub", None, NAME, "01", 1, ""), *[False] * 3),
        (ImportedRecord(2, "pub", None, "", "01", 1, NAME), *[False] * 3),
        (
            ImportedRecord(0, "pub", None, "O=L;cn=itlrecovery_pub", "1", 1, "CN=b"),
            False,
            True,
            True,
        ),
    ],
)
def test_what_a_member_is(
    entry: ImportedRecord, is_token: bool, is_recovery: bool, is_ca_signed: bool
) -> None:
    assert (entry.is_token, entry.is_recovery, entry.is_ca_signed) == (
        is_token,
        is_recovery,
        is_ca_signed,
    )
    assert entry.identity == (entry.serial, entry.issuer)
    nameless = replace(entry, has_node_name=False)
    assert not nameless.is_token


def test_an_attribute_of_a_name() -> None:
    assert attribute("cn= a ;O=Lab", "CN") == "a"
    assert attribute("O=Lab;OU=b", "OU") == "b"
    assert attribute("O=Lab", "CN") == attribute("no name", "CN") == ""


def owner(*entries: ImportedRecord, kind: FileKind = ITL) -> str:
    return ImportedList(kind, "", "", entries, "a").owner


def test_the_owner_of_an_itl_is_the_node_of_its_own_tftp_record() -> None:
    sast = ImportedRecord(Role.SAST, "other", None, "CN=x", "1", 1)
    own = ImportedRecord(Role.CCM_TFTP, "pub", None, "CN=y", "1", 1)
    ec = replace(own, dns_name="ec", is_ec=True)
    assert owner(sast, ec, own, replace(own, dns_name="sub")) == "pub"
    assert owner(replace(own, role=Role.TFTP)) == "pub"
    assert owner(sast) == owner(own, kind=CTL) == ""
    assert owner(replace(own, dns_name="10.48.47.155")) == "y"
    assert owner(replace(own, dns_name="")) == "y"
    assert owner(replace(own, dns_name="pub.10")) == "pub.10"


def test_a_log_has_lists_that_are_named_by_their_line(tmp_path: Path) -> None:
    ctl, itl = MIXED.ctl().sign("CTLFile.tlv"), MIXED.itl().sign("ITLFile.tlv")
    text = f"{shown(ctl)}\n{show_missing('ITL')}\n{shown(itl, 'ITL')}\n"
    path = tmp_path / "log.txt"
    path.write_text(text)
    first, second = load_lists(path, CTL)
    line = text[: text.index("Length of ITL file: 0")].count("\n") + 4
    assert (first.source, second.source) == (
        f"{path} (line 1)",
        f"{path} (line {line})",
    )
    assert (first.kind, second.kind) == (CTL, ITL)
    path.write_text(f"\n{shown(ctl)}\n{shown(itl, 'ITL')}")
    assert load_lists(path, CTL)[0].source == f"{path} (line 2)"
    path.write_bytes(replace(MIXED.itl(), filename="mine.tlv").sign(""))
    assert load_lists(path, ITL)[0].kind is ITL
    path.write_text(shown(ctl))
    assert [each.source for each in load_lists(path, CTL)] == [str(path)]
    with pytest.raises(PhoneError) as found:
        load_lists(path, ITL)
    assert str(found.value) == f"{path} is CTLFile.tlv, not ITLFile.tlv"
    assert found.value.hint == "give CTLs with --ctl and ITLs with --itl"
    path.write_bytes(itl)
    assert [each.source for each in load_lists(path, ITL)] == [str(path)]


@pytest.mark.parametrize(
    ("data", "said", "hint"),
    [
        (b" \r\n", "a is empty", "leave it out, or save it again"),
        (
            show_missing("ITL").encode(),
            "a says that the node has no ITL file",
            "leave it out: the cluster has none",
        ),
        (
            MIXED.authority().fetch("SEP001122334455.cnf.xml.sgn") or b"",
            "a is a signed file, not a trust list",
            "name CTLFile.tlv or ITLFile.tlv",
        ),
        (
            tokenless().data[:-1],
            "a is not a trust list: ",
            "save it again with `file get tftp`",
        ),
        (b"\1", "a is not a trust list: ", "save it again with `file get tftp`"),
    ],
)
def test_what_is_no_list_says_what_to_do(data: bytes, said: str, hint: str) -> None:
    error = refused(data)
    assert str(error).startswith(said)
    assert said.endswith(" ") or str(error) == said
    assert error.hint == hint


def test_a_text_that_is_refused_tells_its_line() -> None:
    error = refused(b"hello")
    assert isinstance(error, SourceLineError)
    assert error.line == 1
    assert str(error).startswith(
        "a: is neither a trust list nor `show` text: line 1: this is not what"
    )
    cut = refused(shown(tokenless().data)[:-30].encode())
    assert isinstance(cut, SourceLineError)
    assert cut.line == 110
    assert str(cut).startswith("a: line 110: the closing sentence of the list")
    assert cut.hint is not None
    assert cut.hint.startswith("paste all that the command prints")


def test_a_file_is_bounded_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "list"
    with path.open("wb") as file:
        file.truncate(MAX_INPUT_BYTES)
    assert len(load_bytes(path)) == 4 << 20
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(PhoneError) as found:
        load_bytes(path)
    assert str(found.value) == f"{path} has over {4 << 20} bytes"
    assert found.value.hint == "give what one cluster printed"
    with pytest.raises(UnreadableFileError) as lost:
        load_bytes(tmp_path / "lost")
    assert str(lost.value).endswith("/lost cannot be read: No such file or directory")
    assert lost.value.hint == "name a file of yours, or - for standard input"


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    with endless(path), pytest.raises(PhoneError, match="has over 10 bytes"):
        load_bytes(path, 10)


def test_a_hyphen_is_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"typed")
    kept = os.dup(0)
    with path.open("rb") as file:
        os.dup2(file.fileno(), 0)
        try:
            assert load_bytes(Path("-")) == b"typed"
        finally:
            os.dup2(kept, 0)
            os.close(kept)


def test_certificates_are_read_from_pem_and_der(tmp_path: Path) -> None:
    first, second = minting.server().certificate, minting.capf().certificate
    both, der = tmp_path / "CallManager.pem", tmp_path / "CAPF.der"
    both.write_bytes(minting.pem(first.der) + minting.pem(second.der))
    der.write_bytes(second.der)
    found = load_certificates([both, der])
    assert found == [
        InUse(first, str(both)),
        InUse(second, str(both)),
        InUse(second, str(der)),
    ]
    assert [each.unit_name for each in found] == ["CallManager"] * 2 + ["CAPF"]
    for content in (b"none", b"0\1"):
        der.write_bytes(content)
        with pytest.raises(PhoneError) as refusal:
            load_certificates([both, der])
        assert str(refusal.value).startswith(f"{der} holds no certificate: ")
        assert refusal.value.hint == "export it as PEM or DER"
