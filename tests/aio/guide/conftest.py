"""What the guide takes for granted: a node that is found without being named, files, a key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aleph_async import ETHAccount, create_key_file, settings
from aleph_devnode import DevNode


@pytest.fixture(autouse=True)
def surroundings(
    clean_environment: None, node: DevNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Work in an empty folder, with the local node in place of every service of the network."""
    for name, value in node.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def private_key(node: DevNode) -> str:
    """A private key, as text with ``0x``, of an account with tokens and credits."""
    private_key = "0x" + os.urandom(32).hex()
    node.fund(ETHAccount(private_key).get_address())
    return private_key


@pytest.fixture
def key_file(private_key: str) -> Path:
    """The key in the file where the settings expect it."""
    return create_key_file(settings.PRIVATE_KEY_FILE, bytes.fromhex(private_key[2:]))
