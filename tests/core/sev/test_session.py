from __future__ import annotations

import json
import os
import pickle
import pprint
import stat
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from aleph_core import sev
from aleph_core.accounts import InsecureKeyFileWarning, create_key_file
from aleph_core.errors import ArgumentError, CertificateError, ConfigurationError
from aleph_core.sev.session_files import read_transport_key, transport_text
from tests.core.sev.golden import by_name, chain

CHAIN = chain(by_name("chains_test", "valid", "test_2048")["export_base64"])
TEK, TIK = bytes(range(100, 116)), bytes(range(200, 216))
NAMES = ["vm_godh.b64", "vm_session.b64", "vm_tek.bin", "vm_tik.bin"]


def make(**given: Any) -> sev.LaunchSession:
    return sev.LaunchSession.create(CHAIN, **{"tek": TEK, "tik": TIK, **given})


def same(one: sev.LaunchSession, other: sev.LaunchSession) -> bool:
    names = ("tek", "tik", "godh", "session")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@pytest.mark.parametrize("policy", [0, 1, 5, 63, 1 << 16, 0x3701_0001, 0xFFFF_003F])
def test_a_session_has_its_policy_and_no_other(policy: int) -> None:
    session = make(policy=policy)
    assert session.has_policy(policy)
    for other in (policy ^ 1, policy ^ 1 << 31, policy ^ 1 << 6):
        assert not session.has_policy(other)


@pytest.mark.parametrize("bit", range(6, 16))
def test_reserved_bits_of_a_policy_are_refused(bit: int) -> None:
    with pytest.raises(ArgumentError, match="reserved") as caught:
        make(policy=1 | 1 << bit)
    assert caught.value.argument == "policy"


@pytest.mark.parametrize("policy", [-1, 1 << 32, 1.0, True, "1", None, b"\1"])
def test_what_is_no_policy_is_refused(policy: Any) -> None:
    for use in (lambda: make(policy=policy), lambda: make().has_policy(policy)):
        with pytest.raises(ArgumentError) as caught:
            use()
        assert caught.value.argument == "policy"


def test_flags_make_a_policy() -> None:
    assert sev.Policy.NODBG | sev.Policy.ES == 5
    assert make(policy=sev.Policy.NODBG | sev.Policy.ES).has_policy(5)
    assert sorted(sev.Policy) == [1, 2, 4, 8, 16, 32]


def test_every_session_has_keys_of_its_own() -> None:
    sessions = [sev.LaunchSession.create(CHAIN) for _ in range(50)]
    for name in ("tek", "tik", "godh", "session"):
        assert len({getattr(each, name) for each in sessions}) == 50
    assert len({each.session[:16] for each in sessions}) == 50
    assert len({each.session[48:64] for each in sessions}) == 50
    assert all(each.tek != each.tik for each in sessions)


@pytest.mark.parametrize("name", ["tek", "tik", "nonce", "iv"])
@pytest.mark.parametrize("value", [b"", bytes(15), bytes(17), "0" * 16, 16])
def test_given_bytes_must_fit(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        make(**{name: value})
    assert caught.value.argument == name


def test_a_given_key_must_be_on_the_curve_of_the_platform() -> None:
    with pytest.raises(ArgumentError, match="P-384"):
        make(key=ec.generate_private_key(ec.SECP256R1()))


def test_a_platform_without_a_usable_key_gets_no_session() -> None:
    broken = by_name("chains_test", "invalid", "pdh_point_not_on_curve")
    with pytest.raises(CertificateError) as caught:
        sev.LaunchSession.create(chain(broken["export_full_base64"]))
    assert caught.value.check == "key"


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("any_umask")
def test_files_are_those_of_sevctl_and_for_their_owner_alone(tmp_path: Path) -> None:
    session = make()
    folder = tmp_path / "new" / "folder"
    session.save(folder)
    assert names_in(folder) == NAMES
    assert {mode(folder / name) for name in NAMES} == {0o600}
    assert mode(folder) == 0o700
    assert (folder / "vm_tik.bin").read_bytes() == TIK
    assert (folder / "vm_tek.bin").read_bytes() == TEK
    godh, blob = (folder / "vm_godh.b64").read_bytes(), (folder / "vm_session.b64").read_bytes()
    assert (godh, blob) == (b64encode(session.godh), b64encode(session.session))
    assert (len(godh), len(blob)) == (2780, 172)
    assert same(sev.LaunchSession.load(folder), session)


@pytest.mark.usefixtures("any_umask")
def test_the_keys_are_never_on_disk_with_a_wider_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    sync = os.fsync

    def look(descriptor: int) -> None:
        seen.update(mode(each) for each in tmp_path.iterdir())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    make().save(tmp_path)
    make().save(tmp_path, overwrite=True)
    assert seen == {0o600}


@settings(max_examples=10)
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_what_is_saved_is_loaded(tmp_path_factory: Any, tek: bytes, tik: bytes) -> None:
    folder = tmp_path_factory.mktemp("session")
    session = make(tek=tek, tik=tik)
    session.save(str(folder), "prefix.of-mine é")
    assert same(sev.LaunchSession.load(str(folder), "prefix.of-mine é"), session)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_overwritten_or_left_half_written_unless_asked(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"theirs")
    with pytest.raises(ArgumentError, match="exists already"):
        make().save(tmp_path)
    assert names_in(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"theirs"
    session = make()
    session.save(tmp_path, overwrite=True)
    assert names_in(tmp_path) == NAMES
    assert mode(tmp_path / name) == 0o600
    assert same(sev.LaunchSession.load(tmp_path), session)


@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("there", [False, True], ids=["new", "replacing"])
def test_a_failure_on_the_way_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, there: bool
) -> None:
    before = make(tek=bytes(16))
    if there:
        before.save(tmp_path)
    sync, calls = os.fsync, 0

    def fail(descriptor: int) -> None:
        nonlocal calls
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            calls += 1
            if calls > failing:
                raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConfigurationError, match="No space left"):
        make().save(tmp_path, overwrite=there)
    assert names_in(tmp_path) == (NAMES if there else [])
    if there:
        assert same(sev.LaunchSession.load(tmp_path), before)


@pytest.mark.parametrize("failing", range(4))
def test_what_cannot_be_moved_away_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    before = make(tek=bytes(16))
    before.save(tmp_path)
    replace, calls = os.replace, 0

    def fail(source: Any, target: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == failing + 1:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigurationError, match="cannot replace"):
        make().save(tmp_path, overwrite=True)
    assert names_in(tmp_path) == NAMES
    assert same(sev.LaunchSession.load(tmp_path), before)


def test_what_somebody_else_put_in_the_way_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def intrude(path: Path, secret: bytes) -> Path:
        nonlocal calls
        calls += 1
        if calls == 3:
            for name in ("vm_tik.bin", "vm_godh.b64"):
                (tmp_path / "new").write_bytes(b"theirs")
                (tmp_path / "new").replace(tmp_path / name)
        return create_key_file(path, secret)

    monkeypatch.setattr("aleph_core.sev.session_files.create_key_file", intrude)
    with pytest.raises(ArgumentError, match="exists already"):
        make().save(tmp_path)
    assert names_in(tmp_path) == ["vm_godh.b64", "vm_tik.bin"]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"theirs"}


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "vm_tik.bin").symlink_to(victim)
    with pytest.raises(ArgumentError, match="exists already"):
        make().save(folder)
    make().save(folder, overwrite=True)
    assert victim.read_bytes() == b"theirs"
    assert not (folder / "vm_tik.bin").is_symlink()


@pytest.mark.parametrize("prefix", ["", "a/b", "../a", "a\\b", "a\0b", None, 3])
def test_a_prefix_names_no_folder(tmp_path: Path, prefix: Any) -> None:
    for use in (
        lambda: make().save(tmp_path, prefix),
        lambda: sev.LaunchSession.load(tmp_path, prefix),
    ):
        with pytest.raises(ArgumentError) as caught:
            use()
        assert caught.value.argument == "prefix"
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot read|No such file"),
        (b"", "is empty"),
        (b"x" * 15, "must hold"),
        (b"x" * 17, "must hold"),
        (b64encode(bytes(127)), "must hold"),
        (b64encode(bytes(129)), "must hold"),
        (b64encode(bytes(2083)), "must hold"),
        (b64encode(bytes(2085)), "must hold"),
        (b"@" * 172, "must hold"),
        (b"A" * 70000, "too long"),
    ],
)
def test_a_missing_or_malformed_file_is_a_clear_error(
    tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    make().save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        sev.LaunchSession.load(tmp_path)
    assert name in str(caught.value)
    assert_secret_absent(str(caught.value))


@pytest.mark.parametrize("offset", [0, 8, 20])
def test_a_certificate_that_is_no_owners_is_not_loaded(tmp_path: Path, offset: int) -> None:
    session = make()
    session.save(tmp_path)
    godh = bytearray(session.godh)
    godh[offset] ^= 1
    (tmp_path / "vm_godh.b64").write_bytes(b64encode(godh))
    with pytest.raises(ConfigurationError, match=r"vm_godh\.b64 is no GODH"):
        sev.LaunchSession.load(tmp_path)


def test_files_of_other_programs_load_with_a_warning_for_keys_alone(tmp_path: Path) -> None:
    session = make()
    session.save(tmp_path)
    for name in NAMES:
        (tmp_path / name).chmod(0o644)
    with (tmp_path / "vm_session.b64").open("ab") as file:
        file.write(b"\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert same(sev.LaunchSession.load(tmp_path), session)
    assert [each.category for each in caught] == [InsecureKeyFileWarning] * 2
    assert [name for name in NAMES for each in caught if name in str(each.message)] == NAMES[2:]


def spellings() -> Iterator[str]:
    for key in (TEK, TIK):
        yield key.hex()
        yield b64encode(key).decode().rstrip("=")
        yield repr(key)[2:-1]
        yield str(list(key))[1:-1]


def assert_secret_absent(text: str) -> None:
    assert [spelling for spelling in spellings() if spelling in text] == []


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!r}".format, pprint.pformat, ascii, lambda s: repr([s]), dir]
)
def test_shows_nothing_of_itself(show: Callable[[object], object]) -> None:
    assert repr(make()) == "<LaunchSession>"
    assert_secret_absent(str(show(make())))


def test_has_no_state_to_dump() -> None:
    session = make()
    for dump in (vars, json.dumps, lambda s: s.__getstate__()):
        with pytest.raises(TypeError):
            dump(session)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="holds keys and is not pickled"):
            pickle.dumps([session], protocol)
    assert copy(session) is session
    assert deepcopy({"session": session})["session"] is session
    with pytest.raises(AttributeError):
        session.tek = TIK  # type: ignore[misc]


def test_refusals_do_not_hold_the_keys() -> None:
    for argument in ("tek", "tik"):
        with pytest.raises(ArgumentError) as caught:
            make(**{argument: TEK + TIK})
        assert_secret_absent(repr(caught.value) + str(vars(caught.value)))


class TestParts:
    SESSION = make()

    @pytest.mark.parametrize("name", ["session", "godh"])
    def test_a_part_is_taken_in_any_form(self, name: str, tmp_path: Path) -> None:
        raw: bytes = getattr(self.SESSION, name)
        text = b64encode(raw).decode()
        file, raw_file = tmp_path / "part.b64", tmp_path / "part.bin"
        file.write_text(f"{text}\n")
        raw_file.write_bytes(raw)
        for value in (raw, text, text.encode(), f" {text}\n", file, str(file), raw_file):
            assert transport_text(value, name) == text

    @pytest.mark.parametrize("name", ["session", "godh"])
    def test_the_other_part_is_refused(self, name: str, tmp_path: Path) -> None:
        self.SESSION.save(tmp_path)
        other = "godh" if name == "session" else "session"
        for value in (tmp_path / f"vm_{other}.b64", getattr(self.SESSION, other), b"", b"\xff"):
            with pytest.raises(ArgumentError) as caught:
                transport_text(value, name)
            assert caught.value.argument == name
        with pytest.raises(ArgumentError, match="NoneType"):
            transport_text(None, name)  # type: ignore[arg-type]
        for missing in (tmp_path / "missing", tmp_path, "no such file", "nul\0"):
            with pytest.raises(ConfigurationError):
                transport_text(missing, name)

    def test_a_key_is_read_by_its_path(self, tmp_path: Path) -> None:
        make().save(tmp_path)
        assert read_transport_key(tmp_path / "vm_tek.bin") == TEK
        assert read_transport_key(str(tmp_path / "vm_tik.bin")) == TIK
        with pytest.raises(ConfigurationError, match="16 bytes"):
            read_transport_key(tmp_path / "vm_session.b64")
        with pytest.raises(ConfigurationError, match="cannot read"):
            read_transport_key(tmp_path / "missing")
        (tmp_path / "vm_tik.bin").chmod(0o644)
        with pytest.warns(InsecureKeyFileWarning):
            read_transport_key(tmp_path / "vm_tik.bin")
