"""The folder that today's tools keep: what they wrote is read, what is written they can read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.accounts import (
    MainConfiguration,
    load_account,
    load_main_configuration,
    save_main_configuration,
)
from aleph_core.errors import ArgumentError, ConfigurationError
from aleph_core.settings import Settings

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"path": "/k/a.key", "type": "imported", "chain": "ETH", "address": None},
            MainConfiguration("ETH", "imported", Path("/k/a.key")),
        ),
        (
            {"path": "/k/a.key", "type": "internal", "chain": "SOL"},
            MainConfiguration("SOL", "imported", Path("/k/a.key")),
        ),
        ({"path": "/k/a.key", "chain": "ETH"}, MainConfiguration("ETH", path=Path("/k/a.key"))),
        (
            {"path": "/k/a.key", "address": ADDRESS, "chain": "ETH", "type": None},
            MainConfiguration("ETH", path=Path("/k/a.key"), address=ADDRESS),
        ),
        (
            {"path": None, "type": " External ", "chain": "AVAX", "address": ADDRESS},
            MainConfiguration("AVAX", "hardware", address=ADDRESS),
        ),
        (
            {
                "path": "None",
                "chain": "ETH",
                "address": ADDRESS,
                "derivation_path": "44'/60'/1'/0/0",
            },
            MainConfiguration("ETH", "hardware", None, ADDRESS, "44'/60'/1'/0/0"),
        ),
        (
            {"chain": "ETH", "type": "imported", "path": "~/a.key", "theme": {"dark": True}},
            MainConfiguration(
                "ETH", path=Path("~/a.key").expanduser(), other={"theme": {"dark": True}}
            ),
        ),
    ],
)
def test_every_spelling_of_todays_tools_is_read(
    file: Path, content: dict[str, Any], expected: MainConfiguration
) -> None:
    file.write_text(json.dumps(content))
    assert load_main_configuration(file) == expected


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_no_file_and_an_empty_file_are_no_configuration(file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content)
    assert load_main_configuration(file) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b'{"chain": "ETH"}', "path .* or an address"),
        (b'{"path": "/k"}', "chain is missing"),
        (b'{"chain": 1, "path": "/k"}', "chain must be text"),
        (b'{"chain": "ETH", "path": ["/k"]}', "path must be text"),
        (b'{"chain": "ETH", "path": "/k", "type": "cloud"}', "'cloud' is neither"),
    ],
)
def test_what_cannot_be_understood_is_named_and_never_ignored(
    file: Path, content: bytes, problem: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        load_main_configuration(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("path", ["~nosuchuser/k", "a\0b", "\ud800"], ids=ascii)
def test_a_path_that_no_file_can_have_names_the_configuration(tmp_path: Path, path: str) -> None:
    home = tmp_path / ".aleph-im"
    home.mkdir()
    file = home / "config.json"
    file.write_text(json.dumps({"path": path, "chain": "ETH"}))
    with pytest.raises(ConfigurationError, match="no file can have the path") as caught:
        load_main_configuration(file)
    assert str(file) in str(caught.value)
    assert str(caught.value).isprintable()
    settings = Settings.from_environment({"HOME": str(tmp_path)})
    assert home / "private-keys" / "ethereum.key" == settings.PRIVATE_KEY_FILE
    with pytest.raises(ConfigurationError, match=r"config\.json"):
        load_account(settings=settings)


def test_a_relative_path_starts_at_the_folder_of_the_file(file: Path) -> None:
    file.write_text(json.dumps({"path": "keys/a.key", "chain": "ETH"}))
    expected = MainConfiguration("ETH", path=file.parent / "keys" / "a.key")
    assert load_main_configuration(file) == expected


@pytest.mark.timeout(20)
def test_a_pipe_in_its_place_is_an_error_and_not_waited_for(file: Path) -> None:
    os.mkfifo(file, 0o600)
    with pytest.raises(ConfigurationError, match="no plain file"):
        load_main_configuration(file)


@pytest.mark.parametrize("path", ["~nosuchuser/c", "a\0b", "\ud800"], ids=ascii)
def test_a_name_that_no_file_can_have_is_an_error(path: str) -> None:
    with pytest.raises(ConfigurationError, match="no file has such a name"):
        load_main_configuration(path)


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_main_configuration(tmp_path)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


@given(
    chain=texts.filter(lambda text: text != "None"),
    kind=st.sampled_from(["imported", "hardware"]),
    path=st.none() | st.builds(Path, st.just("/keys"), st.sampled_from(["a.key", "b c.key"])),
    address=st.none() | texts.filter(lambda text: text != "None"),
    other=st.dictionaries(st.sampled_from(["theme", "crn"]), st.booleans()),
)
def test_what_is_written_is_read_again_with_all_that_others_keep_there(
    tmp_path_factory: pytest.TempPathFactory,
    chain: str,
    kind: str,
    path: Path | None,
    address: str | None,
    other: dict[str, Any],
) -> None:
    file = tmp_path_factory.mktemp("home") / "config.json"
    configuration = MainConfiguration(chain, kind, path, address, None, other)
    save_main_configuration(file, configuration)
    assert load_main_configuration(file) == configuration


def test_the_file_has_the_names_and_types_that_todays_tools_read(file: Path) -> None:
    assert save_main_configuration(file, MainConfiguration("ETH", path=Path("/k/a.key"))) == file
    assert json.loads(file.read_bytes()) == {
        "path": "/k/a.key",
        "type": "imported",
        "chain": "ETH",
        "address": None,
        "derivation_path": None,
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_type_of_no_meaning_is_refused_and_the_old_file_stays(file: Path) -> None:
    save_main_configuration(file, MainConfiguration("ETH", path=Path("/k/a.key")))
    with pytest.raises(ArgumentError, match="data"):
        save_main_configuration(file, MainConfiguration("ETH", "cloud"))
    assert load_main_configuration(file) == MainConfiguration("ETH", path=Path("/k/a.key"))
    assert os.listdir(file.parent) == ["config.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"path": "/k/a.key", "chain": "ETH"}, "/k/a.key"),
        ({"type": "hardware", "address": ADDRESS, "chain": "ETH"}, "private-keys/ethereum.key"),
        ("not json", "private-keys/ethereum.key"),
        (None, "private-keys/ethereum.key"),
    ],
)
def test_the_key_file_of_the_settings_is_the_configured_one(
    tmp_path: Path, content: object, expected: str
) -> None:
    home = tmp_path / ".aleph-im"
    home.mkdir()
    if content is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (home / "config.json").write_text(text)
    settings = Settings.from_environment({"HOME": str(tmp_path)})
    assert home / expected == settings.PRIVATE_KEY_FILE
    assert home / "config.json" == settings.CONFIG_FILE
    explicit = {"HOME": str(tmp_path), "ALEPH_PRIVATE_KEY_FILE": "/x.key"}
    assert Path("/x.key") == Settings.from_environment(explicit).PRIVATE_KEY_FILE
