from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from aleph_core.errors import ArgumentError, ConfigurationError
from aleph_core.settings import Settings, chosen_settings, settings

HOME = {"HOME": "/home/someone"}


def test_without_variables_the_defaults_hold() -> None:
    found = Settings.from_environment(HOME)
    assert found == Settings(CONFIG_HOME=Path("/home/someone/.aleph-im"))
    assert found.VERIFY == "content"
    assert Path("/home/someone/.aleph-im/private-keys/ethereum.key") == found.PRIVATE_KEY_FILE


def test_variables_win_in_any_case_and_type() -> None:
    found = Settings.from_environment(
        {
            **HOME,
            "ALEPH_API_HOST": "http://node",
            "aleph_api_timeout": "2.5",
            "ALEPH_MAX_INLINE_SIZE": "100",
            "ALEPH_PREFER_AIOHTTP": "No",
            "ALEPH_CONFIG_HOME": "/elsewhere",
            "ALEPH_DEFAULT_CHANNEL": "",
            "UNRELATED": "x",
        }
    )
    assert found.API_HOST == "http://node"
    assert found.API_TIMEOUT == 2.5
    assert found.MAX_INLINE_SIZE == 100
    assert found.PREFER_AIOHTTP is False
    assert Path("/elsewhere/private-keys/ethereum.key") == found.PRIVATE_KEY_FILE
    assert found.DEFAULT_CHANNEL == "ALEPH-CLOUDSOLUTIONS"


def test_the_data_home_of_the_desktop_is_respected() -> None:
    found = Settings.from_environment({**HOME, "XDG_DATA_HOME": "/data"})
    assert Path("/data/.aleph-im") == found.CONFIG_HOME


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TIMEOUT", "soon"),
        ("API_TIMEOUT", "-1"),
        ("API_TIMEOUT", "inf"),
        ("API_TIMEOUT", "nan"),
        ("MAX_INLINE_SIZE", "1.5"),
        ("MAX_INLINE_SIZE", "-1"),
        ("PREFER_AIOHTTP", "maybe"),
        ("CONFIG_HOME", "~nobody-of-this-name/x"),
    ],
)
def test_a_variable_that_cannot_be_understood_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ALEPH_{name}"):
        Settings.from_environment({**HOME, f"ALEPH_{name}": value})


def test_a_file_is_read_only_when_named_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".env"
    file.write_text(
        "# ALEPH_VERIFY=off\n\nexport ALEPH_API_HOST='http://file'\n"
        'ALEPH_DEFAULT_CHANNEL="FILE"\nno assignment\n'
    )
    assert Settings.from_environment(HOME).API_HOST == "https://api2.aleph.im"
    found = Settings.from_environment({**HOME, "ALEPH_DEFAULT_CHANNEL": "ENV"}, env_file=file)
    assert (found.API_HOST, found.DEFAULT_CHANNEL, found.VERIFY) == (
        "http://file",
        "ENV",
        "content",
    )


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "settings"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="env_file"):
        Settings.from_environment(HOME, env_file=file)


def test_the_live_settings_follow_the_environment_and_never_write_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALEPH_DEFAULT_CHANNEL", "ONE")
    before = dict(os.environ)
    assert settings.DEFAULT_CHANNEL == "ONE"
    assert dict(os.environ) == before
    monkeypatch.setenv("ALEPH_DEFAULT_CHANNEL", "TWO")
    assert settings.DEFAULT_CHANNEL == "TWO"
    assert "DEFAULT_CHANNEL" in dir(settings)
    assert "TWO" in repr(settings)
    with pytest.raises(AttributeError):
        _ = settings.no_such_setting
    with pytest.raises(AttributeError):
        _ = settings.NO_SUCH_SETTING


def test_a_password_in_the_url_of_a_node_is_not_shown() -> None:
    found = Settings.from_environment({**HOME, "ALEPH_API_HOST": "https://user:secret@a.test"})
    assert "secret" not in repr(found)
    assert "a.test" in repr(found)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings.from_environment(HOME).VERIFY = "off"  # type: ignore[misc]


def test_an_argument_gives_settings_or_leaves_them_to_the_environment() -> None:
    given = Settings(API_HOST="http://n")
    assert chosen_settings(given) is given
    assert chosen_settings(None) == chosen_settings(settings) == Settings.from_environment()


@pytest.mark.parametrize("wrong", [{}, {"API_HOST": "http://n"}, "http://n", Settings])
def test_what_are_no_settings_is_refused(wrong: object) -> None:
    with pytest.raises(ArgumentError, match=r"^settings: expected Settings"):
        chosen_settings(wrong)
