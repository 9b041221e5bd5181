"""The configuration: what is refused, and that the message names the place."""

import json
from pathlib import Path

import pytest

from tokenless.services.backup.restore import restore_backup
from tokenless.services.backup.take import take_backup
from tokenless.services.cluster.cluster import Cluster
from tokenless.services.config import check_tables, load_config
from tokenless.services.errors import ConfigurationError, SettingError

LAB = Path(__file__).parents[2] / "configs/lab.toml"


def test_the_lab() -> None:
    config = load_config(LAB)
    assert [node.address for node in config.nodes] == ["127.0.47.155", "127.0.47.156"]
    assert config.certificates.key_size == 1024
    assert config.certificates.regenerated_key_size == 2048
    assert config.tvs.tls_minimum == "1.0"


def test_overrides_are_laid_over_the_file() -> None:
    config = load_config(LAB, {"tftp": {"port": 0}, "cluster": {"version": "12.5(1)"}})
    assert config.tftp.port == 0
    assert config.tftp.reload == "restart"
    assert config.cluster.capf == "CAPF-e41e7d87"
    assert config.cluster.version == "12.5(1)"


@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        ({"tftp": {"prot": 69}}, "tftp.prot: there is no key `prot`"),
        ({"tftp": {"port": 70000}}, "tftp.port: "),
        ({"tvs": {"legacy": {"port": "x"}}}, "tvs.legacy.port: "),
        ({"tvs": {"ctl_cache": "always"}}, "tvs.ctl_cache: "),
        ({"cluster": {"version": "eleven"}}, "cluster.version: "),
        ({"cluster": {"version": "9.1(2)"}}, "no tokenless CTL"),
        ({"certificates": {"key_size": 512}}, "certificates.key_size: "),
        ({"nodes": []}, "nodes: "),
        ({"nodes": [{"name": "a", "address": "::1", "publisher": True}]}, "IPv4"),
        (
            {"nodes": [{"name": "../a", "address": "127.0.0.1"}]},
            "nodes (entry 1).name: not a host name: letters, digits, `-` and dots",
        ),
        ({"nodes": [{"name": "a", "address": "127.0.0.1"}]}, "0 publishers"),
        (
            {"parameters": {"tftp_file_signature_algorithm": "SHA-512"}},
            "signs with SHA-1 only",
        ),
        (
            {"nodes": [{"name": "a", "address": "224.0.0.1", "publisher": True}]},
            "nodes (entry 1).address: phones cannot connect to 224.0.0.1",
        ),
        (
            {
                "nodes": [
                    {"name": "a", "address": "127.0.0.1", "publisher": True},
                    {"name": "b", "address": "127.0.0.1"},
                ]
            },
            "2 entries with address '127.0.0.1'",
        ),
        (
            {"callmanager_groups": [{"name": "g", "members": ["nobody"]}]},
            "callmanager_groups (entry 1).members: there is no node 'nobody'",
        ),
        (
            {"device_pools": [{"name": "p", "callmanager_group": "Lab-CMG"}]},
            "there must be exactly one default pool",
        ),
        (
            {"devices": [{"name": "SEP001122334455", "device_pool": "elsewhere"}]},
            "devices (entry 1).device_pool: there is no pool 'elsewhere'",
        ),
        (
            {"devices": [{"name": "phone", "device_pool": "Default"}]},
            "devices (entry 1).name: ",
        ),
        ({"tftp": {"allow": ["10.0.0.0/99"]}}, "tftp.allow (entry 1): "),
        ({"listen": {"address": "everywhere"}}, "listen.address: "),
        ({"advertise": {"tvs": 0}}, "advertise.tvs: "),
        ({"advertise": {"tftp": 30069}}, "advertise.tftp: a published port"),
    ],
)
def test_refusals_name_the_place(overrides: dict[str, object], place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(LAB, overrides)
    assert place in str(caught.value)
    # What was laid over the file is not the file's fault.
    assert isinstance(caught.value, SettingError)
    assert caught.value.is_override
    assert str(LAB) not in str(caught.value)
    assert "\n" not in caught.value.explain()


def test_a_fault_of_the_file_has_its_line(tmp_path: Path) -> None:
    text = LAB.read_text().replace("[tftp]\n", "[tftp]\nprt = 1\n")
    path = tmp_path / "x.toml"
    path.write_text(text)
    line = text.splitlines().index("prt = 1") + 1
    with pytest.raises(SettingError) as caught:
        load_config(path)
    assert caught.value.explain() == (
        f"{path}:{line}: tftp.prt: there is no key `prt`; did you mean `port`?"
    )


def test_a_fault_of_the_second_node_has_its_line(tmp_path: Path) -> None:
    text = LAB.read_text()
    address = 'address = "127.0.47.156"'
    line = text[: text.index(address)].count("\n") + 1
    path = tmp_path / "x.toml"
    path.write_text(text.replace(address, 'address = "127.0.47.999"'))
    with pytest.raises(SettingError) as caught:
        load_config(path)
    assert f"{path}:{line}: nodes (entry 2).address: " in str(caught.value)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[cluster\n")
    with pytest.raises(ConfigurationError, match=r"x\.toml"):
        load_config(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_config(tmp_path / "x.toml")


def test_a_configuration_of_one_node_is_enough() -> None:
    tables = {"nodes": [{"name": "a", "address": "127.0.0.1", "publisher": True}]}
    assert check_tables(tables, "test").tftp.port == 6969


_SHA512 = "tftp_file_signature_algorithm"


def test_a_digest_is_judged_by_the_release_that_its_file_names(tmp_path: Path) -> None:
    """A file may say nothing of the release: it stays as it is in the cluster."""
    path = tmp_path / "cluster.toml"
    version = 'version = "10.5(1)" '
    assert version in LAB.read_text()
    bare = LAB.read_text().replace(version, "")
    path.write_text(f'{bare}\n[parameters]\n{_SHA512} = "SHA-512"\n')
    assert load_config(path).parameters.tftp_file_signature_algorithm == "SHA-512"
    with pytest.raises(SettingError, match=f"parameters.{_SHA512}: 11.5"):
        load_config(path, {"cluster": {"version": "11.5(1)"}})
    load_config(path, {"cluster": {"version": "12.0(1)"}})


def test_a_folder_that_was_made_with_such_a_digest_opens(tmp_path: Path) -> None:
    """It never had an effect; the folder, and its backups, are usable."""
    Cluster.open(tmp_path / "data", load_config(LAB)).close()
    saved = tmp_path / "data" / "cluster.json"
    tables = json.loads(saved.read_text())
    tables["parameters"][_SHA512] = "SHA-512"
    saved.write_text(json.dumps(tables))
    Cluster.open(tmp_path / "data").close()
    take_backup(tmp_path / "data", tmp_path / "copy", now=0)
    restore_backup(tmp_path / "copy", tmp_path / "restored")


@pytest.mark.parametrize("deep", ["x = " + "[" * 5000, "x = " + "{a=" * 5000])
def test_a_deep_file_is_refused(tmp_path: Path, deep: str) -> None:
    (tmp_path / "deep.toml").write_text(deep)
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        load_config(tmp_path / "deep.toml")
