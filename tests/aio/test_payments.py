"""Payments against endpoints that say what they like; `tests/aio/payg` has a real chain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aleph_message.models import Chain

import aleph_core.accounts
from aleph_async import (
    AlephError,
    ApiError,
    ArgumentError,
    ConfigurationError,
    ETHAccount,
    EVMAccount,
    FlowExistsError,
    FlowUpdate,
    InsufficientDepositError,
    InsufficientFundsError,
    InsufficientGasError,
    LedgerETHAccount,
    RevertedError,
    RpcError,
    Settings,
    TransactionTimeout,
    TransportError,
    WrongChainError,
    load_account,
)
from aleph_async._runtime import gather
from tests.evm_endpoint import COIN, GWEI, Endpoint, Refused, endpoint
from tests.hostile import HostileServer, Peer, answer

pytestmark = pytest.mark.anyio

KEY = "11" * 32
RECEIVER = "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"
COMMUNITY = "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56"
RATE = Decimal("0.00001")
WORDS = "test test test test test test test test test test test junk"


@pytest.fixture
def chain() -> Iterator[Endpoint]:
    with endpoint() as running:
        yield running


@pytest.fixture
async def payer(chain: Endpoint) -> AsyncIterator[ETHAccount]:
    account = EVMAccount(KEY, chain=Chain.AVAX)
    account.switch_chain(rpc=chain.url)
    yield account
    await account.aclose()


def raises(*args: Any, **data: Any) -> Any:
    """Refuse whatever is asked."""

    def refuse(*params: Any) -> None:
        raise Refused(*args, **data)

    return refuse


@pytest.mark.parametrize(
    "account",
    [
        ETHAccount(KEY),
        EVMAccount(KEY, "AVAX"),
        ETHAccount.generate("BASE"),
        ETHAccount.from_mnemonic(WORDS),
        load_account(KEY),
        load_account(KEY, chain="AVAX"),
        load_account(WORDS, chain="BASE"),
    ],
    ids=["key", "evm", "generated", "mnemonic", "loaded", "loaded for AVAX", "loaded words"],
)
async def test_every_ethereum_account_of_this_package_can_pay(account: Any) -> None:
    assert type(account) is ETHAccount
    assert isinstance(account, aleph_core.accounts.ETHAccount)
    assert callable(account.create_flow)


async def test_an_account_from_a_file_can_pay(tmp_path: Path) -> None:
    file = tmp_path / "keystore.json"
    keystore = ETHAccount(KEY).export_keystore("secret", kdf="pbkdf2", iterations=1)
    file.write_text(json.dumps(keystore))
    file.chmod(0o600)
    loaded = load_account(private_key_path=file, password="secret", chain="AVAX")
    assert type(loaded) is ETHAccount
    assert loaded.network == "AVAX"
    settings = Settings.from_environment({"HOME": str(tmp_path)})
    assert type(load_account(settings=settings)) is ETHAccount


async def test_an_account_of_the_core_is_loaded_where_it_is_asked_for() -> None:
    kind = aleph_core.accounts.ETHAccount
    assert type(load_account(KEY, account_type=kind)) is kind


async def test_accounts_on_devices_can_pay() -> None:
    assert issubclass(LedgerETHAccount, aleph_core.accounts.LedgerETHAccount)
    account = LedgerETHAccount("44'/60'/0'/0/0", RECEIVER, "0x02", "AVAX")
    assert (account.network, account.CHAIN) == ("AVAX", "ETH")
    account.switch_chain("BASE")
    assert (account.network, account.CHAIN) == ("BASE", "ETH")
    assert account.payment_network.chain_id == 8453


async def test_the_chain_of_payments_is_not_that_of_messages() -> None:
    account = ETHAccount(KEY, "BASE")
    assert (account.CHAIN, account.network) == ("BASE", "BASE")
    account.switch_chain(Chain.AVAX)
    assert (account.CHAIN, account.network) == ("BASE", "AVAX")
    assert account.payment_network.chain_id == 43_114
    with pytest.raises(ArgumentError, match="chain"):
        account.switch_chain("DOGE")
    assert account.network == "AVAX"


async def test_endpoints_come_from_variables_and_an_accounts_own_come_first(
    chain: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEPH_CHAINS_AVAX_RPC", chain.url)
    monkeypatch.setenv("ALEPH_CHAINS_AVAX_TOKEN", COMMUNITY)
    account = ETHAccount(KEY, "AVAX")
    assert await account.get_eth_balance() == 1
    assert account.payment_network.token == COMMUNITY
    with endpoint() as other:
        other.says["eth_getBalance"] = hex(7 * COIN)
        account.switch_chain(rpc=other.url)
        assert await account.get_eth_balance() == 7
        assert account.payment_network.token == COMMUNITY
        account.switch_chain("AVAX")
        assert await account.get_eth_balance() == 1
        other.says["eth_getBalance"] = hex(8 * COIN)
        settings = Settings.from_environment({"ALEPH_CHAINS_AVAX_RPC": other.url})
        account.switch_chain(settings=settings)
        assert await account.get_eth_balance() == 8
    await account.aclose()


async def test_balances_are_tokens(chain: Endpoint, payer: ETHAccount) -> None:
    chain.says["eth_getBalance"] = hex(15 * COIN // 10)
    chain.values["balanceOf"] = [25 * COIN // 100]
    assert await payer.get_eth_balance() == Decimal("1.5")
    assert await payer.get_token_balance() == Decimal("0.25")
    assert await payer.get_super_token_balance() == Decimal("0.25")
    assert chain.methods == [["eth_chainId", "eth_getBalance"], ["eth_call"], ["eth_call"]]


async def test_a_stream_is_signed_for_the_chain_and_its_fees(
    chain: Endpoint, payer: ETHAccount
) -> None:
    receipt = await payer.create_flow(RECEIVER, RATE)
    ((sender, transaction),) = chain.transactions()
    assert sender == payer.get_address()
    assert transaction["chainId"] == 43_114
    assert transaction["nonce"] == 7
    assert transaction["gas"] == 360_000
    assert transaction["maxFeePerGas"] == 51 * GWEI
    assert transaction["maxPriorityFeePerGas"] == GWEI
    assert transaction["value"] == 0
    assert transaction["data"].hex().startswith("e15536b6")
    assert (receipt.block, receipt.gas) == (16, 200_000)
    assert receipt.fee == Decimal("0.0052")
    assert str(receipt) == receipt.hash


async def test_an_instance_is_paid_by_one_transaction(chain: Endpoint, payer: ETHAccount) -> None:
    await payer.open_payg(RECEIVER, RATE, COMMUNITY, RATE / 4)
    chain.values["getFlowInfo"] = [1, 5 * 10**12, COIN, 0]
    await payer.manage_flow(RECEIVER, RATE, FlowUpdate.INCREASE)
    await payer.manage_flow(RECEIVER, RATE, "reduce")
    chain.values["getFlowInfo"] = [0, 0, 0, 0]
    assert await payer.close_payg(RECEIVER, RATE, COMMUNITY, RATE) is None
    kinds = [transaction["data"].hex()[:8] for _, transaction in chain.transactions()]
    assert kinds == ["6ad3ca7d", "0c033991", "b4b333c6"]
    await payer.update_flow(RECEIVER, RATE)
    await payer.delete_flow(RECEIVER)
    assert len(chain.sent) == 5


async def test_a_flow_tells_of_its_sender(chain: Endpoint, payer: ETHAccount) -> None:
    chain.values["getFlowInfo"] = [1_800_000_000, 10**13, COIN, 0]
    chain.values["realtimeBalanceOfNow"] = [-COIN, COIN, 0, 1_800_000_100]
    chain.values["getAccountFlowrate"] = [-(10**13)]
    flow = await payer.get_flow(RECEIVER.lower(), COMMUNITY)
    assert (flow.sender, flow.receiver) == (COMMUNITY, RECEIVER)
    assert (flow.rate, flow.deposit, flow.updated) == (RATE, 1, 1_800_000_000)
    assert not flow.sender_can_pay
    assert len(chain.methods) == 1


async def test_payments_at_once_take_one_nonce_after_the_other(
    chain: Endpoint, payer: ETHAccount
) -> None:
    """The endpoint has not heard yet of what was sent a moment ago."""
    twin = ETHAccount(KEY, "AVAX")
    twin.switch_chain(rpc=chain.url)

    async def one() -> None:
        await payer.create_flow(RECEIVER, RATE)

    async def two() -> None:
        await twin.create_flow(COMMUNITY, RATE)

    await gather([one, two])
    assert sorted(transaction["nonce"] for _, transaction in chain.transactions()) == [7, 8]
    await twin.aclose()


async def test_what_streams_do_not_flow_on_is_said_before_anything_is_asked(
    chain: Endpoint, payer: ETHAccount
) -> None:
    payer.switch_chain("ARB", rpc=chain.url)
    with pytest.raises(ConfigurationError, match="switch_chain to one of AVAX, BASE"):
        await payer.create_flow(RECEIVER, RATE)
    with pytest.raises(ConfigurationError, match="super token"):
        await payer.get_super_token_balance()
    with pytest.raises(ConfigurationError, match="ALEPH token on ARB"):
        await payer.get_token_balance()
    assert chain.methods == []


async def test_an_endpoint_that_is_no_url_is_refused_without_showing_it(
    payer: ETHAccount,
) -> None:
    payer.switch_chain("AVAX", rpc="ftp://user:secret@host/key")
    with pytest.raises(ConfigurationError, match="ALEPH_CHAINS_AVAX_RPC") as caught:
        await payer.get_eth_balance()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_keys_of_endpoints_show_nowhere(chain: Endpoint, payer: ETHAccount) -> None:
    payer.switch_chain(rpc=chain.url + "/v3/secret")
    chain.says["eth_getBalance"] = raises("limit exceeded", -32_005)
    with pytest.raises(RpcError, match="limit exceeded") as caught:
        await payer.get_eth_balance()
    connection = payer._wallet.connection
    for text in (str(caught.value), repr(payer), repr(payer.payment_network), repr(connection)):
        assert "secret" not in text
    assert caught.value.code == -32_005


async def test_another_chain_is_not_paid_on(payer: ETHAccount) -> None:
    with endpoint(chain_id=1) as other:
        payer.switch_chain(rpc=other.url)
        with pytest.raises(WrongChainError) as caught:
            await payer.create_flow(RECEIVER, RATE)
        assert (caught.value.expected, caught.value.found) == (43_114, 1)
        assert other.sent == []
        other.says["eth_chainId"] = raises("no idea")
        with pytest.raises(RpcError, match="no idea"):
            await payer.create_flow(RECEIVER, RATE)


async def test_an_endpoint_that_steps_in_is_asked_for_its_chain(payer: ETHAccount) -> None:
    with endpoint() as first, endpoint(chain_id=1) as second:
        payer.switch_chain(rpc=[first.url, second.url])
        await payer.create_flow(RECEIVER, RATE)
        first.says["eth_estimateGas"] = raises("header not found")
        with pytest.raises(WrongChainError):
            await payer.create_flow(RECEIVER, RATE)
        assert second.sent == []


async def test_a_dead_endpoint_is_passed_over(chain: Endpoint, payer: ETHAccount) -> None:
    with HostileServer(answer("<html>", status=403)) as forbidden:
        payer.switch_chain(rpc=f"http://127.0.0.1:1, {forbidden.url}, {chain.url}")
        assert await payer.get_eth_balance() == 1
        assert await payer.get_eth_balance() == 1
        # A list of questions, and the first one alone.
        assert len(forbidden.requests) == 2
    payer.switch_chain(rpc="http://127.0.0.1:1")
    with pytest.raises(TransportError, match="cannot connect"):
        await payer.get_eth_balance()


async def test_questions_are_asked_one_by_one_where_they_must_be(
    chain: Endpoint, payer: ETHAccount
) -> None:
    def refuse(peer: Peer, methods: list[str]) -> bool:
        if len(methods) > 1:
            answer("batches are not taken", status=400, read_body=False)(peer)
        return len(methods) > 1

    chain.interrupt = refuse
    assert await payer.can_start_flow(RATE)
    assert await payer.get_flow(RECEIVER) is not None
    assert sum(len(methods) > 1 for methods in chain.methods) == 1


@pytest.mark.parametrize("block", [True, False])
async def test_what_is_missing_for_a_flow_is_told(
    chain: Endpoint, payer: ETHAccount, block: bool
) -> None:
    chain.values["getBufferAmountByFlowrate"] = [11 * COIN]
    assert await failing(payer, block) is InsufficientDepositError
    chain.values["getBufferAmountByFlowrate"] = [COIN]
    chain.says["eth_getBalance"] = "0x5"
    assert await failing(payer, block) is InsufficientGasError
    chain.says["eth_estimateGas"] = raises("execution reverted", 3, data="0xa47338ef")
    assert await failing(payer, block) is RevertedError
    chain.says["eth_estimateGas"] = raises("the moon is full")
    with pytest.raises(RpcError):
        await payer.can_start_flow(RATE, block=block)
    chain.says["eth_feeHistory"] = raises("method not found")
    with pytest.raises(RpcError):
        await payer.can_start_flow(RATE, block=block)


async def failing(payer: ETHAccount, block: bool) -> type[AlephError] | None:
    if not block:
        assert await payer.can_start_flow(RATE, block=False) is False
    with pytest.raises(AlephError) as caught:
        await payer.can_start_flow(RATE)
    return type(caught.value)


async def test_what_a_transaction_is_is_checked(chain: Endpoint, payer: ETHAccount) -> None:
    assert await payer.can_transact({"to": RECEIVER, "data": "0x1234", "value": 5})
    assert await payer.can_transact({"to": RECEIVER, "data": b"\x12"})
    for wrong in ({}, {"to": RECEIVER, "data": "0xz"}, {"to": RECEIVER, "data": 5}, "tx"):
        with pytest.raises(ArgumentError, match="tx"):
            await payer.can_transact(wrong)  # type: ignore[arg-type]
    for value in (-1, "5", 2**256):
        with pytest.raises(ArgumentError, match="value"):
            await payer.can_transact({"to": RECEIVER, "value": value})
    chain.says["eth_estimateGas"] = raises("insufficient funds for transfer")
    with pytest.raises(InsufficientGasError) as caught:
        await payer.can_transact({"to": RECEIVER, "value": 2 * COIN})
    assert caught.value.available == 1
    chain.says["eth_estimateGas"] = hex(21_000)
    chain.says["eth_getBalance"] = "0x0"
    assert not await payer.can_transact({"to": RECEIVER}, block=False)
    with pytest.raises(InsufficientFundsError):
        await payer.can_transact({"to": RECEIVER})


async def test_a_deposit_that_is_not_covered_has_numbers(
    chain: Endpoint, payer: ETHAccount
) -> None:
    hardhat = {"message": "reverted", "data": "0xea76c9b3"}
    chain.says["eth_estimateGas"] = raises("Internal error", -32_603, data=hardhat)
    chain.values["getBufferAmountByFlowrate"] = [12 * COIN]
    chain.values["getFlowInfo"] = [1, 1, COIN, 0]
    with pytest.raises(InsufficientDepositError) as caught:
        await payer.update_flow(RECEIVER, RATE)
    assert (caught.value.required, caught.value.available) == (11, 10)
    # The numbers may be out of reach.
    chain.says["eth_call"] = raises("out of order")
    with pytest.raises(InsufficientDepositError) as unknown:
        await payer.update_flow(RECEIVER, RATE)
    assert unknown.value.required is not None
    assert Decimal("0.144") <= unknown.value.required < Decimal("0.14401")
    assert unknown.value.available is None
    assert chain.sent == []


async def test_coins_that_a_node_misses_have_numbers(chain: Endpoint, payer: ETHAccount) -> None:
    chain.says["eth_sendRawTransaction"] = raises("insufficient funds for gas * price + value")
    with pytest.raises(InsufficientGasError) as caught:
        await payer.create_flow(RECEIVER, RATE)
    assert caught.value.required == Decimal("0.01836")
    assert caught.value.available == 1

    asked: list[str] = []

    def once(address: str, block: str) -> str:
        if asked:
            raise Refused("out of order")
        asked.append(address)
        return hex(COIN)

    chain.says["eth_getBalance"] = once
    with pytest.raises(InsufficientGasError) as unknown:
        await payer.create_flow(RECEIVER, RATE)
    assert unknown.value.available is None


async def test_what_an_endpoint_has_already_is_sent(chain: Endpoint, payer: ETHAccount) -> None:
    chain.says["eth_sendRawTransaction"] = raises("already known")
    assert (await payer.create_flow(RECEIVER, RATE)).succeeded
    chain.says["eth_sendRawTransaction"] = raises("nonce too low")
    chain.says["eth_getTransactionByHash"] = lambda known: {"hash": known}
    assert (await payer.create_flow(RECEIVER, RATE)).succeeded


async def test_a_nonce_that_is_taken_is_chosen_anew(chain: Endpoint, payer: ETHAccount) -> None:
    counts = iter(["0x7", "0x8"])
    chain.says["eth_getTransactionCount"] = lambda *params: next(counts)
    take, refusals = chain.says["eth_sendRawTransaction"], iter([True])

    def refuse_once(raw: str) -> str:
        if next(refusals, False):
            raise Refused("nonce too low")
        return str(take(raw))

    chain.says["eth_sendRawTransaction"] = refuse_once
    await payer.create_flow(RECEIVER, RATE)
    ((_, transaction),) = chain.transactions()
    assert transaction["nonce"] == 8


@pytest.mark.parametrize("how", ["cut", "gateway"])
async def test_a_transaction_may_be_taken_although_no_answer_says_so(
    chain: Endpoint, payer: ETHAccount, how: str
) -> None:
    raw: list[bytes] = []

    def lose(peer: Peer, methods: list[str]) -> bool:
        if methods != ["eth_sendRawTransaction"]:
            return False
        raw.append(peer.request.body)
        if how == "cut":
            peer.reset()
        answer("<html>", status=502, read_body=False)(peer)
        return True

    chain.interrupt = lose
    receipt = await payer.create_flow(RECEIVER, RATE)
    assert receipt.succeeded
    assert len(raw) > 1
    assert len(set(raw)) == 1


async def test_a_refusal_that_nobody_knows_stays_what_it_is(
    chain: Endpoint, payer: ETHAccount
) -> None:
    chain.says["eth_sendRawTransaction"] = raises("the moon is full")
    with pytest.raises(RpcError, match="the moon is full"):
        await payer.create_flow(RECEIVER, RATE)
    chain.interrupt = lambda peer, methods: (
        methods == ["eth_sendRawTransaction"]
        and answer("<html>", status=403, read_body=False)(peer) is None
    )
    with pytest.raises(ApiError, match="403"):
        await payer.create_flow(RECEIVER, RATE)


async def test_a_mined_transaction_without_effect_is_an_error(
    chain: Endpoint, payer: ETHAccount
) -> None:
    chain.says["eth_getTransactionReceipt"] = lambda known: chain.receipt(known, status=0)
    chain.says["eth_call"] = raises("execution reverted", 3, data="0x801b6863")
    with pytest.raises(FlowExistsError, match="mined to no effect") as caught:
        await payer.create_flow(RECEIVER, RATE)
    assert caught.value.transaction_hash is not None
    chain.says["eth_call"] = "0x"
    chain.says["eth_getTransactionReceipt"] = lambda known: chain.receipt(
        known, status=0, gas=359_000
    )
    with pytest.raises(RevertedError, match="ran out of its 360000 gas"):
        await payer.create_flow(RECEIVER, RATE)


async def test_waiting_ends_with_the_time_and_names_the_trouble(
    chain: Endpoint, payer: ETHAccount
) -> None:
    chain.says["eth_getTransactionReceipt"] = lambda known: None
    with pytest.raises(TransactionTimeout) as caught:
        await payer.create_flow(RECEIVER, RATE, timeout=0.3)
    assert caught.value.__cause__ is None
    assert caught.value.transaction_hash is not None
    chain.says["eth_getTransactionReceipt"] = raises("out of order")
    with pytest.raises(TransactionTimeout) as troubled:
        await payer.create_flow(RECEIVER, RATE, timeout=0.3)
    assert isinstance(troubled.value.__cause__, RpcError)


@pytest.mark.parametrize(
    ("read", "arguments"),
    [
        ("get_eth_balance", ()),
        ("get_token_balance", ()),
        ("get_super_token_balance", ()),
        ("get_flow", (RECEIVER,)),
        ("close_payg", (RECEIVER, RATE, COMMUNITY, RATE)),
        ("manage_flow", (RECEIVER, RATE, "reduce")),
    ],
)
async def test_another_chain_is_not_read(
    payer: ETHAccount, read: str, arguments: tuple[Any, ...]
) -> None:
    """On which the same contracts may have the same addresses, and other balances and flows."""
    with endpoint(8453) as other:
        payer.switch_chain(rpc=other.url)
        with pytest.raises(WrongChainError, match="serves the chain 8453"):
            await getattr(payer, read)(*arguments)


@pytest.mark.parametrize("how", ["failure", "page", "timeout", "internal"])
async def test_a_failure_while_sending_does_not_say_that_nothing_was_sent(
    chain: Endpoint, payer: ETHAccount, how: str
) -> None:
    def lose(peer: Peer, methods: list[str]) -> bool:
        if methods != ["eth_sendRawTransaction"]:
            return False
        chain._take(json.loads(peer.request.body)["params"][0])
        error = {
            "timeout": {"code": -32_000, "message": "request timed out"},
            "internal": {"code": -32_603, "message": "Internal error"},
        }.get(how)
        body = "<html>" if error is None else {"jsonrpc": "2.0", "id": 1, "error": error}
        answer(body, status=500 if how == "failure" else 200, read_body=False)(peer)
        return True

    chain.interrupt = lose
    receipt = await payer.open_payg(RECEIVER, RATE, COMMUNITY, RATE)
    assert receipt.succeeded
    assert len(chain.transactions()) == 1
    chain.says["eth_getTransactionReceipt"] = lambda known: None
    with pytest.raises(TransactionTimeout) as caught:
        await payer.open_payg(RECEIVER, RATE, COMMUNITY, RATE, timeout=0.3)
    assert caught.value.transaction_hash is not None
    assert isinstance(caught.value.__cause__, ApiError)


async def test_no_log_shows_the_key_in_the_url_of_an_endpoint(
    chain: Endpoint, payer: ETHAccount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    payer.switch_chain(rpc=f"{chain.url}/v3/secret")
    assert await payer.get_eth_balance() == 1
    assert f"{chain.url}/… " in caplog.text
    assert "secret" not in caplog.text
