"""Payments of EVM accounts: balances on their network, and streams of tokens (pay-as-you-go)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from aleph_core.evm import flows, refusals, rpc, superfluid
from aleph_core.evm.addresses import checked_address
from aleph_core.evm.errors import TransactionError
from aleph_core.evm.flows import Flow, FlowChange, FlowUpdate
from aleph_core.evm.networks import EvmNetwork, network_named
from aleph_core.evm.transactions import Action, Receipt, read_action
from aleph_core.evm.units import from_wei, rate_to_wei
from aleph_core.settings import Settings

from ._evm import EvmConnection
from ._runtime import Registry, home
from ._transactions import Payer, Turn

__all__ = ["Payments", "Wallet"]

_turns = Registry(Turn)


class Wallet:
    """Where an account pays; the settings are read when that is first needed."""

    def __init__(self, chain: str) -> None:
        self._chain = chain
        self._settings: Settings | None = None
        self._network: EvmNetwork | None = None
        # Accounts outlive event loops, and several may share one.
        self._homes: WeakKeyDictionary[object, dict[EvmNetwork, EvmConnection]] = (
            WeakKeyDictionary()
        )

    @property
    def name(self) -> str:
        return self._chain if self._network is None else self._network.name

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = Settings.from_environment()
        return self._settings

    @property
    def network(self) -> EvmNetwork:
        network = self._network
        if network is None:
            network = self._network = network_named(self._chain, self.settings.CHAINS)
        return network

    def switch(
        self, chain: str | None, settings: Settings | None, changes: Mapping[str, Any]
    ) -> None:
        if settings is not None:
            self._settings = settings
        if chain is None and settings is None:
            given = {name: value for name, value in changes.items() if value is not None}
            self._network = attrs.evolve(self.network, **given)
        else:
            self._network = network_named(
                self.name if chain is None else chain, self.settings.CHAINS, changes
            )

    @property
    def connection(self) -> EvmConnection:
        network = self.network
        connections = self._homes.setdefault(home(), {})
        made = connections.get(network)
        if made is None:
            # Whichever of two threads comes first; the other connection was never opened.
            made = connections.setdefault(network, EvmConnection(network, self.settings))
        return made

    async def aclose(self) -> None:
        connections = self._homes.pop(home(), {})
        for connection in connections.values():
            await connection.aclose()


class Payments:
    """What an account on an EVM network can pay: what it has, and streams of ALEPH by Superfluid.

    Rates are in tokens per second. Amounts and rates are ``Decimal``, whole numbers or texts, never
    floats. What pays returns a ``Receipt`` once it is mined, within ``timeout`` seconds
    (``ALEPH_TX_TIMEOUT`` by default), and raises ``InsufficientFundsError`` when tokens or gas do
    not suffice, ``RevertedError`` when a contract refuses, ``TransactionTimeout``,
    ``ConfigurationError`` where the network has no streams, and as all that asks a network
    ``WrongChainError``, ``TransportError`` and ``ApiError``. An account on a device waits for its owner.
    """

    __slots__ = ()

    _wallet: Wallet

    @property
    def network(self) -> str:
        """The name of the EVM network on which the account pays."""
        return self._wallet.name

    @property
    def payment_network(self) -> EvmNetwork:
        """The network on which the account pays: its chain id, endpoints and contracts."""
        return self._wallet.network

    def switch_chain(
        self,
        chain: str | None = None,
        *,
        rpc: str | Sequence[str] | None = None,
        chain_id: int | None = None,
        token: str | None = None,
        super_token: str | None = None,
        forwarder: str | None = None,
        host: str | None = None,
        cfa: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Pay on another network from now on, or on the same one by other endpoints and contracts.

        What is published stays under the chain that the account was made for. What is not given is
        that of the settings (``ALEPH_CHAINS_*``), or without a ``chain`` what it was.
        """
        self._wallet.switch(
            chain,
            settings,
            {
                "rpc": rpc,
                "chain_id": chain_id,
                "token": token,
                "super_token": super_token,
                "forwarder": forwarder,
                "host": host,
                "cfa": cfa,
            },
        )

    async def get_eth_balance(self) -> Decimal:
        """Return the native coins of the account, which pay for gas."""
        (wei,) = await self._wallet.connection.readings(rpc.balance(self._sender))
        return from_wei(wei)

    async def get_token_balance(self) -> Decimal:
        """Return the ALEPH of the account, in the token that is held and traded."""
        return await self._balance("token")

    async def get_super_token_balance(self) -> Decimal:
        """Return the ALEPH of the account that can flow, without deposits; 0 when it is in debt."""
        return await self._balance("super_token")

    async def can_transact(self, tx: Mapping[str, Any] | Action, block: bool = True) -> bool:
        """Tell whether a transaction (``to``, ``data``, ``value``) would succeed and can be paid.

        With ``block`` the error is raised that says why not.
        """
        action = read_action(tx)
        try:
            await self._payer().afford(action)
        except TransactionError:
            if block:
                raise
            return False
        return True

    async def can_start_flow(self, flow: Decimal | int | str, block: bool = True) -> bool:
        """Tell whether tokens and gas suffice for a new flow of this rate.

        With ``block`` the ``InsufficientFundsError`` is raised that says what is missing.
        """
        payer = self._payer()
        network = payer.chain.network
        change = flows.to_somebody_new(flow)
        action = superfluid.apply(network, payer.address, [change])
        gas, base_fee, tip, balance, (deposit,), real = await payer.chain.prospects(
            payer.address,
            action,
            superfluid.deposit_for(network, change.rate),
            superfluid.real_balance(network, payer.address),
        )
        error = refusals.of_new_flow(
            network,
            action,
            gas=gas,
            base_fee=base_fee,
            tip=tip,
            coins=balance,
            deposit=deposit,
            tokens=real[0],
        )
        if error is not None and (block or not isinstance(error, TransactionError)):
            raise error
        return error is None

    async def get_flow(self, receiver: str, sender: str | None = None) -> Flow:
        """Return the flow to a receiver, from the account or another sender.

        One that is not there has the rate 0. It tells whether its sender can still pay.
        """
        chain = self._wallet.connection
        payer = self._sender if sender is None else checked_address(sender, "sender")
        payee = checked_address(receiver, "receiver")
        info, real, (net_rate,) = await chain.readings(
            superfluid.flow_info(chain.network, payer, payee),
            superfluid.real_balance(chain.network, payer),
            superfluid.account_rate(chain.network, payer),
        )
        return superfluid.read_flow(payer, payee, info, real, net_rate)

    async def create_flow(
        self, receiver: str, flow: Decimal | int | str, *, timeout: float | None = None
    ) -> Receipt:
        """Begin a flow; raise ``FlowExistsError`` when there is one to this receiver."""
        return await self._change([flows.create(self._sender, receiver, flow)], timeout)

    async def update_flow(
        self, receiver: str, flow: Decimal | int | str, *, timeout: float | None = None
    ) -> Receipt:
        """Give a flow another rate; raise ``FlowNotFoundError`` when there is none."""
        return await self._change([flows.update(self._sender, receiver, flow)], timeout)

    async def delete_flow(self, receiver: str, *, timeout: float | None = None) -> Receipt:
        """End a flow and get its deposit back; raise ``FlowNotFoundError`` when there is none."""
        return await self._change([flows.delete(self._sender, receiver)], timeout)

    async def manage_flow(
        self,
        receiver: str,
        flow: Decimal | int | str,
        update_type: FlowUpdate | str,
        *,
        timeout: float | None = None,
    ) -> Receipt | None:
        """Make a flow faster (``increase``) or slower (``reduce``) by a rate.

        The first increase creates it; one that next to nothing is left of ends. Returns None when
        there is no flow to reduce. Calls at the same time in one process add up.
        """
        way = flows.way_of(update_type)
        payee = flows.other(self._sender, receiver)
        return await self._add([(payee, rate_to_wei(flow))], way, timeout)

    async def open_payg(
        self,
        node_receiver: str,
        node_rate: Decimal | int | str,
        community_receiver: str,
        community_rate: Decimal | int | str,
        *,
        timeout: float | None = None,
    ) -> Receipt:
        """Pay an instance as it runs: its node and the community, in one transaction or not at all.

        Flows that are there to either receiver, for other instances, become faster by as much.
        """
        streams = self._streams(node_receiver, node_rate, community_receiver, community_rate)
        receipt = await self._add(streams, FlowUpdate.INCREASE, timeout)
        assert receipt is not None
        return receipt

    async def close_payg(
        self,
        node_receiver: str,
        node_rate: Decimal | int | str,
        community_receiver: str,
        community_rate: Decimal | int | str,
        *,
        timeout: float | None = None,
    ) -> Receipt | None:
        """Undo ``open_payg`` with the same arguments; None when neither flow is there."""
        streams = self._streams(node_receiver, node_rate, community_receiver, community_rate)
        return await self._add(streams, FlowUpdate.REDUCE, timeout)

    async def aclose(self) -> None:
        """Close the connections to networks; the account opens new ones when it needs them."""
        await self._wallet.aclose()

    @property
    def _sender(self) -> str:
        account: Any = self
        return str(account.get_address())

    def _payer(self) -> Payer:
        account: Any = self
        chain = self._wallet.connection
        turn = _turns.get((chain.network.chain_id, self._sender))
        return Payer(account, chain, turn)

    def _patience(self, timeout: float | None) -> float:
        return self._wallet.settings.TX_TIMEOUT if timeout is None else timeout

    async def _balance(self, contract: str) -> Decimal:
        chain = self._wallet.connection
        address = chain.network.need(contract)
        ((wei,),) = await chain.readings(superfluid.token_balance(address, self._sender))
        return from_wei(wei)

    def _streams(
        self, node_receiver: Any, node_rate: Any, community_receiver: Any, community_rate: Any
    ) -> list[tuple[str, int]]:
        return flows.joined(
            [
                (
                    flows.other(self._sender, node_receiver, "node_receiver"),
                    rate_to_wei(node_rate, "node_rate"),
                ),
                (
                    flows.other(self._sender, community_receiver, "community_receiver"),
                    rate_to_wei(community_rate, "community_rate"),
                ),
            ]
        )

    async def _change(
        self, changes: Sequence[FlowChange], timeout: float | None, payer: Payer | None = None
    ) -> Receipt:
        payer = self._payer() if payer is None else payer
        action = superfluid.apply(payer.chain.network, payer.address, changes)
        return await payer.transact(action, changes, timeout=self._patience(timeout))

    async def _add(
        self, streams: Sequence[tuple[str, int]], way: FlowUpdate, timeout: float | None
    ) -> Receipt | None:
        """Change the rates of flows by as much, on top of what others change at the same time."""
        payer = self._payer()
        network = payer.chain.network
        async with payer.turn.changing:
            present = await payer.chain.readings(
                *(superfluid.flow_info(network, payer.address, to) for to, _ in streams)
            )
            changes = [
                change
                for (to, by), (_, rate, _, _) in zip(streams, present, strict=True)
                if (change := flows.changed(to, rate, by, way)) is not None
            ]
            return await self._change(changes, timeout, payer) if changes else None
