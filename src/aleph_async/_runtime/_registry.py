"""What a whole process shares, whatever the thread and the colour."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Registry(Generic[T]):
    """One thing for each key, made when it is first asked for, and forgotten when nobody holds it.

    A registry lives as long as the process. A forked child begins with an empty one, for threads
    that it does not have may hold the locks of the things.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._empty()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._empty)

    def _empty(self) -> None:
        self._things: WeakValueDictionary[Hashable, T] = WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T:
        """Return what everybody gets who asks for this key."""
        with self._lock:
            thing = self._things.get(key)
            if thing is None:
                thing = self._things[key] = self._make()
            return thing
