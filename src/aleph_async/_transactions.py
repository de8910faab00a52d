"""Sending the transactions of an account, one nonce after the other, and waiting until they are mined."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from aleph_core.errors import AlephError, ApiError, TransportError
from aleph_core.evm import refusals, rpc, superfluid
from aleph_core.evm.errors import (
    InsufficientDepositError,
    InsufficientGasError,
    NonceTakenError,
    RevertedError,
    TransactionTimeout,
)
from aleph_core.evm.flows import FlowChange, usual_deposit
from aleph_core.evm.transactions import (
    Action,
    Cost,
    Mining,
    Receipt,
    SignedTransaction,
    Transaction,
)
from aleph_core.evm.units import from_wei
from aleph_core.retry import is_lost

from ._evm import EvmConnection
from ._runtime import Lock, clock, run_blocking, sleep

__all__ = ["Payer", "Turn"]

# How often a transaction is made again whose nonce was taken by another program with the same key.
_ATTEMPTS = 3


class Signer(Protocol):
    @property
    def interactive(self) -> bool: ...

    def get_address(self) -> str: ...

    def sign_transaction(self, transaction: bytes) -> bytes: ...


class Turn:
    """Whose turn it is among all that pay from one address on one chain in this process.

    ``sending`` is held from the choice of a nonce until its transaction is sent, ``changing`` from
    the reading of a flow until it was changed by as much. ``unmined`` are the nonces that were sent.
    """

    def __init__(self) -> None:
        self.sending = Lock()
        self.changing = Lock()
        self.unmined: set[int] = set()


class Payer:
    """An account on a network, at the moment of paying."""

    def __init__(self, account: Signer, chain: EvmConnection, turn: Turn) -> None:
        self.chain = chain
        self.turn = turn
        self._account = account
        self.address = account.get_address()

    async def transact(
        self, action: Action, changes: Sequence[FlowChange] = (), *, timeout: float
    ) -> Receipt:
        """Carry the action out and return the receipt; a reverted one is an error.

        ``changes`` are the flows that it changes, for the numbers in errors.
        """
        mining = Mining("", self.chain.network.name, timeout)
        cost = await self.afford(action, changes)
        attempt = 1
        while True:
            try:
                async with self.turn.sending:
                    signed, doubt = await self._sign_and_send(action, cost)
                break
            except NonceTakenError as error:
                if (
                    type(error) is not NonceTakenError
                    or self._account.interactive
                    or attempt == _ATTEMPTS
                ):
                    raise
            await sleep(attempt)
            attempt += 1
        try:
            mining.hash = signed.hash
            receipt = await self._mined(mining, doubt)
        finally:
            self.turn.unmined.discard(signed.transaction.nonce)
        if not receipt.succeeded:
            raise await self._failure(action, signed, receipt)
        return receipt

    async def afford(self, action: Action, changes: Sequence[FlowChange] = ()) -> Cost:
        """Return what the action may cost; raise when it cannot succeed, or cannot be paid for."""
        network = self.chain.network
        gas, base_fee, tip, balance = await self.chain.prospects(self.address, action)
        if isinstance(gas, ApiError):
            refusal = await self._explained(gas, action, changes)
            if isinstance(refusal, InsufficientGasError):
                refusal.available = from_wei(balance)
            raise refusal
        cost = Cost(gas, base_fee, tip)
        if balance < cost.total + action.value:
            raise refusals.poor(network, action, cost.total + action.value, balance)
        return cost

    async def _sign_and_send(
        self, action: Action, cost: Cost
    ) -> tuple[SignedTransaction, AlephError | None]:
        (pending,) = await self.chain.values(rpc.nonce(self.address))
        # The node that answers may not have heard yet of what another one was sent.
        number = max([pending, *(sent + 1 for sent in self.turn.unmined)])
        transaction = Transaction(
            chain_id=self.chain.network.chain_id,
            nonce=number,
            tip=cost.tip,
            max_fee=cost.max_fee,
            gas_limit=cost.gas_limit,
            action=action,
        )
        unsigned = transaction.unsigned()
        if self._account.interactive:
            signature = await run_blocking(self._account.sign_transaction, unsigned)
        else:
            signature = self._account.sign_transaction(unsigned)
        signed = transaction.signed(signature)
        await self.chain.check_chain()
        doubt = await self._send(signed)
        self.turn.unmined.add(number)
        return signed, doubt

    async def _send(self, signed: SignedTransaction) -> AlephError | None:
        """Send it until a node has it, or may have it: then return what makes that doubtful.

        The same bytes may be sent many times.
        """
        try:
            (outcome,) = await self.chain.outcomes(rpc.send(signed.raw))
        except TransportError as error:
            if error.sent or error.attempts > 1:
                return error
            raise
        except ApiError as error:
            if is_lost(error) or refusals.is_doubtful(error):
                return error
            raise
        if not isinstance(outcome, ApiError) or refusals.already_known(outcome):
            return None
        if refusals.is_doubtful(outcome):
            return outcome
        transaction = signed.transaction
        refusal = refusals.explained(
            outcome, self.chain.network, transaction.action, nonce=transaction.nonce
        )
        # What took the nonce may be this very transaction, when the answer to its sending was lost.
        if isinstance(refusal, NonceTakenError):
            (known,) = await self.chain.values(rpc.transaction(signed.hash))
            if known:
                return None
        if isinstance(refusal, InsufficientGasError):
            raise await self._poor(transaction, refusal) from outcome
        raise refusal from (None if refusal is outcome else outcome)

    async def _mined(self, mining: Mining, trouble: AlephError | None) -> Receipt:
        begun = clock()
        while True:
            try:
                await sleep(mining.pause(elapsed=clock() - begun))
            except TransactionTimeout as error:
                raise error from trouble
            try:
                found = await self.chain.values(rpc.receipt(mining.hash))
            except (ApiError, TransportError) as error:
                trouble = error
                continue
            receipt: Receipt | None = found[0]
            if receipt is not None:
                return receipt

    async def _explained(
        self, outcome: ApiError, action: Action, changes: Sequence[FlowChange]
    ) -> AlephError:
        """Return the error for a refused estimate; that for a deposit gets its numbers."""
        network = self.chain.network
        error = refusals.explained(outcome, network, action)
        if not isinstance(error, InsufficientDepositError) or not changes:
            error.__cause__ = None if error is outcome else outcome
            return error
        queries: list[Any] = [superfluid.real_balance(network, self.address)]
        for change in changes:
            queries.append(superfluid.flow_info(network, self.address, change.receiver))
            queries.append(superfluid.deposit_for(network, change.rate))
        try:
            real, *rest = await self.chain.values(*queries)
        except (ApiError, TransportError):
            error.required = from_wei(sum(usual_deposit(each.rate) for each in changes))
            return error
        locked = sum(info[2] for info in rest[::2])
        required = sum(deposit for (deposit,) in rest[1::2]) - locked
        return refusals.too_poor_for_deposit(network, action, required, real[0])

    async def _poor(self, transaction: Transaction, error: InsufficientGasError) -> AlephError:
        required = transaction.gas_limit * transaction.max_fee + transaction.action.value
        try:
            (balance,) = await self.chain.values(rpc.balance(self.address))
        except (ApiError, TransportError):
            return error
        return refusals.poor(self.chain.network, transaction.action, required, balance)

    async def _failure(
        self, action: Action, signed: SignedTransaction, receipt: Receipt
    ) -> RevertedError:
        """Return the error for a transaction that was mined to no effect."""
        data = b""
        with suppress(ApiError, TransportError):
            (again,) = await self.chain.outcomes(rpc.simulate(self.address, action, receipt.block))
            data = refusals.data_of(again)
        # A contract keeps back a part of the gas when it calls another.
        used_up = receipt.gas * 10 >= signed.transaction.gas_limit * 9
        return refusals.reverted(
            self.chain.network,
            action,
            data,
            said=f"it ran out of its {signed.transaction.gas_limit} gas" if used_up else "",
            transaction_hash=receipt.hash,
        )
