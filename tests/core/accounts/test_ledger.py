"""Ledger accounts against a device that speaks its own protocol, over TCP and over USB reports."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from eth_account.typed_transactions import TypedTransaction
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ledgereth", reason="the ledger extra is not installed")

import ledgerblue.comm
import ledgerblue.commTCP

from aleph_core.accounts import (
    Account,
    ETHAccount,
    LedgerAccount,
    LedgerETHAccount,
    get_fallback_account,
)
from aleph_core.accounts.ledger import _read_path, _show_path
from aleph_core.errors import ArgumentError, SigningError
from aleph_core.signatures import verify_message_signature
from tests.ledger_device import (
    LOCKED,
    MNEMONIC,
    NO_APP,
    REFUSED,
    EthereumApp,
    TcpDevice,
    UsbDevice,
    cut,
    in_segments,
    silent,
    tcp_device,
)

# Recorded from Ledger's Ethereum app 1.22, which was set up with the mnemonic of the double.
ADDRESSES = [
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650",
    "0x98e503f35D0a019cB0a251aD243a4cCFCF371F46",
    "0xCB9fA1eA9b8A3bf422a8639f23Df77ea66020eC2",
    "0xEFDd9Ca0e063Bd6974D8fa944A747620fe7032E3",
]
PUBLIC_KEY = (
    "048318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75"
    "3547f11ca8696646f2f3acb08e31016afac23e630c5d11f59f61fef57b0d2aa5"
)
PATH = "058000002c8000003c800000000000000000000000"
EXCHANGES = {
    "address": (
        [f"e002000015{PATH}"],
        [f"41{PUBLIC_KEY}28{ADDRESSES[0][2:].encode().hex()}9000"],
    ),
    "hello": (
        [f"e00800001e{PATH}0000000568656c6c6f"],
        [
            (
                "1cf16ea9a3478698f695fd1401bfe27e9e4a7e8e3da94aa72b021125e31fa899cc"
                "573c48ea3fe1d4ab61a9db10c19032026e3ed2dbccba5a178235ac27f94504319000"
            )
        ],
    ),
    "300 letters": (
        [f"e0080000ff{PATH}0000012c" + "61" * 230, "e008800046" + "61" * 70],
        [
            "9000",
            (
                "1c2328ab0cf2c6e89c218bbca943bdac0b978fb952619897056125b6356a05baef"
                "52a7d94388eb6b41138134498e0d825dacf9d82bd5e9926565af1a09ce94563e9000"
            ),
        ],
    ),
}
POST = {"type": "POST", "item_hash": "ab" * 32}


@pytest.fixture
def app() -> EthereumApp:
    return EthereumApp()


@pytest.fixture
def tcp(app: EthereumApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpDevice]:
    """The device behind the proxy variables of ledgerblue, which reads them when it is imported."""
    with tcp_device(app) as device:
        monkeypatch.setattr(ledgerblue.comm, "TCP_PROXY", (device.host, device.port))
        yield device


@pytest.fixture
def usb(app: EthereumApp, monkeypatch: pytest.MonkeyPatch) -> UsbDevice:
    device = UsbDevice(app)
    monkeypatch.setattr(ledgerblue.comm, "TCP_PROXY", None)
    monkeypatch.setattr(ledgerblue.comm, "hid", device)
    return device


@pytest.fixture(params=["tcp", "usb"])
def either(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def personal(message: bytes, index: int = 0) -> bytes:
    EthAccount.enable_unaudited_hdwallet_features()
    signer = EthAccount.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/{index}'/0/0")
    return bytes(signer.sign_message(encode_defunct(message)).signature)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_double_answers_as_the_real_app_did(app: EthereumApp, name: str) -> None:
    commands, answers = EXCHANGES[name]
    given = [app.exchange(bytes.fromhex(command)) for command in commands]
    assert [(data + status.to_bytes(2, "big")).hex() for data, status in given] == answers


def test_the_commands_are_those_that_the_real_app_took(tcp: TcpDevice, app: EthereumApp) -> None:
    account = get_fallback_account()
    account.sign_raw(b"hello")
    account.sign_raw(b"a" * 300)
    sent = [command.hex() for command in app.commands]
    assert sent == [command for commands, _ in EXCHANGES.values() for command in commands]


@pytest.mark.usefixtures("either")
def test_the_first_account_shows_what_the_device_told_of_it() -> None:
    account = get_fallback_account()
    assert isinstance(account, LedgerETHAccount)
    assert LedgerAccount is LedgerETHAccount
    assert isinstance(account, Account)
    assert account.interactive is True
    assert (account.CHAIN, account.CURVE) == ("ETH", "secp256k1")
    assert account.get_address() == ADDRESSES[0]
    assert account.get_public_key() == "0x03" + PUBLIC_KEY[2:66]
    assert account.path == "44'/60'/0'/0/0"
    assert repr(account) == f"<LedgerETHAccount {ADDRESSES[0]} 44'/60'/0'/0/0>"


def test_asking_for_an_account_shows_no_prompt(tcp: TcpDevice, app: EthereumApp) -> None:
    LedgerETHAccount.get_accounts(count=2)
    assert app.shown == []


@pytest.mark.usefixtures("either")
def test_a_message_is_signed_as_nodes_accept_it(app: EthereumApp) -> None:
    account = LedgerETHAccount.from_path("m/44h/60h/1h/0/0", chain="BASE")
    signed = account.sign_message(POST)
    assert (signed["chain"], signed["sender"]) == ("BASE", ADDRESSES[1])
    verify_message_signature(signed)
    text = f"BASE\n{ADDRESSES[1]}\nPOST\n{'ab' * 32}"
    assert app.shown == [text]
    assert signed["signature"] == "0x" + personal(text.encode(), 1).hex()


@pytest.mark.usefixtures("tcp")
@pytest.mark.parametrize(("chain", "published"), [(None, "ETH"), ("AVAX", "ETH"), ("ARB", "ARB")])
def test_the_chain_is_one_that_ethereum_keys_publish_under(
    chain: str | None, published: str
) -> None:
    account = get_fallback_account(chain=chain)
    assert published == account.CHAIN
    assert account.network == (chain or "ETH")


@pytest.mark.usefixtures("tcp")
def test_a_chain_of_other_keys_is_refused_before_the_device_is_asked(app: EthereumApp) -> None:
    with pytest.raises(ArgumentError, match="chain"):
        get_fallback_account(chain="SOL")
    assert app.commands == []


# 230 bytes fill the first command and 255 each further one: at 485 and 740 the published library
# loses the signature.
@pytest.mark.usefixtures("tcp")
@pytest.mark.parametrize("size", [0, 1, 229, 230, 231, 484, 485, 486, 740, 4096])
def test_a_message_of_any_length_is_signed(app: EthereumApp, size: int) -> None:
    message = bytes(index % 251 for index in range(size))
    assert get_fallback_account().sign_raw(message) == personal(message)
    assert all(len(command) > 5 for command in app.commands)


def test_over_usb_long_messages_are_signed_too(usb: UsbDevice) -> None:
    message = bytes(range(256)) * 2
    assert get_fallback_account().sign_raw(message) == personal(message)
    assert usb.opened == 0


@pytest.mark.usefixtures("tcp")
def test_accounts_are_numbered_as_ledger_live_does() -> None:
    accounts = LedgerETHAccount.get_accounts()
    assert [account.get_address() for account in accounts] == ADDRESSES
    assert accounts[3].path == "44'/60'/3'/0/0"


@pytest.mark.usefixtures("tcp")
@pytest.mark.parametrize("spell", [str, str.lower])
def test_an_account_is_found_by_its_address(app: EthereumApp, spell: Any) -> None:
    account = LedgerETHAccount.from_address(spell(ADDRESSES[2]))
    assert account.path == "44'/60'/2'/0/0"
    assert len(app.commands) == 3


@pytest.mark.usefixtures("tcp")
def test_an_address_of_another_device_is_an_error_and_no_nothing() -> None:
    with pytest.raises(SigningError, match=r"none of the first 2 accounts .*from_path"):
        LedgerETHAccount.from_address(ETHAccount.generate().get_address(), count=2)


@pytest.mark.usefixtures("tcp")
@pytest.mark.parametrize("count", [0, -1, True, 1.5, "2"])
def test_a_count_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(ArgumentError, match="count"):
        LedgerETHAccount.get_accounts(count=count)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "m",
        "44'/60'/x",
        "44''/60'",
        "44'/60'/-1",
        "2147483648",
        "44'/60'/٣",
        "00000000000",
        "000000000015",
        "/".join("1" * 11),
    ],
)
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ArgumentError, match="path"):
        LedgerETHAccount.from_path(path)


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), min_size=1, max_size=10))
def test_paths_are_encoded_as_the_device_reads_them(elements: list[tuple[int, bool]]) -> None:
    path = "/".join(f"{number}'" if hard else str(number) for number, hard in elements)
    encoded = _read_path(path)
    assert encoded[0] == len(elements)
    assert encoded[1:] == b"".join(
        (number + 2**31 * hard).to_bytes(4, "big") for number, hard in elements
    )
    assert _show_path(encoded) == path


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (LOCKED, "locked: enter its PIN"),
        (0x6B0C, "locked: enter its PIN"),
        (0x6804, "locked: enter its PIN"),
        (NO_APP, "Ethereum app is not open .* open it"),
        (0x6D00, "Ethereum app is not open .* open it"),
        (0x6D02, "Ethereum app is not open .* open it"),
        (0x6E00, "Ethereum app is not open .* open it"),
        (0x6E01, "Ethereum app is not open .* open it"),
        (REFUSED, "refused on the screen .* approve it"),
        (0x6982, "refused on the screen .* approve it"),
        (0x6A80, "invalid: update"),
        (0x6F00, "answered 6f00: restart"),
        (0x1234, "answered 1234: restart"),
    ],
)
def test_every_status_of_the_device_says_what_to_do(
    either: object, app: EthereumApp, status: int, advice: str
) -> None:
    account = get_fallback_account()
    app.failure = status
    with pytest.raises(SigningError, match=advice) as caught:
        account.sign_message(POST)
    assert caught.value.status_word == status
    with pytest.raises(SigningError, match=advice):
        get_fallback_account()
    app.failure = None
    verify_message_signature(account.sign_message(POST))


@pytest.mark.usefixtures("tcp")
def test_a_path_of_another_coin_is_explained() -> None:
    with pytest.raises(SigningError, match="starts with 44'/60'") as caught:
        LedgerETHAccount.from_path("44'/0'/0'/0/0")
    assert caught.value.status_word == 0x6A15


@pytest.mark.usefixtures("either")
def test_a_refusal_on_the_screen_signs_nothing_and_the_next_time_can_be_approved(
    app: EthereumApp,
) -> None:
    answers = iter([False, True])
    app.decide = lambda shown: next(answers)
    account = get_fallback_account()
    with pytest.raises(SigningError, match="refused on the screen") as caught:
        account.sign_raw(b"x")
    assert pickle.loads(pickle.dumps(caught.value)).status_word == REFUSED
    assert account.sign_raw(b"x") == personal(b"x")


def test_no_device_is_explained(usb: UsbDevice) -> None:
    usb.present = False
    with pytest.raises(SigningError, match="no Ledger device was found: plug it in"):
        get_fallback_account()


def test_a_device_without_permission_is_explained(usb: UsbDevice) -> None:
    usb.locked_away = True
    with pytest.raises(SigningError, match=r"udev rules .* Ledger Live"):
        get_fallback_account()


def test_a_device_that_was_unplugged_is_explained_and_may_come_back(usb: UsbDevice) -> None:
    account = get_fallback_account()
    usb.present = False
    with pytest.raises(SigningError, match="no Ledger device was found"):
        account.sign_raw(b"x")
    usb.present = True
    assert account.sign_raw(b"x") == personal(b"x")


@pytest.mark.parametrize("moment", ["before the command is written", "while the person decides"])
def test_unplugging_during_an_exchange_is_explained(
    usb: UsbDevice, app: EthereumApp, moment: str
) -> None:
    account = get_fallback_account()

    def pull(shown: str) -> bool:
        usb.unplugged = True
        return True

    if moment.startswith("while"):
        app.decide = pull
    else:
        usb.unplugged = True
    with pytest.raises(SigningError, match=r"connection .* was lost, nothing was signed"):
        account.sign_raw(b"x")
    assert usb.opened == 0
    usb.unplugged = False
    app.decide = lambda shown: True
    assert account.sign_raw(b"x") == personal(b"x")


def test_a_connection_cut_in_the_middle_of_an_answer_is_explained(tcp: TcpDevice) -> None:
    account = get_fallback_account()
    normal, tcp.send = tcp.send, cut
    with pytest.raises(SigningError, match="was lost"):
        account.sign_raw(b"x")
    tcp.send = normal
    assert account.sign_raw(b"x") == personal(b"x")


def test_an_answer_in_many_segments_is_one_answer(tcp: TcpDevice) -> None:
    tcp.send = in_segments
    assert get_fallback_account().sign_raw(b"x") == personal(b"x")


@pytest.mark.usefixtures("tcp")
def test_no_answer_ends_the_wait(tcp: TcpDevice) -> None:
    account = get_fallback_account(timeout=0.2)
    tcp.send = silent
    with pytest.raises(SigningError, match="did not answer in time"):
        account.sign_raw(b"x")


def test_no_answer_over_usb_ends_the_wait(usb: UsbDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    account = get_fallback_account(timeout=0.2)
    monkeypatch.setattr(usb, "read", lambda length, timeout_ms=0: [])
    with pytest.raises(SigningError, match="did not answer in time"):
        account.sign_raw(b"x")


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_none_is_refused(tcp: TcpDevice, timeout: float) -> None:
    with pytest.raises(ArgumentError, match="timeout"):
        get_fallback_account(timeout=timeout)
    assert tcp.connections == 0


# The library drops a socket that could not connect without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_refused_connection_is_a_missing_device(
    app: EthereumApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tcp_device(app) as device:
        pass
    monkeypatch.setattr(ledgerblue.comm, "TCP_PROXY", (device.host, device.port))
    with pytest.raises(SigningError, match="no Ledger device was found"):
        get_fallback_account()


def test_another_device_than_the_one_the_account_is_of_is_noticed(tcp: TcpDevice) -> None:
    account = get_fallback_account()
    tcp.app = EthereumApp(
        "legal winner thank year wave sausage worth useful legal winner thank yellow"
    )
    with pytest.raises(SigningError, match=f"another key than that of {ADDRESSES[0]}"):
        account.sign_message(POST)


@pytest.mark.parametrize("answer", [b"", b"\x00" * 65, b"\x41" + b"\xff" * 106, b"\x1c" * 64])
def test_an_answer_that_the_app_would_not_give_is_no_success(
    tcp: TcpDevice, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    account = get_fallback_account()
    monkeypatch.setattr(tcp.app, "exchange", lambda command: (answer, 0x9000))
    with pytest.raises(SigningError):
        account.sign_raw(b"x")
    with pytest.raises(SigningError, match="open that app"):
        get_fallback_account()


@pytest.mark.usefixtures("tcp")
def test_a_message_of_somebody_else_is_refused_before_the_device_is_asked(
    app: EthereumApp,
) -> None:
    account = get_fallback_account()
    before = len(app.commands)
    for message in ({**POST, "sender": ADDRESSES[1]}, {**POST, "chain": "BASE"}, {"type": "POST"}):
        with pytest.raises(ArgumentError):
            account.sign_message(message)
    with pytest.raises(ArgumentError, match="buffer"):
        account.sign_raw("text")  # type: ignore[arg-type]
    assert len(app.commands) == before


def transaction(data: bytes) -> tuple[bytes, TypedTransaction]:
    typed = TypedTransaction.from_dict(
        {
            "type": 2,
            "chainId": 43114,
            "nonce": 7,
            "maxPriorityFeePerGas": 10**9,
            "maxFeePerGas": 10**10,
            "gas": 200_000,
            "to": ADDRESSES[1],
            "value": 5,
            "data": "0x" + data.hex(),
            "accessList": [],
        }
    )
    unsigned = {**typed.as_dict(), "v": 0, "r": 0, "s": 0}
    import rlp

    names = ["chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value"]
    fields = [unsigned[name] for name in names]
    return b"\x02" + rlp.encode([*fields, data, []]), typed


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("size", [0, 4, 164, 300, 466])
def test_a_transaction_is_signed_as_software_signs_it(app: EthereumApp, size: int) -> None:
    app.blind_signing = True
    unsigned, typed = transaction(b"\x01" * size)
    assert bytes(typed.hash()) != b""
    signature = get_fallback_account().sign_transaction(unsigned)
    signed = EthAccount.sign_transaction(typed.as_dict(), app.key("44'/60'/0'/0/0"))
    assert int.from_bytes(signature[:32], "big") == signed.r
    assert int.from_bytes(signature[32:64], "big") == signed.s
    assert signature[64] == signed.v


@pytest.mark.usefixtures("either")
def test_blind_signing_that_is_off_is_explained(app: EthereumApp) -> None:
    unsigned, _ = transaction(b"\x01" * 36)
    account = get_fallback_account()
    with pytest.raises(SigningError, match=r"Settings, switch Blind signing on") as caught:
        account.sign_transaction(unsigned)
    assert caught.value.status_word == 0x6A80
    assert app.shown == []
    app.blind_signing = True
    assert len(account.sign_transaction(unsigned)) == 65


@pytest.mark.usefixtures("tcp")
def test_a_transaction_of_an_old_type_is_refused() -> None:
    with pytest.raises(ArgumentError, match="transaction"):
        get_fallback_account().sign_transaction(b"\xc0")


def test_threads_take_turns_at_the_device(tcp: TcpDevice, app: EthereumApp) -> None:
    account = get_fallback_account()
    inside = 0
    most = 0

    def decide(shown: str) -> bool:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.02)
        inside -= 1
        return True

    app.decide = decide
    signatures: dict[int, bytes] = {}
    threads = [
        threading.Thread(
            target=lambda i=i: signatures.update({i: account.sign_raw(b"%d" % i * 99)})
        )
        for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert signatures == {i: personal(b"%d" % i * 99) for i in range(6)}
    assert most == 1


def test_a_connection_of_the_users_own_is_used_and_left_open(app: EthereumApp) -> None:
    with tcp_device(app) as device:
        dongle = ledgerblue.commTCP.getDongle(device.host, device.port)
        account = LedgerETHAccount.from_address(ADDRESSES[1], dongle)
        for message in (b"one", b"two" * 200):
            assert account.sign_raw(message) == personal(message, 1)
        assert device.connections == 1
        device.send = cut
        with pytest.raises(SigningError, match="was lost"):
            account.sign_raw(b"x")
        with pytest.raises(SigningError, match="was lost"):
            account.sign_raw(b"x")


def test_ctrl_c_while_a_person_decides_leaves_a_usable_account(
    tcp: TcpDevice, app: EthereumApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = get_fallback_account()

    def interrupt(self: object, apdu: bytes, timeout: float = 0) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledgerblue.commTCP.DongleServer, "exchange", interrupt)
        with pytest.raises(KeyboardInterrupt):
            account.sign_raw(b"x")
    assert account.sign_raw(b"x") == personal(b"x")


def test_an_account_on_a_device_holds_no_secret_and_can_be_pickled(tcp: TcpDevice) -> None:
    account = pickle.loads(pickle.dumps(get_fallback_account()))
    assert account.sign_raw(b"x") == personal(b"x")


def test_tracebacks_name_the_advice(tcp: TcpDevice, app: EthereumApp) -> None:
    app.failure = LOCKED
    with pytest.raises(SigningError) as caught:
        get_fallback_account()
    assert "enter its PIN" in "".join(traceback.format_exception(caught.value))


def test_the_proxy_variables_reach_a_device_in_a_fresh_process(app: EthereumApp) -> None:
    script = (
        "from aleph_core.accounts import get_fallback_account\n"
        "print(get_fallback_account().sign_raw(b'hello').hex())"
    )
    with tcp_device(app) as device:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
        }
        environment |= {
            "LEDGER_PROXY_ADDRESS": device.host,
            "LEDGER_PROXY_PORT": str(device.port),
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == personal(b"hello").hex()


def test_naming_the_account_loads_no_device_library() -> None:
    script = (
        "import sys\n"
        "from aleph_core.accounts import LedgerETHAccount, get_fallback_account\n"
        "print([n for n in ('ledgereth', 'ledgerblue', 'hid') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
