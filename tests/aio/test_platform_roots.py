"""Where the root of a platform comes from: given, fetched, kept; the pins decide wherever it comes from."""

from __future__ import annotations

import socket
from base64 import b64decode
from pathlib import Path
from typing import Any

import attrs
import pytest

from aleph_async import (
    ArgumentError,
    AttestationError,
    CertificateError,
    ConfigurationError,
    ETHAccount,
    RetryPolicy,
    RootsUnavailable,
    Settings,
    TransportError,
    VmConfidentialClient,
    sev,
)
from aleph_async._runtime import HttpClient
from aleph_devnode.secure_processor import PlatformKeys, SecureProcessor
from tests.core.sev.golden import by_name, cases, private_key, root_files
from tests.hostile import HostileServer, Step, answer, hang_up, html_error, redirect
from tests.platform_roots import published, source
from tests.scripted import node, paths

pytestmark = pytest.mark.anyio

QUICK = RetryPolicy(attempts=2, initial_delay=0.01)
KEY = ETHAccount(b"\x01" * 32)
PROCESSOR = SecureProcessor()
PEMS = by_name("chains_test", "valid", "test_2048")["private_keys_pem"]
# All platforms of a process share the keys that stand for AMD's, so those of another come from a file.
STRANGER = SecureProcessor(
    attrs.evolve(
        PlatformKeys.generate(), ark=private_key(PEMS["ark"]), ask=private_key(PEMS["ask"])
    )
)
CHAIN = PROCESSOR.certificates()
FILE = "/ask_ark_devnode.cert"


def amd(*steps: Step, processor: SecureProcessor = PROCESSOR) -> HostileServer:
    """A server that has the file of a processor's root, or plays other steps first."""
    return node({FILE: [*steps, answer(published(processor), content_type="text/plain")]})


def client(settings: Settings | None = None, **options: Any) -> VmConfidentialClient:
    """A client of a node that it never asks."""
    return VmConfidentialClient(
        KEY, "http://127.0.0.1:9", **{"retry": QUICK, "settings": settings, **options}
    )


def at(server: HostileServer, **changes: Any) -> sev.RootSource:
    return source(PROCESSOR, server.url + FILE, **changes)


@pytest.fixture
def closed() -> str:
    """The address of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".aleph-im" / "amd-roots"


async def failed(vm_client: VmConfidentialClient, **options: Any) -> CertificateError:
    with pytest.raises(CertificateError) as caught:
        await vm_client.verify_certificates(CHAIN, **options)
    return caught.value


async def test_a_root_is_fetched_once_and_kept(home: Path) -> None:
    with amd() as server:
        roots = at(server)
        async with client(roots=roots) as vm_client:
            for _ in range(2):
                assert (await vm_client.verify_certificates(CHAIN)).product == "devnode"
        async with client(roots=roots) as vm_client:
            await vm_client.verify_certificates(CHAIN)
        assert paths(server) == [FILE]
        (kept,) = home.iterdir()
        kept.write_bytes(b"damaged")
        async with client(roots=roots) as vm_client:
            await vm_client.verify_certificates(CHAIN)
        assert paths(server) == [FILE, FILE]
        assert kept.read_bytes() == published(PROCESSOR)


async def test_it_is_kept_where_the_settings_say(tmp_path: Path, home: Path) -> None:
    settings = Settings.from_environment({"ALEPH_CONFIG_HOME": str(tmp_path / "other")})
    with amd() as server:
        async with client(settings, roots=at(server)) as vm_client:
            await vm_client.verify_certificates(CHAIN)
    assert len(list((tmp_path / "other" / "amd-roots").iterdir())) == 1
    assert not home.exists()


async def test_a_folder_that_takes_no_file_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    settings = Settings.from_environment({"ALEPH_CONFIG_HOME": str(tmp_path / "file")})
    with amd() as server:
        async with client(settings, roots=at(server)) as vm_client:
            for _ in range(2):
                await vm_client.verify_certificates(CHAIN)
        assert paths(server) == [FILE]


async def test_it_is_fetched_through_the_connections_of_the_client(
    requests: list[str], recording: HttpClient
) -> None:
    with amd() as server:
        async with client(roots=at(server), http_client=recording) as vm_client:
            await vm_client.verify_certificates(CHAIN)
    assert requests == [f"GET {FILE}"]


@pytest.mark.parametrize(
    "first",
    [hang_up(), html_error(503), answer("Not Found", status=404), redirect("/elsewhere")],
    ids=["hang-up", "unavailable", "missing", "moved"],
)
async def test_the_next_address_is_asked_where_the_first_has_nothing(first: Step) -> None:
    with node({FILE: first}) as broken, amd() as server:
        roots = source(PROCESSOR, broken.url + FILE, server.url + FILE)
        async with client(roots=roots) as vm_client:
            assert (await vm_client.verify_certificates(CHAIN)).product == "devnode"
        assert broken.requests


async def test_a_wrong_file_at_one_address_does_not_spoil_the_next(home: Path) -> None:
    with amd(processor=STRANGER) as wrong, amd() as server:
        roots = source(PROCESSOR, wrong.url + FILE, server.url + FILE)
        async with client(roots=roots) as vm_client:
            await vm_client.verify_certificates(CHAIN)
        assert [paths(wrong), paths(server)] == [[FILE], [FILE]]
    (kept,) = home.iterdir()
    assert kept.read_bytes() == published(PROCESSOR)


async def test_a_wrong_pin_is_an_error_and_nothing_is_kept(home: Path) -> None:
    with amd(processor=STRANGER) as server:
        async with client(roots=at(server)) as vm_client:
            error = await failed(vm_client)
    assert not isinstance(error, RootsUnavailable)
    assert error.check == "pin"
    assert "devnode" in str(error)
    assert not home.exists()


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"x" * 100_000])
async def test_what_is_no_file_of_roots_is_an_error(body: bytes, home: Path) -> None:
    with node({FILE: answer(body)}) as server:
        async with client(roots=at(server)) as vm_client:
            error = await failed(vm_client)
    assert error.check in ("length", "roots-unavailable")
    assert not home.exists()


async def test_without_a_network_it_is_told_what_to_do(closed: str) -> None:
    roots = [source(PROCESSOR, f"{closed}/a", f"{closed}/b", product=name) for name in ("x", "y")]
    async with client(roots=roots) as vm_client:
        error = await failed(vm_client)
    assert isinstance(error, RootsUnavailable)
    assert isinstance(error, AttestationError)
    assert error.products == ("x", "y")
    assert isinstance(error.__cause__, TransportError)
    assert error.__cause__.attempts == QUICK.attempts
    assert "give their files as roots" in str(error)


async def test_a_host_that_cannot_be_reached_is_asked_once() -> None:
    with HostileServer(hang_up()) as server:
        urls = [f"{server.url}/{name}" for name in "abc"]
        roots = [source(PROCESSOR, *urls, product=name) for name in ("x", "y")]
        async with client(roots=roots) as vm_client:
            assert isinstance(await failed(vm_client), RootsUnavailable)
        assert set(paths(server)) == {"/a"}


async def test_products_are_tried_until_one_fits() -> None:
    with amd() as server, node({"/other": answer(published(STRANGER))}) as other:
        first = source(STRANGER, other.url + "/other", product="first")
        last = source(STRANGER, other.url + "/never", product="last")
        async with client(roots=[first, at(server), last]) as vm_client:
            assert (await vm_client.verify_certificates(CHAIN)).product == "devnode"
        assert paths(other) == ["/other"]
        async with client(roots=[first]) as vm_client:
            assert (await failed(vm_client)).check == "cek-signed-by-ask"


async def test_a_chain_that_brings_its_root_needs_no_network(closed: str, home: Path) -> None:
    full = PROCESSOR.certificates(full=True)
    async with client(roots=source(PROCESSOR, closed)) as vm_client:
        assert (await vm_client.verify_certificates(full)).product == "devnode"
        assert (await vm_client.verify_certificates(full)).product == "devnode"
        with pytest.raises(CertificateError) as caught:
            await vm_client.verify_certificates(STRANGER.certificates(full=True))
    assert caught.value.check == "root"
    assert not home.exists()


async def test_roots_of_a_call_take_the_place_of_the_clients(closed: str) -> None:
    own = sev.TrustedRoot.from_certificates("own", ark=PROCESSOR.ark, ask=PROCESSOR.ask)
    async with client(roots=source(PROCESSOR, closed)) as vm_client:
        assert (await vm_client.verify_certificates(CHAIN, roots=own)).product == "own"
        assert (await vm_client.verify_certificates(CHAIN, roots=(own,))).product == "own"
    async with client(roots=iter([own])) as vm_client:
        for _ in range(2):
            assert (await vm_client.verify_certificates(CHAIN)).product == "own"


async def test_roots_must_be_roots(tmp_path: Path) -> None:
    async with client() as vm_client:
        for roots in ([], iter([]), 5, [5], [None], b"bytes"):
            with pytest.raises(ArgumentError) as caught:
                await vm_client.verify_certificates(CHAIN, roots=roots)  # type: ignore[arg-type]
            assert caught.value.argument == "roots"
        with pytest.raises(ConfigurationError):
            await vm_client.verify_certificates(CHAIN, roots=tmp_path / "missing")
        path = tmp_path / "ask_ark.cert"
        path.write_bytes(published(PROCESSOR))
        error = await failed(vm_client, roots=[str(path)])
    # A file is no reason to trust what is in it.
    assert error.check == "pin"


class TestAMD:
    """AMD's own pins, at a mirror that stands for AMD."""

    def settings(self, url: str) -> Settings:
        return Settings.from_environment({"ALEPH_AMD_ROOTS_URL": url})

    async def test_a_platform_that_is_not_amds_is_not_trusted(self) -> None:
        mirrored = {
            f"/amd/ask_ark_{name}.cert": answer(published(PROCESSOR)) for name in sev.AMD_ROOTS
        }
        with node(mirrored) as server:
            async with client(self.settings(f"{server.url}/amd/")) as vm_client:
                error = await failed(vm_client)
            assert paths(server) == ["/amd/ask_ark_naples.cert"]
        assert error.check == "pin"
        assert "naples" in str(error)

    async def test_a_mirror_that_is_away_is_told(self, closed: str) -> None:
        async with client(self.settings(closed)) as vm_client:
            error = await failed(vm_client)
        assert isinstance(error, RootsUnavailable)
        assert closed in str(error)

    async def test_a_mirror_must_have_an_address(self) -> None:
        async with client(self.settings("no address")) as vm_client:
            with pytest.raises(ArgumentError, match="ALEPH_AMD_ROOTS_URL"):
                await vm_client.verify_certificates(CHAIN)

    @pytest.mark.parametrize("entry", cases("chains_real", "chains"))
    async def test_real_platforms_are_of_amds(self, entry: dict[str, Any], tmp_path: Path) -> None:
        files = dict(root_files())
        mirrored = {f"/ask_ark_{name}.cert": answer(data) for name, data in files.items()}
        with node(mirrored) as server:
            async with client(self.settings(server.url)) as vm_client:
                if entry["expected"] != "accept":
                    mixed = b64decode(entry["export_full_base64"])
                    with pytest.raises(CertificateError):
                        await vm_client.verify_certificates(mixed)
                    return
                chain, name = b64decode(entry["export_base64"]), entry["name"]
                product = (await vm_client.verify_certificates(chain)).product
        assert name == f"real_{product}"
        path = tmp_path / "own"
        path.write_bytes(files[product])
        async with client() as vm_client:
            assert (await vm_client.verify_certificates(chain, roots=path)).product == product
