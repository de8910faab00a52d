"""The EVM networks on which accounts pay: endpoints, token and contract addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ..errors import ArgumentError, ConfigurationError
from ..excerpts import shown
from ..item_hash import as_list
from .addresses import checked_address

__all__ = ["EvmNetwork", "network_named"]

_FORWARDER: Final = "0xcfA132E353cB4E398080B9700609bb008eceB125"
_SUPER_TOKEN: Final = "0xc0Fbc4967259786C743361a5885ef49380473dCF"  # noqa: S105 - an address


def _endpoints(value: str | Sequence[str]) -> tuple[str, ...]:
    given = value.split(",") if isinstance(value, str) else as_list(value, "rpc")
    # Nothing of it is shown, for it may hold a key.
    if not all(isinstance(url, str) for url in given):
        raise ArgumentError("rpc", "expected a URL, or several")
    urls = [str(url).strip() for url in given]
    return tuple(url for url in urls if url)


def _address(_instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        checked_address(value, attribute.name)


def _whole(_instance: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ArgumentError(
            attribute.name, f"must be a whole number above zero, not {shown(value)}"
        )


@attrs.frozen
class EvmNetwork:
    """One network: its endpoints, asked in turn, and where ALEPH and Superfluid are on it.

    ``token`` is ALEPH, ``super_token`` the one that flows; ``currency`` pays for gas.
    """

    name: str
    chain_id: int = attrs.field(validator=_whole)
    rpc: tuple[str, ...] = attrs.field(
        converter=_endpoints, repr=lambda urls: f"<{len(urls)} endpoints>"
    )
    """URLs, or one text with commas. They often hold a key, and are never shown whole."""
    currency: str = "ETH"
    token: str | None = attrs.field(default=None, validator=_address)
    super_token: str | None = attrs.field(default=None, validator=_address)
    forwarder: str | None = attrs.field(default=None, validator=_address)
    host: str | None = attrs.field(default=None, validator=_address)
    cfa: str | None = attrs.field(default=None, validator=_address)

    def need(self, contract: str) -> str:
        """Return the address of a contract; raise ``ConfigurationError`` where it is unknown."""
        address: str | None = getattr(self, contract)
        if address is None:
            known = ", ".join(name for name, each in NETWORKS.items() if getattr(each, contract))
            raise ConfigurationError(
                f"the address of {_MEANING[contract]} on {self.name} is unknown: "
                f"switch_chain to one of {known}, or set ALEPH_CHAINS_{self.name}_"
                f"{contract.upper()}"
            )
        return address


_MEANING: Final = {
    "token": "the ALEPH token",
    "super_token": "the super token, in which streams are paid,",
    "forwarder": "Superfluid's CFAv1Forwarder",
    "host": "Superfluid's host",
    "cfa": "Superfluid's CFAv1",
}

NETWORKS: Final[Mapping[str, EvmNetwork]] = {
    network.name: network
    for network in (
        EvmNetwork(
            "ETH",
            1,
            "https://ethereum-rpc.publicnode.com,https://eth.drpc.org",
            token="0x27702a26126e0B3702af63Ee09aC4d1A084EF628",  # noqa: S106 - an address
        ),
        EvmNetwork(
            "AVAX",
            43_114,
            "https://api.avax.network/ext/bc/C/rpc,https://avalanche-c-chain-rpc.publicnode.com",
            "AVAX",
            token=_SUPER_TOKEN,
            super_token=_SUPER_TOKEN,
            forwarder=_FORWARDER,
            host="0x60377C7016E4cdB03C87EF474896C11cB560752C",
            cfa="0x6946c5B38Ffea373b0a2340b4AEf0De8F6782e58",
        ),
        EvmNetwork(
            "BASE",
            8_453,
            "https://mainnet.base.org,https://base-rpc.publicnode.com",
            token=_SUPER_TOKEN,
            super_token=_SUPER_TOKEN,
            forwarder=_FORWARDER,
            host="0x4C073B3baB6d8826b8C5b229f3cfdC1eC6E47E74",
            cfa="0x19ba78B9cDB05A877718841c574325fdB53601bb",
        ),
        EvmNetwork(
            "SEPOLIA",
            11_155_111,
            "https://ethereum-sepolia-rpc.publicnode.com",
            token="0xc4bF5CbDaBE595361438F8c6a187bDc330539c60",  # noqa: S106 - an address
            super_token="0x22064a21FEE226D8fFB8818E7627d5FF6D0Fc33a",  # noqa: S106 - an address
            forwarder=_FORWARDER,
            host="0x109412E3C84f0539b43d39dB691B08c90f58dC7c",
            cfa="0x6836F23d6171D74Ef62FcF776655aBcD2bcd62Ef",
        ),
        EvmNetwork(
            "BSC",
            56,
            "https://bsc-rpc.publicnode.com,https://bsc-dataseed.bnbchain.org",
            "BNB",
            token="0x82D2f8E02Afb160Dd5A480a617692e62de9038C4",  # noqa: S106 - an address
        ),
        EvmNetwork(
            "ARB", 42_161, "https://arb1.arbitrum.io/rpc,https://arbitrum-one.publicnode.com"
        ),
        EvmNetwork("AURORA", 1_313_161_554, "https://mainnet.aurora.dev"),
        EvmNetwork("BLAST", 81_457, "https://rpc.blast.io"),
        EvmNetwork("BOB", 60_808, "https://rpc.gobob.xyz"),
        EvmNetwork("CYBER", 7_560, "https://rpc.cyber.co"),
        EvmNetwork("ETHERLINK", 42_793, "https://node.mainnet.etherlink.com", "XTZ"),
        EvmNetwork("FRAX", 252, "https://rpc.frax.com", "FRAX"),
        EvmNetwork("HYPE", 999, "https://rpc.hyperliquid.xyz/evm", "HYPE"),
        EvmNetwork("INK", 57_073, "https://rpc-gel.inkonchain.com"),
        EvmNetwork("LENS", 232, "https://rpc.lens.xyz", "GHO"),
        EvmNetwork("LINEA", 59_144, "https://rpc.linea.build,https://linea-rpc.publicnode.com"),
        EvmNetwork("LISK", 1_135, "https://rpc.api.lisk.com"),
        EvmNetwork("METIS", 1_088, "https://andromeda.metis.io,https://metis.drpc.org", "METIS"),
        EvmNetwork("MODE", 34_443, "https://mainnet.mode.network,https://mode.drpc.org"),
        EvmNetwork("NEO", 47_763, "https://mainnet-1.rpc.banelabs.org", "GAS"),
        EvmNetwork("OP", 10, "https://mainnet.optimism.io,https://optimism-rpc.publicnode.com"),
        EvmNetwork("POL", 137, "https://polygon-bor-rpc.publicnode.com", "POL"),
        EvmNetwork("SONIC", 146, "https://rpc.soniclabs.com", "S"),
        EvmNetwork("STT", 50_312, "https://dream-rpc.somnia.network", "STT"),
        EvmNetwork("UNICHAIN", 130, "https://mainnet.unichain.org"),
        EvmNetwork("WLD", 480, "https://worldchain-mainnet.g.alchemy.com/public"),
        EvmNetwork("ZORA", 7_777_777, "https://rpc.zora.energy"),
    )
}

# The names that other Aleph tools have for some of them in variables.
_ALIASES: Final = {
    "ARBITRUM": "ARB",
    "FRAXTAL": "FRAX",
    "OPTIMISM": "OP",
    "SOMNIA": "STT",
    "WORLDCHAIN": "WLD",
}
# The longer of two endings first.
_VARIABLES: Final = ("SUPER_TOKEN", "CHAIN_ID", "FORWARDER", "TOKEN", "HOST", "RPC", "CFA")


def network_named(
    name: object, variables: Mapping[str, str], changes: Mapping[str, Any] | None = None
) -> EvmNetwork:
    """Return a network with what the variables, and then the changes, say of it.

    ``variables`` are those of ``ALEPH_CHAINS_*`` without this prefix, such as ``AVAX_RPC``. Raises
    ``ArgumentError`` for an unknown network and wrong changes, ``ConfigurationError`` for variables.
    """
    text = str.__str__(name).strip().upper() if isinstance(name, str) else ""
    network = NETWORKS.get(_ALIASES.get(text, text))
    if network is None:
        raise ArgumentError(
            "chain", f"{shown(name)} is no EVM network; use one of {', '.join(sorted(NETWORKS))}"
        )
    for variable, value in _named(network.name, variables).items():
        try:
            change: Any = int(value) if variable == "CHAIN_ID" else value.strip()
            network = attrs.evolve(network, **{variable.lower(): change})
        except ValueError as error:
            problem = str(error).partition(": ")[2] or f"{value!r:.80} is no whole number"
            raise ConfigurationError(f"ALEPH_CHAINS_{network.name}_{variable}: {problem}") from None
    return attrs.evolve(network, **{k: v for k, v in (changes or {}).items() if v is not None})


def _named(network: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of one network by what they set."""
    found = {}
    for variable, value in variables.items():
        ending = next((end for end in _VARIABLES if variable.endswith(f"_{end}")), None)
        if ending is None:
            continue
        name = variable.removesuffix(f"_{ending}")
        if _ALIASES.get(name, name) == network:
            found[ending] = value
    return found
