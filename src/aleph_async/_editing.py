"""Editing aggregates: read what is signed, change it, write it, and see that it stands."""

from __future__ import annotations

from collections.abc import Sequence

from aleph_core import edits
from aleph_core.contents import aggregate_content
from aleph_core.edits import Change, Edit, History
from aleph_core.errors import AggregateConflictError, ArgumentError
from aleph_core.filters import MessageFilter
from aleph_core.models.message import Published
from aleph_core.permissions import SECURITY_KEY

from ._aggregates import Aggregates
from ._publishing import Publishing
from ._runtime import sleep
from ._wall_clock import timestamp

__all__ = ["Editing"]

_ATTEMPTS = 12
_PAGE = 50
# Seconds by which the clocks of those who write one aggregate may differ.
_SKEW = 600.0


class Editing(Aggregates, Publishing):
    async def edit_aggregate(
        self,
        key: str,
        change: Change,
        *,
        entries: Sequence[str] | None = None,
        address: str | None = None,
        channel: str | None = None,
    ) -> Published | None:
        """Change entries of an aggregate so that nothing written at the same time is lost.

        ``change`` gets a copy of the present content and returns the top-level entries to write; of
        those only what differs is published, and nothing, with the result None, when all is there. It
        may be called several times: when somebody else wrote one of the entries meanwhile, it is
        applied again on top of that. So let it say what there shall be, not by how much: objects and
        lists keep the changes of all, but what two count up at once may be counted twice. Returns when
        the network has processed the change. ``entries`` names those that ``change`` looks at, which
        saves reading the rest. The content is read from messages whose signatures are verified. Raises
        ``AggregateConflictError`` when others keep writing, ``VerificationError`` for what nobody
        signed, and as ``create_aggregate`` does.
        """
        if not callable(change):
            raise ArgumentError("change", f"expected a function, not {type(change).__name__}")
        owner = self._owner(address)
        history = await self._read_history(owner, key, entries)
        edit = Edit(change, history)
        published: Published | None = None
        for attempt in range(_ATTEMPTS):
            wanted = edit.next_entries(history)
            if wanted and published is not None:
                await sleep(edits.pause(attempt))
                history = await self._read_history(owner, key, list(wanted), onto=history)
                wanted = edit.next_entries(history)
            if not wanted:
                return published
            time = edit.next_time(wanted, history, timestamp())
            fields = aggregate_content(address=owner, time=time, key=key, content=wanted)
            published = await self.submit(fields, "AGGREGATE", channel=channel)
            status = await self.wait_for_message(published.item_hash)
            published = Published(published.message.evolve(status=status), status)
            edit.wrote(published.item_hash)
            history = await self._read_history(owner, key, list(wanted), onto=history)
        raise AggregateConflictError(
            f"others kept writing the aggregate {key!r} of {owner} at the same time; "
            f"the change was applied {_ATTEMPTS} times, look whether it stands",
            key=key,
            attempts=_ATTEMPTS,
        )

    async def _read_history(
        self,
        owner: str,
        key: str,
        entries: Sequence[str] | None,
        *,
        onto: History | None = None,
        whole: bool = False,
    ) -> History:
        """Read the elements that explain the entries that the node shows, newest first.

        With ``onto`` the recent ones are read and added to those, and with ``whole`` all there are.
        """
        said = await self.get_aggregate(owner, key) or {}
        history = onto or History(owner, key)
        start = None if onto is None else _since(onto, entries)
        chosen = MessageFilter(owners=[owner], message_types=["AGGREGATE"], start_date=start)
        looks = 0
        async for message in self.get_messages_iterator(chosen, page_size=_PAGE):
            history.add(message)
            looks += 1
            if onto is not None or history.has_doubtful:
                continue
            # That there is no aggregate is but a word: what was written lately tells otherwise.
            if not said and not history.elements():
                if looks >= _PAGE:
                    break
            elif not whole and history.explains(said, entries) and history.is_past(message.time):
                break
        if history.has_doubtful:
            security = history
            if key != SECURITY_KEY:
                security = await self._read_history(owner, SECURITY_KEY, None, whole=True)
            history.admit(security.versions())
        history.require(said, entries)
        return history


def _since(history: History, entries: Sequence[str] | None) -> float:
    """Return the time from which on rivals of the entries may have written."""
    writers = [history.latest(entry) for entry in entries or ()]
    times: list[float] = [element.time for element in writers if element is not None]
    return max(min([timestamp(), *times]) - _SKEW, 0.0)
