"""AMD SEV and SEV-ES for the owner of a guest: certificates, session, measurement, secret.

Formats and algorithms are those of AMD's publication 55766, "Secure Encrypted Virtualization API".
The parts load when they are first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "AMD_ROOTS": "roots",
    "AuthorityCertificate": "authorities",
    "Cpu": "vmsa",
    "LaunchSession": "session",
    "PlatformCertificates": "platform",
    "Policy": "policy",
    "RootSource": "roots",
    "SEVInfo": "measurement",
    "SEVMeasurement": "measurement",
    "SecretPacket": "secret",
    "SevCertificate": "certificates",
    "SevEsDigests": "digest",
    "TrustedRoot": "roots",
    "check_measurement": "measurement",
    "expected_measure": "measurement",
    "launch_digest": "digest",
    "products_for": "roots",
    "seal_secret": "secret",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
