"""A Ledger device without the hardware: the Ethereum app's commands over TCP and over USB reports.

Answers as the app 1.22 does (recorded exchanges are in the tests), signs with ``eth_account``, and
has no opinion of how the library works.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.messages import encode_defunct
from eth_keys import keys
from eth_utils import keccak

MNEMONIC = "test test test test test test test test test test test junk"

LOCKED = 0x5515
NO_APP = 0x6511
REFUSED = 0x6985
INVALID = 0x6A80


class EthereumApp:
    """What the device does with a command; ``decide`` is the person, who may take time.

    ``failure`` is a status word to answer everything with, as a locked device does.
    """

    def __init__(self, mnemonic: str = MNEMONIC) -> None:
        self.seed = seed_from_mnemonic(mnemonic, "")
        self.decide: Callable[[str], bool] = lambda shown: True
        self.blind_signing = False
        self.failure: int | None = None
        self.commands: list[bytes] = []
        self.shown: list[str] = []
        self._pending: tuple[int, str, bytes] | None = None

    def exchange(self, command: bytes) -> tuple[bytes, int]:
        self.commands.append(command)
        if self.failure is not None:
            return b"", self.failure
        if len(command) < 5 or command[4] != len(command) - 5:
            return b"", 0x6700
        cla, ins, p1, p2 = command[:4]
        data = command[5:]
        if (cla, ins) == (0xB0, 0x01):
            return b"\x01\x08Ethereum\x061.22.0\x01\x00", 0x9000
        if cla != 0xE0:
            return b"", 0x6E00
        if ins == 0x06:
            return bytes([2 | self.blind_signing, 1, 22, 0]), 0x9000
        if ins not in (0x02, 0x04, 0x08):
            return b"", 0x6D00
        if p2 or p1 not in ((0, 1) if ins == 0x02 else (0, 0x80)):
            return b"", 0x6B00
        if ins == 0x02:
            return self._address(data)
        return self._part(ins, data, first=p1 == 0)

    def key(self, path: str) -> bytes:
        return bytes(key_from_seed(self.seed, f"m/{path}"))

    def _address(self, data: bytes) -> tuple[bytes, int]:
        path, _ = _path(data)
        if not path.startswith("44'/60'"):
            return b"", 0x6A15
        public = keys.PrivateKey(self.key(path)).public_key
        return b"\x41\x04" + public.to_bytes() + b"\x28" + _digits(public), 0x9000

    def _part(self, ins: int, data: bytes, *, first: bool) -> tuple[bytes, int]:
        if first:
            path, rest = _path(data)
            if not path.startswith("44'/60'"):
                return b"", 0x6A15
            self._pending = ins, path, rest
        elif self._pending is None or self._pending[0] != ins or not data:
            self._pending = None
            return b"", INVALID
        else:
            self._pending = ins, self._pending[1], self._pending[2] + data
        _, path, received = self._pending
        length = _message_length(received) if ins == 0x08 else _transaction_length(received)
        if length is None or len(received) < length:
            return b"", 0x9000
        self._pending = None
        if len(received) > length:
            return b"", INVALID
        return self._sign(ins, path, received)

    def _sign(self, ins: int, path: str, received: bytes) -> tuple[bytes, int]:
        if ins == 0x08:
            shown = received[4:].decode("utf-8", "replace")
        else:
            shown = "transaction"
            if _has_data(received) and not self.blind_signing:
                return b"", INVALID
        self.shown.append(shown)
        if not self.decide(shown):
            return b"", REFUSED
        if ins == 0x08:
            signed = Account.sign_message(encode_defunct(received[4:]), self.key(path))
            return bytes([signed.v]) + signed.signature[:64], 0x9000
        raw = keys.PrivateKey(self.key(path)).sign_msg_hash(keccak(received)).to_bytes()
        return raw[64:] + raw[:64], 0x9000


class TcpDevice:
    """The app behind the TCP framing of Ledger's emulator.

    ``send`` is how an answer goes out; the faults below are other ways. ``end`` stops listening.
    """

    def __init__(self, app: EthereumApp) -> None:
        self.app = app
        self.send: Callable[[socket.socket, bytes], None] = whole
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()[:2]
        self._streams: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def end(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for stream in self._streams:
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
            stream.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._streams.append(stream)
            thread = threading.Thread(target=self._serve, args=(stream,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, stream: socket.socket) -> None:
        with suppress(OSError, EOFError):
            while True:
                command = _exactly(stream, int.from_bytes(_exactly(stream, 4), "big"))
                data, status = self.app.exchange(command)
                framed = len(data).to_bytes(4, "big") + data + status.to_bytes(2, "big")
                self.send(stream, framed)


def whole(stream: socket.socket, framed: bytes) -> None:
    stream.sendall(framed)


def in_segments(stream: socket.socket, framed: bytes) -> None:
    """Send byte by byte, each in a segment of its own."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in framed:
        stream.sendall(bytes([byte]))
        threading.Event().wait(0.001)


def cut(stream: socket.socket, framed: bytes) -> None:
    stream.sendall(framed[: len(framed) // 2])
    stream.shutdown(socket.SHUT_RDWR)


def silent(stream: socket.socket, framed: bytes) -> None:
    """Answer nothing, as a device that hangs."""


@contextmanager
def tcp_device(app: EthereumApp | None = None) -> Iterator[TcpDevice]:
    device = TcpDevice(app or EthereumApp())
    try:
        yield device
    finally:
        device.end()


class UsbDevice:
    """The app behind 64-byte USB reports: what the ``hid`` module offers of it.

    ``unplugged`` makes every transfer fail, ``locked_away`` every opening, as without udev rules.
    """

    def __init__(self, app: EthereumApp) -> None:
        self.app = app
        self.present = True
        self.unplugged = False
        self.locked_away = False
        self.opened = 0
        self._in = b""
        self._out: list[bytes] = []

    def enumerate(self, vendor: int = 0, product: int = 0) -> list[dict[str, Any]]:
        entries = [{"vendor_id": 0x1234, "path": b"keyboard", "interface_number": 0}]
        if self.present:
            entries.append({"vendor_id": 0x2C97, "path": b"ledger", "interface_number": 0})
        return entries

    def device(self) -> UsbDevice:
        return self

    def open_path(self, path: bytes) -> None:
        if self.locked_away:
            raise OSError("open failed")
        assert path == b"ledger"
        self.opened += 1

    def set_nonblocking(self, value: bool) -> None:
        pass

    def write(self, report: bytes) -> int:
        if self.unplugged:
            return -1
        assert report[0] == 0
        assert len(report) == 65
        channel, tag, sequence = struct.unpack(">HBH", report[1:6])
        assert (channel, tag) == (0x0101, 0x05)
        if sequence == 0:
            self._in = b""
        self._in += report[6:]
        length = int.from_bytes(self._in[:2], "big")
        if len(self._in) - 2 >= length:
            command, self._in = self._in[2 : 2 + length], b""
            data, status = self.app.exchange(bytes(command))
            self._out = _reports(data + status.to_bytes(2, "big"))
        return 65

    def read(self, length: int, timeout_ms: int = 0) -> list[int]:
        if self.unplugged:
            raise OSError("read error")
        if not self._out:
            threading.Event().wait(timeout_ms / 1000)
            return []
        return list(self._out.pop(0))

    def close(self) -> None:
        self.opened -= 1


def _reports(answer: bytes) -> list[bytes]:
    payload = len(answer).to_bytes(2, "big") + answer
    pieces = [payload[begin : begin + 59] for begin in range(0, len(payload), 59)]
    return [
        (struct.pack(">HBH", 0x0101, 0x05, sequence) + piece).ljust(64, b"\0")
        for sequence, piece in enumerate(pieces)
    ]


def _path(data: bytes) -> tuple[str, bytes]:
    count = data[0]
    numbers = struct.unpack_from(f">{count}I", data, 1)
    path = "/".join(
        f"{number & 0x7FFFFFFF}'" if number & 0x80000000 else str(number) for number in numbers
    )
    return path, data[1 + 4 * count :]


def _digits(public: Any) -> bytes:
    return str(public.to_checksum_address()).removeprefix("0x").encode()


def _message_length(received: bytes) -> int | None:
    return 4 + int.from_bytes(received[:4], "big") if len(received) >= 4 else None


def _transaction_length(received: bytes) -> int | None:
    """Read the length of an RLP list after the type byte."""
    if len(received) < 2:
        return None
    if received[1] < 0xF8:
        return 2 + received[1] - 0xC0
    size = received[1] - 0xF7
    if len(received) < 2 + size:
        return None
    return 2 + size + int.from_bytes(received[2 : 2 + size], "big")


def _has_data(transaction: bytes) -> bool:
    import rlp

    return bool(rlp.decode(transaction[1:])[7])


def _exactly(stream: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = stream.recv(size - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received
