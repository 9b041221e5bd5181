"""The table of phone features: every family, every cell with a mark, a list over it."""

import pytest

from tests.rigs.run_cli import run_cli
from tokenless.phone_emulator.rehearsal.importing.sources.models import real_model
from tokenless.protocol.codes import Digest
from tokenless.protocol.errors import DecodeError
from tokenless.protocol.phones.features import (
    FEATURES,
    find_features,
    read_feature_list,
)
from tokenless.protocol.phones.models import OBSERVED_MODELS, PHONE_MODELS, Transport
from tokenless.protocol.phones.numbers import MODEL_NUMBERS

ASKED = """
3905 6901 6911 6921 6941 6945 6961 7811 7821 7841 7861 7832 7906 7911 7921 7925 7926
7931 7936 7937 7940 7941 7942 7945 7960 7961 7962 7965 7970 7971 7975 7985 8811 8841
8845 8851 8851NR 8861 8865 8865NR 8821 8831 8832 8832NR 8941 8945 8961 9951 9971 9811
9821 9841 9851 9861 9871 DX650 DX70 DX80 8875 VG224 VG310 VG350 VG450 Jabber SX20 EX90
TX9000 IX5000 IP_Communicator CTI_Port ATA_186 ATA_187 ATA_188 ATA_190 ATA_191 ATA_192
Unified_Client_Services_Framework Dual_Mode_for_iPhone Dual_Mode_for_Android Room_Kit
Jabber_for_Tablet Analog_Phone
"""


@pytest.mark.parametrize("word", ASKED.split())
def test_every_model_that_was_asked_for_is_there(word: str) -> None:
    name = word.replace("_", " ")
    found = find_features(f"Cisco {name}")
    assert found is not None
    assert found.name == name


def test_every_cell_has_a_mark() -> None:
    for each in FEATURES.values():
        for column, cell in each.cells().items():
            assert cell.mark in {"S", "O", "C", "I", "?"}, (each.name, column)
            assert cell.is_known == (cell.value != "?"), (each.name, column)


def test_unknown_counts_as_no_and_who_plays_is_emulated() -> None:
    for each in FEATURES.values():
        assert each.has_sbd == (each.sbd.value == "yes")
        assert each.like is None or each.like in OBSERVED_MODELS
        assert (each.like is None) == (each.name not in PHONE_MODELS)
        if each.like is not None and each.sbd.is_known:
            assert PHONE_MODELS[each.like].security_by_default == each.has_sbd
        if not each.sbd.is_known:
            assert each.like is None, "nobody plays what nothing is known of"


def test_models_of_the_emulator_are_as_the_table_has_them() -> None:
    for name, model in PHONE_MODELS.items():
        found = find_features(name)
        assert found is not None
        assert found.has_sbd == model.security_by_default
        assert model.protocol in found.protocol.value
        if found.log.is_known:
            assert model.log_form == found.log.value
        if found.files.is_known:
            assert (Transport.HTTP in model.transports) == ("HTTP" in found.files.value)
        if found.signatures.value == "SHA-1":
            assert model.digests == {Digest.SHA1}


def test_a_model_of_its_own_differs_from_the_one_that_it_is_like() -> None:
    old_sip, modern, plain = (PHONE_MODELS[name] for name in ("9971", "9841", "6911"))
    assert (old_sip.protocol, old_sip.tls) == ("SIP", ("1.0", "1.0"))
    assert modern.tls[1] == "1.3"
    assert plain.signed_files, "it takes encrypted files in mixed mode"
    assert plain.trust_lists == ("CTLFile.tlv",)
    names = {PHONE_MODELS[m].device_prefix for m in PHONE_MODELS}
    assert names == {"SEP", "CSF", "TCT", "BOT", "TAB"}


def test_every_number_of_an_export_has_features() -> None:
    for number, name in MODEL_NUMBERS.items():
        assert find_features(name) is not None, (number, name)


def test_a_list_of_a_cluster_is_laid_over_it() -> None:
    listed = read_feature_list(
        "Product,Protocol,Feature\n"
        "Cisco 3905,SIP,Security By Default\n"
        "Cisco 7985,SCCP,security by default\n"
        "Cisco 8845,SIP,CTI controlled\n"
        "Cisco 7965,SCCP,Security By Default\n"
        "Cisco 7965,SCCP,3072/4096 RSA key size support\n"
        "Cisco 4711,SIP,Security By Default\n"
    )
    assert listed.unknown == ("4711",)
    assert set(listed.changed) == {"3905", "7985", "8845", "7965"}
    played = {n: real_model(n, listed.features).like for n in ("3905", "7985", "8845")}
    assert played == {"3905": "8861", "7985": "7975", "8845": "7960"}
    assert real_model("7965", listed.features).like == "7965"
    assert listed.features["7965"].rsa.value == "4096"
    assert str(listed.features["8845"].sbd) == "no [L]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Model,Count\n7975,3\n",
        "Product,Feature\nCisco 7975\n",
        "Product,Feature\n,Security By Default\n",
        "Product,Feature\n" + "Cisco 7975,x\n" * 20_001,
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        read_feature_list(text)


def test_the_command_prints_the_table_and_its_marks() -> None:
    status, out, _ = run_cli("phone", "models", "8845", "--json")
    assert status == 0
    assert '"sbd": {"value": "yes", "mark": "S"}' in out
    status, _, err = run_cli("phone", "models", "4711")
    assert status == 1
    assert "nothing is known of a model 4711" in err


def test_on_a_narrow_terminal_the_table_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "Unified Client Services Framework"
    status, out, _ = run_cli(
        "phone", "models", "7985", "Unified Client Services Framework"
    )
    assert status == 0
    assert "…" not in out
    lines = out.splitlines()
    second = next(line.index("sbd") for line in lines if "sbd" in line)
    first = "".join(line[:second].strip() for line in lines)
    assert name.replace(" ", "") in first
