"""The runtimes of programs that the network recommends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aleph_core.structuring import structure

from ._service import Service

if TYPE_CHECKING:
    from aleph_core.models.runtimes import RuntimeEntry, RuntimesAggregate

__all__ = ["Runtimes"]


class Runtimes(Service):
    """The runtimes of programs that the network recommends, by its ``runtimes`` aggregate.

    Root file systems, rescue systems and firmware are among them. The owner of the aggregate is the
    setting ``ALEPH_ALEPH_AGGREGATE_ADDRESS``; ``ResourceNotFoundError`` is raised when it has none.
    """

    async def get_runtimes_aggregate(self) -> RuntimesAggregate:
        """Return all entries."""
        from aleph_core.models.runtimes import RuntimesAggregate

        owner = self._settings.ALEPH_AGGREGATE_ADDRESS
        return structure(await self._client.fetch_aggregate(owner, "runtimes"), RuntimesAggregate)

    async def get_runtimes(self, runtime_type: str | None = None) -> list[RuntimeEntry]:
        """Return the entries of one ``RuntimeType``, or all of them."""
        return list((await self.get_runtimes_aggregate()).of_type(runtime_type))

    async def get_default_runtime(self, runtime_type: str) -> RuntimeEntry | None:
        """Return the entry of a type to take when nobody names one, or None when none is set."""
        entries = await self.get_runtimes(runtime_type)
        return next((entry for entry in entries if entry.default), None)
