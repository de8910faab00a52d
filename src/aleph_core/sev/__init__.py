"""AMD SEV and SEV-ES for the owner of a guest: certificates, session, measurement, secret.

Formats and algorithms are those of AMD's publication 55766, "Secure Encrypted Virtualization API".
The parts load when they are first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import attach

if TYPE_CHECKING:
    from .authorities import AuthorityCertificate
    from .certificates import SevCertificate
    from .digest import SevEsDigests, launch_digest
    from .measurement import SEVInfo, SEVMeasurement, check_measurement, expected_measure
    from .platform import PlatformCertificates
    from .policy import Policy
    from .roots import AMD_ROOTS, RootSource, TrustedRoot, products_for
    from .secret import SecretPacket, seal_secret
    from .session import LaunchSession
    from .vmsa import Cpu
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            ".authorities": ("AuthorityCertificate",),
            ".certificates": ("SevCertificate",),
            ".digest": ("SevEsDigests", "launch_digest"),
            ".measurement": ("SEVInfo", "SEVMeasurement", "check_measurement", "expected_measure"),
            ".platform": ("PlatformCertificates",),
            ".policy": ("Policy",),
            ".roots": ("AMD_ROOTS", "RootSource", "TrustedRoot", "products_for"),
            ".secret": ("SecretPacket", "seal_secret"),
            ".session": ("LaunchSession",),
            ".vmsa": ("Cpu",),
        },
    )

__all__ = [
    "AMD_ROOTS",
    "AuthorityCertificate",
    "Cpu",
    "LaunchSession",
    "PlatformCertificates",
    "Policy",
    "RootSource",
    "SEVInfo",
    "SEVMeasurement",
    "SecretPacket",
    "SevCertificate",
    "SevEsDigests",
    "TrustedRoot",
    "check_measurement",
    "expected_measure",
    "launch_digest",
    "products_for",
    "seal_secret",
]
