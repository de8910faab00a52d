"""The processor: it vouches for its keys and starts guests."""

from __future__ import annotations

import secrets

import attrs

from .guest import Guest, LaunchRefused, open_session
from .platform import (
    ARK,
    ASK,
    CEK,
    CHIP_API,
    OCA,
    PDH,
    PEK,
    PlatformKeys,
    authority_certificate,
    elliptic_key,
    platform_certificate,
)

__all__ = ["SecureProcessor"]

_RESERVED = 0xFFC0


class SecureProcessor:
    """A platform that can start guests, with certificates up to a root of its own.

    ``api`` and ``build_id`` are those of the firmware it pretends to run. ``rsa_bits`` may be
    4096, which takes a second or so once per process.
    """

    def __init__(
        self,
        keys: PlatformKeys | None = None,
        *,
        rsa_bits: int = 2048,
        api: tuple[int, int] = (1, 55),
        build_id: int = 24,
        authority_ids: tuple[bytes, bytes] = (b"devnode test ARK", b"devnode test ASK"),
    ) -> None:
        self.keys = PlatformKeys.generate(rsa_bits) if keys is None else keys
        self.api = api
        self.build_id = build_id
        ark_id, ask_id = authority_ids
        ark, ask = self.keys.ark, self.keys.ask
        self.ark = authority_certificate(ARK, ark, ark_id, ark, ark_id)
        self.ask = authority_certificate(ASK, ask, ask_id, ark, ark_id)
        self._certify()

    def certificates(self, *, full: bool = False) -> bytes:
        """Return PDH, PEK, OCA and CEK, and with ``full`` the ASK and ARK above them."""
        own = b"".join(self._own)
        return own + self.ask + self.ark if full else own

    def rotate(self) -> None:
        """Make a new PDH, after which sessions for the former one no longer start."""
        self.keys = attrs.evolve(self.keys, pdh=elliptic_key())
        self._certify()

    def launch(self, *, policy: int, godh: bytes, session: bytes) -> Guest:
        """Start a guest whose owner made ``godh`` and ``session``, 2084 and 128 bytes.

        Raises ``LaunchRefused`` when they were not made for this platform and policy.
        """
        if not 0 <= policy <= 0xFFFF_FFFF or policy & _RESERVED:
            raise LaunchRefused("policy-failure", "the policy sets reserved bits")
        if (policy >> 16 & 0xFF, policy >> 24) > self.api:
            raise LaunchRefused("policy-failure", "the policy asks for newer firmware")
        tek, tik = open_session(self.keys.pdh, policy=policy, godh=godh, session=session)
        return Guest(
            tek=tek, tik=tik, policy=policy, api=self.api, build_id=self.build_id,
            nonce=secrets.token_bytes(16),
        )  # fmt: skip

    def _certify(self) -> None:
        keys, api = self.keys, self.api
        self._own = (
            platform_certificate(PDH, keys.pdh, api, (PEK, keys.pek)),
            platform_certificate(PEK, keys.pek, api, (OCA, keys.oca), (CEK, keys.cek)),
            platform_certificate(OCA, keys.oca, api, (OCA, keys.oca)),
            platform_certificate(CEK, keys.cek, CHIP_API, (ASK, keys.ask)),
        )
