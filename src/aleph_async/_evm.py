"""The endpoints of one EVM network: asked in turn, and known to serve the chain they should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aleph_core.errors import ApiError, ArgumentError, ConfigurationError
from aleph_core.evm import rpc
from aleph_core.evm.networks import EvmNetwork
from aleph_core.evm.refusals import wrong_chain
from aleph_core.evm.rpc import Query
from aleph_core.evm.transactions import Action
from aleph_core.settings import Settings

from ._connection import Connection
from ._runtime import origin

__all__ = ["EvmConnection"]


class EvmConnection(Connection):
    """A connection to the endpoints of a network."""

    _secret_urls = True

    def __init__(self, network: EvmNetwork, settings: Settings) -> None:
        try:
            super().__init__(network.rpc, settings=settings)
        except ArgumentError as error:
            if error.argument != "api_server":
                raise
            # The URL may hold a key.
            raise ConfigurationError(
                f"the endpoints of {network.name} must be http:// or https:// URLs without a query: "
                f"correct ALEPH_CHAINS_{network.name}_RPC, or the rpc of switch_chain"
            ) from None
        self.network = network
        self._known: set[str] = set()
        # Endpoints that take one question at a time.
        self._single: set[str] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.network.name}>"

    async def outcomes(self, *queries: Query[Any]) -> list[Any]:
        """Return for each query its answer, or the ``ApiError`` that came for it.

        All go in one request. Where an endpoint fails, the next one is asked.
        """
        for _ in self.nodes[1:]:
            try:
                outcomes = await self._exchange(queries)
            except ApiError:
                pass
            else:
                if not any(map(rpc.is_trouble, outcomes)):
                    return outcomes
            self._first = (self._first + 1) % len(self.nodes)
        return await self._exchange(queries)

    async def values(self, *queries: Query[Any]) -> list[Any]:
        """Return the answers; raise the first ``ApiError`` that came for one."""
        return _without_errors(await self.outcomes(*queries))

    async def readings(self, *queries: Query[Any]) -> list[Any]:
        """Return the answers of an endpoint that serves the chain, as ``values`` does.

        Raises ``WrongChainError``: another chain may have the same contracts at the same addresses.
        """
        return _without_errors(await self._checked(queries))

    async def prospects(self, sender: str, action: Action, *further: Query[Any]) -> list[Any]:
        """Return what decides on a transaction: gas, base fee, tip and balance, then the further.

        The gas may be the ``ApiError`` for it. Raises ``WrongChainError`` for another chain's endpoint.
        """
        queries = [
            rpc.gas(sender, action),
            rpc.base_fee(),
            rpc.tip(),
            rpc.balance(sender),
            *further,
        ]
        outcomes = await self._checked(queries)
        _without_errors(outcomes[1:])
        return outcomes

    async def check_chain(self) -> None:
        """Raise ``WrongChainError`` unless the endpoint in use serves the chain; ask it once."""
        if self.api_server not in self._known:
            self._check(*await self.outcomes(rpc.chain_id()))

    async def _checked(self, queries: Sequence[Query[Any]]) -> list[Any]:
        asked = [] if self.api_server in self._known else [rpc.chain_id()]
        outcomes = await self.outcomes(*asked, *queries)
        if asked:
            self._check(outcomes.pop(0))
        else:
            await self.check_chain()
        return outcomes

    def _check(self, found: Any) -> None:
        if isinstance(found, ApiError):
            raise found
        if found != self.network.chain_id:
            raise wrong_chain(self.network, found, origin(self.api_server))
        self._known.add(self.api_server)

    async def _exchange(self, queries: tuple[Query[Any], ...]) -> list[Any]:
        endpoint = self.api_server
        if len(queries) > 1 and endpoint not in self._single:
            try:
                return await self._send(rpc.ask(queries))
            except ApiError:
                outcomes = await self._one_by_one(queries)
            self._single.add(endpoint)
            return outcomes
        return await self._one_by_one(queries)

    async def _one_by_one(self, queries: tuple[Query[Any], ...]) -> list[Any]:
        outcomes: list[Any] = []
        for query in queries:
            (outcome,) = await self._send(rpc.ask([query]))
            if len(queries) > 1 and rpc.is_trouble(outcome):
                raise outcome
            outcomes.append(outcome)
        return outcomes


def _without_errors(outcomes: list[Any]) -> list[Any]:
    """Return the answers; raise the first ``ApiError`` among them."""
    for outcome in outcomes:
        if isinstance(outcome, ApiError):
            raise outcome
    return outcomes
