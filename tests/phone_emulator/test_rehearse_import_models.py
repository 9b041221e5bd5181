"""Phone models of a real cluster: by name, by number, by its own list of features."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.rigs.endless import endless
from tokenless.phone_emulator.errors import PhoneError, UnreadableFileError
from tokenless.phone_emulator.rehearsal.importing.sources.models import (
    RealModel,
    load_features,
    real_model,
)
from tokenless.protocol.phones.features import FEATURES


@pytest.mark.parametrize("text", ["8845", " Cisco 8845 ", "CP-8845", "36224", " 36224"])
def test_a_model_has_a_name_and_a_number(text: str) -> None:
    assert real_model(text) == RealModel("8845", "8845", inferred=("mic_chain",))


def test_an_observed_model_is_itself_and_a_known_one_has_cells_nobody_states() -> None:
    observed = real_model("7975")
    assert observed == RealModel("7975", "7975")
    assert observed.is_itself
    known = real_model("8961")
    assert known == RealModel(
        "8961",
        "8961",
        unknown=("rsa", "log"),
        inferred=("sbd", "certificates", "mic_chain", "tls", "ec"),
    )


def test_what_no_table_has_may_check_lists_unless_it_is_no_phone() -> None:
    assert real_model("Cisco 9999") == RealModel("9999", None)
    assert real_model("36341") == RealModel("36341", None)
    for name in ("EMCC Base Phone", "Universal Device Template", "usage profile"):
        assert real_model(name) == RealModel(name, None, has_trust_lists=False)
    for number, name in (("15", "EMCC Base Phone"), ("640", "Usage Profile")):
        assert real_model(number) == RealModel(name, None, has_trust_lists=False)
    trunk = real_model("SIP Trunk")
    assert (trunk.like, trunk.has_trust_lists, trunk.is_itself) == (None, False, False)
    room = real_model("Room Kit")
    assert (room.like, room.has_trust_lists) == (None, True)


def test_a_clusters_own_list_may_have_another_model_play_it() -> None:
    known = FEATURES["8845"]
    table = {**FEATURES, "8845": replace(known, like="7975")}
    played = real_model("8845", table)
    assert played == RealModel("8845", "7975")
    assert not played.is_itself
    assert RealModel("Jabber", "JABBER").is_itself


def test_a_feature_list_is_read_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "features.csv"
    text = "Product,Protocol,Feature\nCisco 9999,SIP,Security By Default\n"
    path.write_bytes(text.encode("utf-16"))
    assert load_features(path).unknown == ("9999",)
    limit = 8 << 20
    whole = text.encode() + (b" " * 65_535 + b"\n") * 127
    path.write_bytes(whole.ljust(limit))
    assert load_features(path).unknown == ("9999",)
    path.write_bytes(whole.ljust(limit + 1))
    with pytest.raises(PhoneError) as found:
        load_features(path)
    assert str(found.value) == f"{path} has over {limit} bytes"
    assert found.value.hint == "give one list"
    pipe = tmp_path / "pipe"
    with endless(pipe), pytest.raises(PhoneError, match="has over"):
        load_features(pipe)


def test_what_is_no_feature_list_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "features.csv"
    with pytest.raises(UnreadableFileError) as lost:
        load_features(path)
    assert str(lost.value) == f"{path} cannot be read: No such file or directory"
    assert lost.value.hint == "name a file of yours"
    path.write_text("Product\n")
    with pytest.raises(PhoneError) as found:
        load_features(path)
    assert str(found.value).startswith(
        f"{path} is not a phone feature list: no columns Product and Feature"
    )
    assert found.value.hint == (
        "Unified Reporting > Unified CM Phone Feature List, with the columns Product, "
        "Protocol and Feature"
    )
