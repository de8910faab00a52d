"""A guest while it is launched: its session, its measurement, and the secrets it is given."""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["Guest", "LaunchRefused", "measured", "open_packet", "open_session"]

_SEV_ES = 4
_PAGE = 4096
_LARGEST_SECRET = 16384


class LaunchRefused(Exception):
    """The processor refuses a command; ``status`` is AMD's name for why."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guest:
    """A guest from its launch until it runs.

    ``state`` is as QEMU calls it: ``launch-update``, then ``launch-secret``, then ``running``.
    """

    def __init__(
        self,
        *,
        tek: bytes,
        tik: bytes,
        policy: int,
        api: tuple[int, int],
        build_id: int,
        nonce: bytes,
    ) -> None:
        self.state = "launch-update"
        self.policy = policy
        self.memory: list[bytes] = []
        self._api = api
        self._build_id = build_id
        self._tek = tek
        self._tik = tik
        self._nonce = nonce
        self._contents = hashlib.sha256()
        self._measure = b""

    def update(self, data: bytes) -> None:
        """Encrypt and measure what the guest starts with."""
        self._require("launch-update")
        self._contents.update(data)

    def update_vmsa(self, page: bytes) -> None:
        """Encrypt and measure the initial state of one virtual CPU of an SEV-ES guest."""
        self._require("launch-update")
        if not self.policy & _SEV_ES:
            raise LaunchRefused("policy-failure", "the guest is none of SEV-ES")
        if len(page) != _PAGE:
            raise LaunchRefused("invalid-length", f"the state of a CPU is {_PAGE} bytes")
        self._contents.update(page)

    def measure(self) -> bytes:
        """Return the measure and the nonce, 48 bytes; the same ones when asked again."""
        if self.state == "launch-update":
            self.state = "launch-secret"
            self._measure = measured(
                self._tik,
                self._api,
                self._build_id,
                self.policy,
                self._contents.digest(),
                self._nonce,
            )
        self._require("launch-secret")
        return self._measure + self._nonce

    def inject(self, header: bytes, payload: bytes) -> None:
        """Decrypt a packet of the owner's into the guest's memory."""
        self._require("launch-secret")
        self.memory.append(
            open_packet(header, payload, tek=self._tek, tik=self._tik, measure=self._measure)
        )

    def finish(self) -> None:
        """Let the guest run, after which it can be given nothing more."""
        self._require("launch-secret")
        self.state = "running"

    def info(self) -> dict[str, Any]:
        """Return what QEMU's ``query-sev`` says."""
        major, minor = self._api
        return {
            "enabled": True,
            "api_major": major,
            "api_minor": minor,
            "build_id": self._build_id,
            "policy": self.policy,
            "state": self.state,
            "handle": 1,
        }

    def _require(self, state: str) -> None:
        if self.state != state:
            raise LaunchRefused("invalid-guest-state", f"the guest is in state {self.state}")


def open_session(
    pdh: ec.EllipticCurvePrivateKey, *, policy: int, godh: bytes, session: bytes
) -> tuple[bytes, bytes]:
    """Return TEK and TIK from what an owner made for this PDH and policy."""
    if len(session) != 128:
        raise LaunchRefused("invalid-length", "a session is 128 bytes")
    nonce, wrapped, iv, wrap_mac, policy_mac = struct.unpack("16s32s16s32s32s", session)
    master = _derived(pdh.exchange(ec.ECDH(), _owner_key(godh)), b"sev-master-secret\0" + nonce)
    integrity_key = _derived(master, b"sev-kik\0")
    if not hmac.compare_digest(_mac(integrity_key, wrapped), wrap_mac):
        raise LaunchRefused("bad-measurement", "the session was not made for this PDH (WRAP_MAC)")
    keys = _decrypted(_derived(master, b"sev-kek\0"), iv, wrapped)
    tek, tik = keys[:16], keys[16:]
    if not hmac.compare_digest(_mac(tik, struct.pack("<I", policy)), policy_mac):
        raise LaunchRefused("bad-measurement", "the session has another policy (POLICY_MAC)")
    return tek, tik


def measured(
    tik: bytes, api: tuple[int, int], build_id: int, policy: int, digest: bytes, nonce: bytes
) -> bytes:
    """Return the measure of a guest whose contents have this digest."""
    return _mac(tik, struct.pack("<BBBBI", 4, *api, build_id, policy) + digest + nonce)


def open_packet(header: bytes, payload: bytes, *, tek: bytes, tik: bytes, measure: bytes) -> bytes:
    """Return the plaintext of a packet of the owner's."""
    if len(header) != 52:
        raise LaunchRefused("invalid-length", "the header of a packet is 52 bytes")
    size = len(payload)
    if not 0 < size <= _LARGEST_SECRET or size % 16:
        raise LaunchRefused(
            "invalid-length", f"a secret is whole blocks of 16 up to {_LARGEST_SECRET} bytes"
        )
    flags, iv, mac = struct.unpack("<I16s32s", header)
    if flags:
        raise LaunchRefused("invalid-param", "the flags of a packet must be zero")
    signed = b"".join((b"\x01", header[:20], struct.pack("<II", size, size), payload, measure))
    if not hmac.compare_digest(_mac(tik, signed), mac):
        raise LaunchRefused("bad-measurement", "the packet is for another launch or was altered")
    return _decrypted(tek, iv, payload)


def _owner_key(godh: bytes) -> ec.EllipticCurvePublicKey:
    if len(godh) != 2084:
        raise LaunchRefused("invalid-length", "a certificate is 2084 bytes")
    version, usage, algorithm, curve, x, y = struct.unpack_from("<I4xIII72s72s", godh)
    if (version, usage, algorithm, curve) != (1, 0x1003, 3, 2):
        raise LaunchRefused("invalid-certificate", "the owner's certificate is no PDH on P-384")
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "little"), int.from_bytes(y, "little"), ec.SECP384R1()
    )
    try:
        return numbers.public_key()
    except ValueError as error:
        raise LaunchRefused("invalid-certificate", "the owner's point is not on P-384") from error


def _derived(key: bytes, purpose: bytes) -> bytes:
    return _mac(key, struct.pack("<I", 1) + purpose + struct.pack("<I", 128))[:16]


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _decrypted(key: bytes, iv: bytes, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES128(key), modes.CTR(iv)).decryptor()
    return cipher.update(data) + cipher.finalize()
