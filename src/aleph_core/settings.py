"""Every default and constant, overridable by ``ALEPH_*`` variables that are read when a client is made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import attrs

from .errors import ArgumentError, ConfigurationError
from .excerpts import without_credentials

__all__ = ["Settings", "chosen_settings", "settings"]

PREFIX: Final = "ALEPH_"
_CHAINS: Final = "CHAINS_"
_TRUTH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def _url(default: str) -> Any:
    return attrs.field(default=default, repr=lambda url: repr(without_credentials(url)))


@attrs.frozen
class Settings:
    """The settings of one moment; ``from_environment`` reads them, nothing is ever written back."""

    API_HOST: str = attrs.field(
        default="https://api2.aleph.im",
        repr=lambda urls: repr(",".join(map(without_credentials, urls.split(",")))),
    )
    API_UNIX_SOCKET: str | None = None
    API_TIMEOUT: float = 30.0
    IPFS_GATEWAY: str = _url("https://ipfs.aleph.cloud/ipfs/")
    SCHEDULER_URL: str = _url("https://scheduler.api.aleph.cloud/")
    CRN_LIST_URL: str = _url("https://crns-list.aleph.sh/crns.json")
    CRN_VERSION_URL: str = _url("https://api.github.com/repos/aleph-im/aleph-vm/releases/latest")
    DNS_API: str = _url("https://api.dns.public.aleph.sh/instances/list")
    DNS_RESOLVERS: str = "9.9.9.9,1.1.1.1"
    VOUCHER_METADATA_URL: str = _url("https://claim.twentysix.cloud/sbt/metadata/{id}.json")
    VOUCHER_SOL_REGISTRY: str = _url("https://api.claim.twentysix.cloud/v1/registry/sol")
    VOUCHER_ORIGIN_ADDRESS: str = "0xB34f25f2c935bCA437C061547eA12851d719dEFb"
    ALEPH_AGGREGATE_ADDRESS: str = "0xFba561a84A537fCaa567bb7A2257e7142701ae2A"
    VM_URL_PATH: str = "https://aleph.sh/vm/{hash}"
    VM_URL_HOST: str = "https://{hash_base32}.aleph.sh"
    DEFAULT_CHANNEL: str = "ALEPH-CLOUDSOLUTIONS"
    DEFAULT_CHAIN: str = "ETH"
    DEFAULT_STORAGE_ENGINE: str = "storage"
    ADDRESS_TO_USE: str | None = None
    DEFAULT_RUNTIME_ID: str = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"
    DEBIAN_12_QEMU_ROOTFS_ID: str = (
        "b6ff5c3a8205d1ca4c7c3369300eeafff498b558f71b851aa2114afd0a532717"
    )
    UBUNTU_22_QEMU_ROOTFS_ID: str = (
        "4a0f62da42f4478544616519e6f5d58adb1096e069b392b151d47c3609492d0c"
    )
    UBUNTU_24_QEMU_ROOTFS_ID: str = (
        "5330dcefe1857bcd97b7b7f24d1420a7d46232d53f27be280c8a7071d88bd84e"
    )
    DEFAULT_CONFIDENTIAL_FIRMWARE: str = (
        "ba5bb13f3abca960b101a759be162b229e2b7e93ecad9d1307e54de887f177ff"
    )
    DEFAULT_CONFIDENTIAL_FIRMWARE_HASH: str = (
        "89b76b0e64fe9015084fbffdf8ac98185bafc688bfe7a0b398585c392d03c7ee"
    )
    AMD_ROOTS_URL: str | None = attrs.field(
        default=None, repr=lambda url: repr(url and without_credentials(url))
    )
    DEFAULT_VM_MEMORY: int = 256
    DEFAULT_VM_VCPUS: int = 1
    DEFAULT_VM_TIMEOUT: float = 30.0
    DEFAULT_INSTANCE_MEMORY: int = 2_048
    DEFAULT_ROOTFS_SIZE: int = 20_480
    DEFAULT_HYPERVISOR: str = "qemu"
    VERIFY: str = "content"
    MAX_INLINE_SIZE: int = 200_000
    PREFER_AIOHTTP: bool = True
    CHAINS: Mapping[str, str] = attrs.field(
        factory=dict,
        metadata={"variable": "CHAINS_<NAME>_RPC"},
        hash=False,
        # Endpoints hold keys.
        repr=lambda values: repr(sorted(values)),
    )
    """What variables say of EVM networks, by the rest of their names: ``AVAX_RPC``."""
    TX_TIMEOUT: float = 180.0
    CONFIG_HOME: Path = attrs.field(factory=lambda: default_config_home(os.environ))
    CONFIG_FILE: Path = attrs.field(
        default=attrs.Factory(lambda self: self.CONFIG_HOME / "config.json", takes_self=True)
    )
    PRIVATE_KEY_FILE: Path = attrs.field(
        default=attrs.Factory(lambda self: _private_key_file(self), takes_self=True)
    )
    PRIVATE_MNEMONIC_FILE: Path = attrs.field(
        default=attrs.Factory(
            lambda self: self.CONFIG_HOME / "private-keys" / "substrate.mnemonic", takes_self=True
        )
    )
    PRIVATE_KEY_STRING: str | None = attrs.field(default=None, repr=False)
    REMOTE_CRYPTO_HOST: str | None = attrs.field(
        default=None, repr=lambda url: repr(url and without_credentials(url))
    )
    REMOTE_CRYPTO_UNIX_SOCKET: str | None = None

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        if self.PRIVATE_KEY_STRING is not None:
            raise TypeError(
                "these settings hold a private key and are not pickled; "
                "read them from the environment where they are used"
            )
        return attrs.asdict(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def evolve(self, **changes: Any) -> Settings:
        """Return settings with other values, for the ``settings=`` of a client."""
        return attrs.evolve(self, **changes)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, env_file: str | Path | None = None
    ) -> Settings:
        """Read the settings from ``ALEPH_*`` variables (names in any case).

        ``env_file`` is read only when named, and the environment wins over it.
        Raises ``ConfigurationError`` naming the variable that cannot be understood.
        """
        source = dict(os.environ if environ is None else environ)
        if env_file is not None:
            source = {**_read_env_file(Path(env_file)), **source}
        given = {
            name.upper().removeprefix(PREFIX): value
            for name, value in source.items()
            if name.upper().startswith(PREFIX) and value != ""
        }
        values: dict[str, Any] = {
            "CONFIG_HOME": default_config_home(source),
            "CHAINS": {
                name.removeprefix(_CHAINS): value
                for name, value in given.items()
                if name.startswith(_CHAINS)
            },
        }
        for field in attrs.fields(cls):
            if field.name in given and "variable" not in field.metadata:
                values[field.name] = _convert(field.name, str(field.type), given[field.name])
        return cls(**values)


def _private_key_file(settings: Settings) -> Path:
    # The file that Aleph's tools configured, so that a script signs with the same key as they do.
    from .accounts.key_home import configured_key_file, default_key_file

    return configured_key_file(settings.CONFIG_FILE) or default_key_file(settings.CONFIG_HOME)


def default_config_home(environ: Mapping[str, str]) -> Path:
    """Return the folder of keys and configuration: the one that existing Aleph tools use."""
    data_home = environ.get("XDG_DATA_HOME")
    base = Path(data_home) if data_home else Path(environ.get("HOME") or Path.home())
    return base / ".aleph-im"


def _convert(name: str, kind: str, text: str) -> Any:
    try:
        if kind.startswith("Path"):
            try:
                return Path(text).expanduser()
            except RuntimeError as error:
                raise ValueError(str(error)) from error
        if kind.startswith("float"):
            number = float(text)
            if not 0 < number < float("inf"):
                raise ValueError("must be positive and finite")
            return number
        if kind.startswith("int"):
            size = int(text)
            if size < 0:
                raise ValueError("must not be negative")
            return size
        if kind.startswith("bool"):
            return _TRUTH[text.strip().lower()]
    except KeyError as error:
        raise ConfigurationError(f"{PREFIX}{name}={text!r}: expected true or false") from error
    except ValueError as error:
        raise ConfigurationError(f"{PREFIX}{name}={text!r}: {error}") from error
    return text


def _read_env_file(path: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"env_file: cannot read {path}: {error}") from error
    for line in lines:
        name, separator, value = line.removeprefix("export ").partition("=")
        if separator and not name.lstrip().startswith("#"):
            values[name.strip()] = value.strip().strip("'\"")
    return values


class _LiveSettings:
    """The settings as the environment has them at each access: ``settings.DEFAULT_CHANNEL``."""

    def __getattr__(self, name: str) -> Any:
        if not name.isupper():
            raise AttributeError(name)
        return getattr(Settings.from_environment(), name)

    def __dir__(self) -> list[str]:
        return [field.name for field in attrs.fields(Settings)]

    def __repr__(self) -> str:
        return f"<live {Settings.from_environment()!r}>"


settings = _LiveSettings()


def chosen_settings(given: object) -> Settings:
    """Return the settings that an argument gives; those of the environment for None, or ``settings``."""
    if given is None or given is settings:
        return Settings.from_environment()
    if not isinstance(given, Settings):
        raise ArgumentError("settings", f"expected Settings, not {type(given).__name__}")
    return given
