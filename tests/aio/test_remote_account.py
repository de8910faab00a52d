"""Accounts of a signing service, as a program inside a virtual machine uses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aleph_async import (
    AlephHttpClient,
    ApiError,
    ArgumentError,
    AuthenticatedAlephHttpClient,
    ClosedClientError,
    ConfigurationError,
    MalformedAnswerError,
    RemoteAccount,
    SigningError,
    TransportError,
)
from aleph_core.accounts import TezosAccount
from aleph_core.signatures import verify_message_signature
from aleph_devnode import DevNode
from tests.signing_service import SigningService, signing_service

pytestmark = pytest.mark.anyio

POST = {"type": "POST", "item_hash": "ab" * 32}


@pytest.fixture
def service() -> Iterator[SigningService]:
    with signing_service() as service:
        yield service


def inline(service: SigningService) -> dict[str, Any]:
    return {**POST, "item_content": f'{{"address":"{service.account.address}"}}'}


async def test_the_account_is_what_the_service_tells_of_it(service: SigningService) -> None:
    async with await RemoteAccount.from_crypto_host(service.url) as account:
        assert account.get_address() == service.account.address
        assert account.get_public_key() == "0x02" + "11" * 32
        assert (account.CHAIN, account.CURVE) == ("ETH", "secp256k1")
        assert repr(account) == f"<RemoteAccount {service.account.address}>"
        signed = await account.sign_message(inline(service))
    assert signed["sender"] == service.account.address
    verify_message_signature(signed)


async def test_messages_and_files_are_published_with_its_signature(
    service: SigningService, node: DevNode, reader: AlephHttpClient
) -> None:
    node.fund(service.account.address)
    async with (
        await RemoteAccount.from_crypto_host(service.url) as account,
        AuthenticatedAlephHttpClient(account, node.url) as client,
    ):
        post, status = await client.create_post("from a machine", "note", sync=True)
        store, _ = await client.create_store(b"bytes", sync=True)
    assert status == "processed"
    async with AlephHttpClient(node.url, verify="signature") as strict:
        for message in (post, store):
            found = await strict.get_message(message.item_hash)
            assert found.sender == service.account.address
    # The host reads for whom the content is published, so it must be in what is signed.
    assert [message["item_content"] for message in service.received] == [
        post.item_content,
        store.item_content,
    ]


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    path = tmp_path / "crypto"
    with signing_service(path) as service:
        for host in ("http://localhost", None):
            async with await RemoteAccount.from_crypto_host(host, str(path)) as account:
                verify_message_signature(await account.sign_message(inline(service)))


async def test_a_machine_names_its_service_in_the_environment(
    service: SigningService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALEPH_REMOTE_CRYPTO_HOST", service.url)
    async with await RemoteAccount.from_crypto_host() as account:
        assert account.get_address() == service.account.address
    with signing_service(tmp_path / "crypto") as other:
        monkeypatch.setenv("ALEPH_REMOTE_CRYPTO_HOST", "http://localhost")
        monkeypatch.setenv("ALEPH_REMOTE_CRYPTO_UNIX_SOCKET", str(tmp_path / "crypto"))
        async with await RemoteAccount.from_crypto_host() as account:
            assert account.get_address() == other.account.address


async def test_without_any_service_the_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="ALEPH_REMOTE_CRYPTO_HOST"):
        await RemoteAccount.from_crypto_host()


async def test_a_host_that_is_no_url_is_refused() -> None:
    with pytest.raises(ArgumentError, match="host"):
        await RemoteAccount.from_crypto_host("localhost:4021")


async def test_a_service_that_is_not_there_is_a_transport_error(tmp_path: Path) -> None:
    with pytest.raises(TransportError):
        await RemoteAccount.from_crypto_host(unix_socket=str(tmp_path / "nothing"))


async def test_what_the_service_refuses_is_a_signing_error_with_its_words(
    service: SigningService, node: DevNode
) -> None:
    service.vm_hash = "cd" * 32
    async with (
        await RemoteAccount.from_crypto_host(service.url) as account,
        AuthenticatedAlephHttpClient(account, node.url) as client,
    ):
        with pytest.raises(SigningError, match="does not match VM item_hash") as caught:
            await client.create_post("x", "note")
    assert "item hash as address" in str(caught.value)


async def test_a_message_of_somebody_else_is_refused_before_the_service_is_asked(
    service: SigningService,
) -> None:
    async with await RemoteAccount.from_crypto_host(service.url) as account:
        with pytest.raises(ArgumentError, match="sender"):
            await account.sign_message({**inline(service), "sender": "0x" + "00" * 20})
    assert service.received == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"signature": "0x" + "11" * 65}, SigningError),
        ({"signature": None}, MalformedAnswerError),
        ({"signature": ["0x"]}, MalformedAnswerError),
        ({"item_hash": "cd" * 32}, MalformedAnswerError),
        ({"sender": "0x" + "00" * 20}, MalformedAnswerError),
    ],
)
async def test_a_signature_of_something_else_is_not_taken(
    service: SigningService, changes: dict[str, Any], error: type[Exception]
) -> None:
    async with await RemoteAccount.from_crypto_host(service.url) as account:
        service.changes = changes
        with pytest.raises(error):
            await account.sign_message(inline(service))


async def test_a_signature_that_covers_the_time_is_taken(
    service: SigningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = TezosAccount(bytes([1]) * 32, signing_type="micheline")
    properties = {
        "chain": account.CHAIN,
        "curve": account.CURVE,
        "address": account.get_address(),
        "public_key": account.get_public_key(),
    }
    shift = 0

    def sign(message: dict[str, Any]) -> tuple[int, object]:
        signed = account.sign_message({**message, "time": message["time"] + shift})
        return 200, {**signed, "time": message["time"]}

    monkeypatch.setattr(service, "properties", lambda: properties)
    monkeypatch.setattr(service, "sign", sign)
    async with await RemoteAccount.from_crypto_host(service.url) as remote:
        message = {**inline(service), "time": 1_700_000_000.5}
        verify_message_signature(await remote.sign_message(message))
        shift = 60
        with pytest.raises(SigningError):
            await remote.sign_message(message)


async def test_a_key_without_an_address_is_malformed(
    service: SigningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "properties", lambda: {"chain": "ETH", "public_key": "0x"})
    with pytest.raises(MalformedAnswerError, match="address"):
        await RemoteAccount.from_crypto_host(service.url)


async def test_a_host_that_is_no_signing_service_is_an_api_error(node: DevNode) -> None:
    with pytest.raises(ApiError):
        await RemoteAccount.from_crypto_host(node.url)


async def test_a_chain_that_cannot_be_verified_here_is_signed_for_all_the_same(
    service: SigningService,
) -> None:
    service.chain = "STT"
    async with await RemoteAccount.from_crypto_host(service.url) as account:
        assert (await account.sign_message(inline(service)))["chain"] == "STT"


async def test_bytes_are_not_signed_by_a_service(service: SigningService) -> None:
    async with await RemoteAccount.from_crypto_host(service.url) as account:
        with pytest.raises(SigningError, match="messages only"):
            await account.sign_raw(b"x")


async def test_a_closed_account_says_so(service: SigningService) -> None:
    account = await RemoteAccount.from_crypto_host(service.url)
    await account.aclose()
    await account.aclose()
    with pytest.raises(ClosedClientError):
        await account.sign_message(inline(service))
