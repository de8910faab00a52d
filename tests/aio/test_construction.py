"""Making clients: nodes, sockets, settings, other people's HTTP clients, and closing."""

from __future__ import annotations

import gc
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ClosedClientError,
    ConfigurationError,
    ETHAccount,
    RetryPolicy,
    Settings,
    Timeout,
    TransportError,
    TransportTimeout,
    settings,
)
from aleph_async._runtime import HttpClient
from aleph_devnode import DevNode
from tests.unix_node import unix_node

pytestmark = pytest.mark.anyio

UNKNOWN = "ab" * 32


@pytest.fixture
def dead() -> str:
    """The URL of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


async def test_a_client_works_without_a_block_and_closes_more_than_once(node: DevNode) -> None:
    client = AlephHttpClient(node.url)
    assert (await client.get_messages(page_size=1)).per_page == 1
    await client.aclose()
    await client.aclose()


async def test_a_client_that_nobody_closes_makes_no_noise(node: DevNode) -> None:
    client = AlephHttpClient(node.url)
    await client.get_messages(page_size=1)
    del client
    gc.collect()


async def test_a_closed_client_says_so_whatever_is_asked(
    node: DevNode, account: ETHAccount, tmp_path: Path
) -> None:
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        await client.get_messages(page_size=1)
        iterator = client.get_messages_iterator()
        watch = client.watch_messages()
    for call in (
        lambda: client.get_messages(),
        lambda: client.get_message(UNKNOWN),
        lambda: client.get_posts(),
        lambda: client.fetch_aggregates(account.get_address()),
        lambda: client.create_post("x", "t"),
        lambda: client.create_store(b"x"),
        lambda: client.forget(UNKNOWN),
        lambda: client.download_file(UNKNOWN),
        lambda: client.download_file_to_path(UNKNOWN, tmp_path / "file"),
        lambda: client.get_storage_limits(),
    ):
        with pytest.raises(ClosedClientError):
            await call()
    for entries in (iterator, watch):
        with pytest.raises(ClosedClientError):
            _ = [entry async for entry in entries]
    with pytest.raises(ClosedClientError):
        async with client:
            raise AssertionError("it was entered again")
    assert list(tmp_path.iterdir()) == []


async def test_an_error_inside_the_block_comes_out_and_the_client_is_closed(node: DevNode) -> None:
    with pytest.raises(ZeroDivisionError):
        async with AlephHttpClient(node.url) as client:
            _ = 1 / 0
    with pytest.raises(ClosedClientError):
        await client.get_messages()


async def test_an_http_client_that_is_passed_in_is_used_and_stays_open(
    node: DevNode, recording: HttpClient, requests: list[str]
) -> None:
    for _ in range(2):
        async with AlephHttpClient(node.url, http_client=recording) as client:
            await client.get_messages(page_size=1)
    assert requests == ["GET /api/v0/messages.json"] * 2
    assert not recording.is_closed
    assert (await recording.get(f"{node.url}/api/v0/version")).status_code == 200


@pytest.mark.parametrize("prefer", ["true", "false"])
async def test_every_transport_serves_the_whole_client(
    node: DevNode, account: ETHAccount, monkeypatch: pytest.MonkeyPatch, prefer: str, channel: str
) -> None:
    monkeypatch.setenv("ALEPH_PREFER_AIOHTTP", prefer)
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        stored = await client.create_store(bytes(1_500_000), channel=channel, sync=True)
        assert stored.status == "processed"
        assert await client.download_file(stored.content["item_hash"]) == bytes(1_500_000)
        outside = await client.create_post("x", "t", channel=channel, inline=False, sync=True)
        assert (await client.get_message(outside.item_hash)).content["content"] == "x"
        async for message in client.watch_messages(channels=channel, history=1):
            assert message.item_hash == outside.item_hash
            break
        found = [m async for m in client.get_messages_iterator(channels=channel, page_size=1)]
        assert [m.item_hash for m in found] == [outside.item_hash, stored.item_hash]


@pytest.mark.usefixtures("hold_plan")
async def test_a_unix_socket_is_spoken_to_like_any_node(
    account: ETHAccount, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The path of a socket must be short.
    with unix_node(tmp_path_factory.mktemp("u")) as path:
        async with AuthenticatedAlephHttpClient(account, api_unix_socket=path) as client:
            posted = await client.create_post("through a socket", "t", sync=True)
            assert posted.status == "processed"
            stored = await client.create_store(b"free", sync=True)
            assert await client.download_file(stored.content["item_hash"]) == b"free"
            async for message in client.watch_messages(history=1):
                assert message.item_hash == stored.item_hash
                break
        monkeypatch.setenv("ALEPH_API_UNIX_SOCKET", path)
        async with AlephHttpClient() as reader:
            assert (await reader.get_message(posted.item_hash)).content["content"] == (
                "through a socket"
            )


async def test_unix_sockets_can_be_ruled_out(
    node: DevNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEPH_API_HOST", node.url)
    async with AlephHttpClient(
        api_unix_socket="/no/such/socket", allow_unix_sockets=False
    ) as client:
        assert client.api_server == node.url
        await client.get_messages(page_size=1)


async def test_a_socket_that_is_not_there_is_an_error_without_anything_sent() -> None:
    async with AlephHttpClient(api_unix_socket="/no/such/socket", retry=None) as client:
        with pytest.raises(TransportError) as caught:
            await client.get_messages()
    assert caught.value.sent is False


async def test_the_next_node_is_asked_when_the_first_is_dead(
    node: DevNode, account: ETHAccount, dead: str, tmp_path: Path
) -> None:
    async def client() -> AuthenticatedAlephHttpClient:
        return AuthenticatedAlephHttpClient(account, [dead, node.url])

    async with await client() as first:
        assert first.api_server == dead
        assert (await first.create_post("x", "t", sync=True)).status == "processed"
        # The one that answered is asked first from now on.
        assert first.api_server == node.url
    async with await client() as second:
        stored = await second.create_store(bytes(2_000_000), sync=True)
        assert stored.status == "processed"
    async with await client() as third:
        path = await third.download_file_to_path(stored.content["item_hash"], tmp_path / "file")
        assert path.stat().st_size == 2_000_000
    async with await client() as fourth:
        async for message in fourth.watch_messages(history=1, addresses=account.get_address()):
            assert message.item_hash == stored.item_hash
            break


async def test_nodes_may_be_listed_in_the_settings(
    node: DevNode, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEPH_API_HOST", f"{dead}, {node.url}/")
    async with AlephHttpClient() as client:
        assert client.nodes == [dead, node.url]
        await client.get_messages(page_size=1)


async def test_when_no_node_answers_the_error_counts_the_attempts(dead: str) -> None:
    policy = RetryPolicy(attempts=3, initial_delay=0.01, maximum_delay=0.01)
    async with AlephHttpClient([dead, dead], retry=policy) as client:
        with pytest.raises(TransportError) as caught:
            await client.get_messages()
    error = caught.value
    assert error.attempts == 3
    assert len(error.causes) == 3
    assert (error.node, error.sent) == (dead, False)
    async with AlephHttpClient([dead], retry=None) as client:
        with pytest.raises(TransportError) as caught:
            await client.get_messages()
    assert caught.value.attempts == 1


async def test_the_timeout_is_in_seconds_or_as_httpx_has_it(node: DevNode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for timeout in (0.1, 1, Timeout(0.1)):
            async with AlephHttpClient(url, timeout=timeout, retry=None) as client:
                with pytest.raises(TransportTimeout):
                    await client.get_messages()
        async with AlephHttpClient(url, settings=Settings(API_TIMEOUT=0.1), retry=None) as client:
            with pytest.raises(TransportTimeout):
                await client.get_messages()


async def test_settings_are_read_when_a_client_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALEPH_API_HOST", "http://one.example")
    monkeypatch.setenv("aleph_verify", "signature")
    one = AlephHttpClient()
    monkeypatch.setenv("ALEPH_API_HOST", "http://two.example/")
    monkeypatch.delenv("aleph_verify")
    two = AlephHttpClient()
    assert (one.api_server, one.verify) == ("http://one.example", "signature")
    assert (two.api_server, two.verify) == ("http://two.example", "content")
    assert settings.API_HOST == "http://two.example/"
    chosen = AlephHttpClient(settings=Settings(API_HOST="http://three.example"), verify="off")
    assert (chosen.api_server, chosen.verify) == ("http://three.example", "off")
    for client in (one, two, chosen):
        await client.aclose()


async def test_no_env_file_is_read_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ALEPH_API_HOST=http://from.file\n")
    async with AlephHttpClient() as client:
        assert client.api_server == Settings(CONFIG_HOME=tmp_path).API_HOST
    named = Settings.from_environment(env_file=".env")
    async with AlephHttpClient(settings=named) as client:
        assert client.api_server == "http://from.file"


async def test_nothing_is_written_to_the_environment_or_the_home_folder(
    node: DevNode, account: ETHAccount, tmp_path: Path
) -> None:
    before = dict(os.environ)
    async with AuthenticatedAlephHttpClient(account, node.url) as client:
        await client.create_post("x", "t", sync=True)
        await client.create_store(b"x", sync=True)
        await client.get_messages(page_size=1)
    assert dict(os.environ) == before
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALEPH_API_TIMEOUT", "soon"),
        ("ALEPH_API_TIMEOUT", "0"),
        ("ALEPH_API_TIMEOUT", "inf"),
        ("ALEPH_VERIFY", "maybe"),
        ("ALEPH_MAX_INLINE_SIZE", "many"),
        ("ALEPH_PREFER_AIOHTTP", "perhaps"),
        ("ALEPH_API_HOST", "api.example"),
    ],
)
async def test_a_setting_that_cannot_be_understood_stops_the_client(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=value):
        AlephHttpClient()


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"api_server": "api.example"}, "api_server"),
        ({"api_server": "ftp://api.example"}, "api_server"),
        ({"api_server": "http://"}, "api_server"),
        ({"api_server": "http://x.example/?a=1"}, "api_server"),
        ({"api_server": "http://x.example:port"}, "api_server"),
        ({"api_server": []}, "api_server"),
        ({"api_server": [5]}, "api_server"),
        ({"verify": "some"}, "verify"),
        ({"retry": 3}, "retry"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "long"}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"http_client": object()}, "http_client"),
    ],
    ids=str,
)
async def test_options_that_cannot_work_are_named(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        AlephHttpClient(**options)
    assert caught.value.argument == argument


@pytest.mark.parametrize("account", [None, "0x" + "11" * 32, b"\x11" * 32, object()])
async def test_an_account_is_needed_to_publish(account: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        AuthenticatedAlephHttpClient(account)
    assert caught.value.argument == "account"
    assert "11" * 32 not in str(caught.value)


async def test_the_options_of_the_connection_do_not_go_with_another_http_client(
    recording: HttpClient,
) -> None:
    choices: list[dict[str, Any]] = [
        {"ssl_context": ssl.create_default_context()},
        {"api_unix_socket": "/some/socket"},
    ]
    for options in choices:
        with pytest.raises(ArgumentError):
            AlephHttpClient(http_client=recording, **options)


async def test_the_repr_names_the_nodes_and_no_secret(account: ETHAccount) -> None:
    async with AuthenticatedAlephHttpClient(account, "http://node.example") as client:
        assert "http://node.example" in repr(client)
        assert account.export_private_key()[2:] not in repr(client) + repr(vars(client))
