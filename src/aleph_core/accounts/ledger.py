"""Ledger devices: Ethereum accounts whose key stays on the device, where a person approves.

Connections and commands come from ``ledgereth``, which loads when a device is first used. Long
data is parted, and answers are read, here: ``ledgereth`` loses the signature of data that fills
its last part, drops the public key, and keeps dead connections.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final, Self

import attrs
from coincurve import PublicKey

from ..errors import ArgumentError, BadSignatureError, MissingDependencyError, SigningError
from ..evm.addresses import checksum_address, keccak256
from .account import own_message, require_bytes
from .ethereum import evm_network, typed_transaction, verify_signature
from .secp256k1 import recover_public_key

__all__ = ["LedgerAccount", "LedgerETHAccount", "get_fallback_account"]

FIRST_PATH: Final = "44'/60'/0'/0/0"

PATIENCE: Final = 300.0
"""For how many seconds a prompt on the device may stay unanswered."""

# Commands that ask nobody are answered at once, or the device hangs.
_SILENT: Final = 30.0
_LARGEST_PART: Final = 255
_LARGEST_ANSWER: Final = 65_536
_HARDENED: Final = 0x8000_0000
_MOST_DIGITS: Final = len(str(_HARDENED))

# Status words: seen from the Ethereum app 1.22, or known from the vendor's libraries.
_INVALID: Final = 0x6A80
_ADVICE: Final[Mapping[int, str]] = {
    **dict.fromkeys(
        (0x5515, 0x6B0C, 0x6804), "the Ledger device is locked: enter its PIN and try again"
    ),
    **dict.fromkeys(
        (0x6511, 0x6D00, 0x6D02, 0x6E00, 0x6E01),
        "the Ethereum app is not open on the Ledger device: open it there and try again",
    ),
    **dict.fromkeys(
        (0x6985, 0x6982),
        "refused on the screen of the Ledger device: nothing was signed; to sign, try again and "
        "approve it there",
    ),
    0x6A15: "the Ethereum app has no keys under this path: use one that starts with 44'/60'",
    _INVALID: "the Ledger device takes the data to sign for invalid: update its Ethereum app",
}
_BLIND: Final = (
    "blind signing is off, and this transaction carries contract data: in the Ethereum app on the "
    "Ledger device open Settings, switch Blind signing on, and try again"
)
_ABSENT: Final = (
    "no Ledger device was found: plug it in, enter its PIN, open the Ethereum app and try again"
)
_UNREADABLE: Final = (
    "a Ledger device is plugged in but cannot be opened: on Linux install Ledger's udev rules and "
    "plug it in again; close other programs that use it, such as Ledger Live"
)
_LOST: Final = (
    "the connection to the Ledger device was lost, nothing was signed: plug it in, enter its PIN, "
    "open the Ethereum app and try again"
)
_STRANGE: Final = (
    "the answer of the Ledger device is not one of the Ethereum app: open that app, or update it, "
    "and try again"
)
_OTHER_KEY: Final = (
    "the Ledger device signed with another key than that of {address}: plug in the device that "
    "holds it, with the same passphrase, and try again"
)

# ledgereth finds a single device, and all its connections share their command objects.
_one_at_a_time = threading.Lock()


@attrs.frozen(repr=False, eq=False)
class LedgerETHAccount:
    """An Ethereum account on a Ledger device, for ``ETH`` and every EVM identifier of nodes.

    Make one by ``get_fallback_account``, ``from_path``, ``from_address`` or ``get_accounts``. The
    device is connected to for as long as it signs, so it may be unplugged in between; ``device``
    is a connection of ``ledgereth`` to use instead, which stays open. ``network`` is the chain that
    was asked for, of which ``AVAX`` publishes under ``ETH``. Signing blocks until somebody
    answers on the device, at most ``timeout`` seconds. Everything that asks the device raises
    ``SigningError``, which says what to do, and ``MissingDependencyError`` without the ``ledger``
    extra.
    """

    path: str
    _address: str
    _public_key: str
    _network: str = "ETH"
    _device: Any = None
    _timeout: float = PATIENCE

    @classmethod
    def from_path(
        cls,
        path: str,
        device: Any = None,
        *,
        chain: str | None = None,
        timeout: float = PATIENCE,
    ) -> Self:
        """Return the account under a BIP-32 path such as ``44'/60'/0'/0/0``."""
        elements = _read_path(path)
        network = evm_network(chain)
        if not timeout > 0:
            raise ArgumentError("timeout", "must be a positive number of seconds")
        with _connected(device, _SILENT) as link:
            public_key, address = _read_account(link.command("GET_ADDRESS_NO_CONFIRM", elements))
        return cls(_show_path(elements), address, public_key, network, device, timeout)

    @classmethod
    def from_address(
        cls,
        address: str,
        device: Any = None,
        *,
        count: int = 5,
        chain: str | None = None,
        timeout: float = PATIENCE,
    ) -> Self:
        """Return the account with this address among the first ``count`` of Ledger Live.

        Raises ``SigningError`` when none of them has it: it may be under another path or passphrase.
        """
        if not isinstance(address, str):
            raise ArgumentError("address", f"must be text, not {type(address).__name__}")
        for index in range(_count(count)):
            path = _live_path(index)
            account = cls.from_path(path, device, chain=chain, timeout=timeout)
            if account.get_address().lower() == address.lower():
                return account
        raise SigningError(
            f"none of the first {count} accounts of the Ledger device is {address!r:.100}: plug in "
            "the device that holds it, or give its path to LedgerETHAccount.from_path"
        )

    @classmethod
    def get_accounts(
        cls,
        device: Any = None,
        count: int = 5,
        *,
        chain: str | None = None,
        timeout: float = PATIENCE,
    ) -> list[Self]:
        """Return the first accounts of the device, as Ledger Live numbers them."""
        return [
            cls.from_path(_live_path(index), device, chain=chain, timeout=timeout)
            for index in range(_count(count))
        ]

    @property
    def interactive(self) -> bool:
        """Whether signing waits for a person: it does."""
        return True

    @property
    def CHAIN(self) -> str:
        return "ETH" if self._network == "AVAX" else self._network

    @property
    def network(self) -> str:
        """The EVM network that was asked for, where the account's payments take place."""
        return self._network

    @property
    def CURVE(self) -> str:
        return "secp256k1"

    def get_address(self) -> str:
        """Return the address with its EIP-55 checksum."""
        return self._address

    def get_public_key(self) -> str:
        """Return the compressed public key in hexadecimal with ``0x``."""
        return self._public_key

    def sign_raw(self, buffer: bytes) -> bytes:
        """Sign any bytes as an EIP-191 personal message, once they are approved on the device.

        Returns the 65 bytes r, s and v, with v 27 or 28.
        """
        message = require_bytes(buffer)
        payload = len(message).to_bytes(4, "big") + message
        with _connected(self._device, self._timeout) as link:
            v, rs = _read_signature(link.parts("SIGN_MESSAGE", _read_path(self.path), payload))
        signature = rs + bytes([v if v >= 27 else 27 + v])
        try:
            verify_signature(sender=self._address, buffer=message, signature=signature.hex())
        except BadSignatureError:
            raise SigningError(_OTHER_KEY.format(address=self._address)) from None
        return signature

    def sign_message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of the message with ``chain``, ``sender`` and ``signature`` set.

        Raises ``ArgumentError``, before the device is asked, for a message of somebody else.
        """
        unsigned, buffer = own_message(self, message)
        return {**unsigned, "signature": "0x" + self.sign_raw(buffer).hex()}

    def sign_transaction(self, transaction: bytes) -> bytes:
        """Sign a serialised unsigned transaction of type 1 or 2, once approved on the device.

        Returns the 65 bytes r, s and y-parity. One that carries contract data needs blind signing,
        which is switched on in the settings of the Ethereum app.
        """
        unsigned = typed_transaction(transaction)
        with _connected(self._device, self._timeout) as link:
            try:
                answer = link.parts("SIGN_TX", _read_path(self.path), unsigned)
            except SigningError as error:
                if error.status_word != _INVALID or _signs_blindly(link):
                    raise
                raise SigningError(_BLIND, status_word=_INVALID) from None
        v, rs = _read_signature(answer)
        signature = rs + bytes([v])
        recovered = recover_public_key(signature, unsigned, keccak256)
        if recovered is None or "0x" + recovered.format().hex() != self._public_key:
            raise SigningError(_OTHER_KEY.format(address=self._address))
        return signature

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address} {self.path}>"


LedgerAccount = LedgerETHAccount


def get_fallback_account(
    device: Any = None, *, chain: str | None = None, timeout: float = PATIENCE
) -> LedgerETHAccount:
    """Return the first account of the Ledger device that is plugged in."""
    return LedgerETHAccount.from_path(_live_path(0), device, chain=chain, timeout=timeout)


class _Link:
    """An open connection, in which every failure is a ``SigningError``."""

    def __init__(self, ledgereth: Any, dongle: Any) -> None:
        self._ledgereth = ledgereth
        self._dongle = dongle

    def parts(self, name: str, path: bytes, payload: bytes) -> bytes:
        """Send path and payload in as many commands as it takes, and return the last answer."""
        data = path + payload
        answer = self.command(f"{name}_FIRST_DATA", data[:_LARGEST_PART])
        for begin in range(_LARGEST_PART, len(data), _LARGEST_PART):
            answer = self.command(f"{name}_SECONDARY_DATA", data[begin : begin + _LARGEST_PART])
        return answer

    def command(self, name: str, data: bytes | None = None) -> bytes:
        """Send one command and return its answer."""
        try:
            if data is None:
                answer = self._ledgereth.dongle_send(self._dongle, name)
            else:
                answer = self._ledgereth.dongle_send_data(self._dongle, name, data)
        except (KeyboardInterrupt, SystemExit):
            self._dongle.close()
            raise
        # The transports fail in many ways, and one of them raises a bare BaseException.
        except BaseException as error:
            raise self._explained(error) from error
        return bytes(answer or b"")

    def _explained(self, error: BaseException) -> SigningError:
        cause = error.__cause__
        # Failures without a status word carry one as well: that of an internal error.
        if str(getattr(cause, "message", "")).startswith("Invalid status"):
            word = int(getattr(cause, "sw", 0))
            advice = _ADVICE.get(word, f"the Ledger device answered {word:04x}: restart its app")
            return SigningError(advice, status_word=word)
        # An answer may yet come, and must not be taken for that of a later command.
        self._dongle.close()
        if isinstance(error, TimeoutError):
            return SigningError(
                "the Ledger device did not answer in time: dismiss what it still shows, then try "
                "again"
            )
        return SigningError(_LOST)


@contextlib.contextmanager
def _connected(device: Any, patience: float) -> Iterator[_Link]:
    try:
        comms: Any = import_module("ledgereth.comms")
    except ImportError as error:
        raise MissingDependencyError("a Ledger device", extra="ledger") from error
    with _one_at_a_time:
        dongle = _open(comms) if device is None else device
        try:
            _bound(dongle, patience)
            yield _Link(comms, dongle)
        finally:
            if device is None:
                dongle.close()


def _open(comms: Any) -> Any:
    try:
        return comms.getDongle()
    except comms.CommException as error:
        raise SigningError(_ABSENT) from error
    except (OSError, ValueError) as error:
        raise SigningError(_UNREADABLE) from error


def _bound(dongle: Any, patience: float) -> None:
    """Let no exchange wait longer than the patience, in seconds."""
    usb: Any = import_module("ledgerblue.comm")
    tcp: Any = import_module("ledgerblue.commTCP")
    if isinstance(dongle, usb.HIDDongleHIDAPI):
        dongle.setWaitImpl(_UsbWait(dongle.device, patience))
    elif isinstance(dongle, tcp.DongleServer) and dongle.socket is not None:
        stream = dongle.socket
        if isinstance(stream, _WholeReads):
            stream = stream.stream
        dongle.socket = _WholeReads(stream, patience)


class _UsbWait:
    """Waits for the first report of an answer, without the busy loop of ``ledgerblue``."""

    def __init__(self, device: Any, patience: float) -> None:
        self._device = device
        self._patience = patience

    def waitFirstResponse(self, timeout: float) -> bytearray:  # noqa: ARG002 - ledgerblue's interface
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            report = self._device.read(65, timeout_ms=50)
            if report:
                return bytearray(report)
        raise TimeoutError


class _WholeReads:
    """A socket whose ``recv`` returns all that was asked for, as ``ledgerblue`` takes for granted."""

    def __init__(self, stream: Any, patience: float) -> None:
        self.stream = stream
        self._patience = patience

    def send(self, data: bytes) -> None:
        self.stream.settimeout(self._patience)
        self.stream.sendall(data)

    def recv(self, size: int) -> bytes:
        if size > _LARGEST_ANSWER:
            raise ConnectionError("an answer of no device")
        deadline = time.monotonic() + self._patience
        received = b""
        while len(received) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.stream.settimeout(left)
            piece = self.stream.recv(size - len(received))
            if not piece:
                raise ConnectionError("closed")
            received += piece
        return received

    def close(self) -> None:
        self.stream.close()


def _read_account(answer: bytes) -> tuple[str, str]:
    """Return the compressed public key and the address, which must belong together."""
    try:
        if len(answer) < 107 or answer[0] != 65 or answer[66] != 40:
            raise ValueError
        address = bytes.fromhex(answer[67:107].decode("ascii"))
        public_key = PublicKey(answer[1:66])
        if keccak256(answer[2:66])[12:] != address:
            raise ValueError
    except ValueError:
        raise SigningError(_STRANGE) from None
    return "0x" + public_key.format().hex(), checksum_address(address)


def _read_signature(answer: bytes) -> tuple[int, bytes]:
    if len(answer) != 65 or answer[0] not in (0, 1, 27, 28):
        raise SigningError(_STRANGE)
    return answer[0], answer[1:]


def _signs_blindly(link: _Link) -> bool:
    return bool(int.from_bytes(link.command("GET_CONFIGURATION")[:1], "big") & 1)


def _live_path(index: int) -> str:
    return f"44'/60'/{index}'/0/0"


def _read_path(path: str) -> bytes:
    """Return the path as the device reads it: a count, then four bytes for each element."""
    problem = ArgumentError("path", f"{path!r:.100} is no BIP-32 path such as 44'/60'/0'/0/0")
    if not isinstance(path, str):
        raise problem
    elements = path.removeprefix("m/").split("/")
    if len(elements) > 10:
        raise problem
    numbers = []
    for element in elements:
        digits = element.rstrip("'hH")
        if not digits.isascii() or not digits.isdecimal() or len(element) - len(digits) > 1:
            raise problem
        if len(digits) > _MOST_DIGITS:
            raise problem
        number = int(digits)
        if number >= _HARDENED:
            raise problem
        numbers.append(number | _HARDENED if element != digits else number)
    return struct.pack(f">B{len(numbers)}I", len(numbers), *numbers)


def _show_path(encoded: bytes) -> str:
    numbers = struct.unpack_from(f">{encoded[0]}I", encoded, 1)
    return "/".join(
        f"{number - _HARDENED}'" if number >= _HARDENED else str(number) for number in numbers
    )


def _count(count: int) -> int:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ArgumentError("count", "must be a positive number")
    return count
