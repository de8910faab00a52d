"""Public SSH keys: what is one, and that nothing else gets onto the network."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import AlephError, ArgumentError
from aleph_core.models.post import Post
from aleph_core.ssh_keys import check_public_key, fingerprint, post_content, read_key
from tests.core.recorded import JSON

# Made for this test by OpenSSH's ssh-keygen, which also said the fingerprint.
LINE = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtrCTJWPyMMUb0ZHy2+ZlzVxb9v0Q2CuXphUEooVwu+ ada@example"
)
FINGERPRINT = "SHA256:9kbUa8Lk9KUYs1KE7HgTK3+a9ZAsdQadEDx9tMB8qSk"
OPENSSH = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH


def generated() -> list[Any]:
    return [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ]


KEYS = generated()
IDS = ["ed25519", "p256", "p521", "rsa"]


@pytest.mark.parametrize("key", KEYS, ids=IDS)
def test_keys_of_every_usual_type_are_taken(key: Any) -> None:
    line = key.public_key().public_bytes(*OPENSSH).decode()
    assert check_public_key(line) == line
    assert check_public_key(f"  {line}   my  laptop \r\n") == f"{line} my  laptop"


@pytest.mark.parametrize("key", KEYS, ids=IDS)
@pytest.mark.parametrize("form", ["OpenSSH", "PKCS8", "TraditionalOpenSSL"])
def test_private_keys_are_refused_and_never_repeated(key: Any, form: str) -> None:
    if form == "TraditionalOpenSSL" and isinstance(key, ed25519.Ed25519PrivateKey):
        form = "PKCS8"
    text = key.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        serialization.NoEncryption(),
    ).decode()
    for given_text in (text, " ".join(text.split("\n")), f"ssh-ed25519 {text}"):
        with pytest.raises(ArgumentError, match="private key") as caught:
            check_public_key(given_text)
        assert not any(line in str(caught.value) for line in text.split("\n") if len(line) > 10)


@pytest.mark.parametrize(
    "text",
    [
        *("", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 not-base64!", "hello world"),
        LINE.replace("ssh-ed25519", "ssh-rsa"),
        f'command="ls" {LINE}',
        f"{LINE}\n{LINE}",
        LINE[:30],
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        "---- BEGIN SSH2 PUBLIC KEY ----",
        "ssh-ed25519 " + "A" * 50_000,
        *(None, 5, LINE.encode()),
    ],
)
def test_what_is_no_public_key_is_refused(text: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        check_public_key(text)
    assert caught.value.argument == "key"


def test_the_fingerprint_is_the_one_that_openssh_shows() -> None:
    assert fingerprint(LINE) == FINGERPRINT


def test_the_comment_is_the_label_unless_one_is_given() -> None:
    bare = LINE.rpartition(" ")[0]
    assert post_content(LINE, None) == {"key": LINE, "label": "ada@example"}
    assert post_content(bare, "laptop") == {"key": bare, "label": "laptop"}
    assert post_content(bare, None) == {"key": bare}
    for label in ("a\nb", 5):
        with pytest.raises(ArgumentError, match="label"):
            post_content(LINE, label)


def post(content: Any) -> Post:
    return Post(
        item_hash="b" * 64,
        original_item_hash="a" * 64,
        original_type="ALEPH-SSH",
        address="0x00",
        content=content,
    )


def test_a_key_is_read_from_its_post() -> None:
    key = read_key(post({"key": LINE, "label": "laptop", "colour": "red"}))
    assert (key.item_hash, key.key, key.label, key.fingerprint) == (
        "a" * 64,
        LINE,
        "laptop",
        FINGERPRINT,
    )
    assert key.extra == {"colour": "red"}
    assert read_key(post({"key": "ssh-rsa BBBB"})).fingerprint == ""


@given(JSON | st.fixed_dictionaries({"key": st.text() | JSON}, optional={"label": JSON}))
def test_no_post_leads_to_another_error(content: Any) -> None:
    try:
        assert isinstance(read_key(post(content)).key, str)
    except AlephError:
        pass
