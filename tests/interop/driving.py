"""The two sides of the tests: the published SDK in its own process, and ours in both colours."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

import aleph_async
import aleph_sync
from aleph_devnode import DevNode

PROGRAM = Path(__file__).with_name("published_sdk.py")
PATIENCE = 60.0


class SdkError(Exception):
    """The SDK raised; ``kind`` is the name of what it raised."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class PublishedSdk:
    """The published SDK as a process that takes commands, one at a time."""

    def __init__(self, python: str, node: DevNode, keys: dict[str, str], home: Path) -> None:
        self._process = subprocess.Popen(
            [python, str(PROGRAM), json.dumps({"node": node.url, "keys": keys})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Its settings come from variables and from files of the home and current directory.
            cwd=home,
            env={
                **{k: v for k, v in os.environ.items() if not k.upper().startswith("ALEPH_")},
                **node.environment(),
                "HOME": str(home),
            },
        )
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.watched: queue.Queue[dict[str, Any]] = queue.Queue()
        self._numbers = itertools.count()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.addresses: dict[str, str] = self._answer()["ready"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._listener.join()
            stdout.close()

    def __call__(self, method: str, *, chain: str = "ETH", **arguments: Any) -> Any:
        """Run a method of the SDK's client, or ``service.method``, and return its result in JSON terms."""
        number = next(self._numbers)
        command = {"number": number, "method": method, "chain": chain, "arguments": arguments}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert answer.get("number") == number, answer
        if "error" in answer:
            raise SdkError(answer["error"], answer["text"])
        return answer["result"]

    def _answer(self) -> dict[str, Any]:
        answer = self._answers.get(timeout=PATIENCE)
        assert "ended" not in answer, "the SDK's process ended; see its standard error above"
        return answer

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if "watched" in answer:
                self.watched.put(answer["watched"])
            else:
                self._answers.put(answer)
        self._answers.put({"ended": True})


class Blocking:
    """``aleph_sync``, called by the names of its methods."""

    def __init__(self, account: aleph_sync.Account, node: str) -> None:
        self._client = aleph_sync.AuthenticatedAlephHttpClient(account, node, verify="signature")

    def __call__(self, method: str, *args: Any, **arguments: Any) -> Any:
        return attrgetter(method)(self._client)(*args, **arguments)

    def collect(
        self,
        method: str,
        *,
        count: int | None = None,
        on_item: Callable[[Any], object] = bool,
        **arguments: Any,
    ) -> list[Any]:
        """Return what an iterator yields, at most ``count``, each shown to ``on_item`` meanwhile."""
        found: list[Any] = []
        for item in attrgetter(method)(self._client)(**arguments):
            found.append(item)
            on_item(item)
            if len(found) == count:
                break
        return found

    def close(self) -> None:
        self._client.close()


class Async:
    """``aleph_async``, called in the same way; its loop runs while a call runs."""

    def __init__(self, account: aleph_async.Account, node: str) -> None:
        self._client = aleph_async.AuthenticatedAlephHttpClient(account, node, verify="signature")
        self._runner = asyncio.Runner()

    def __call__(self, method: str, *args: Any, **arguments: Any) -> Any:
        return self._runner.run(attrgetter(method)(self._client)(*args, **arguments))

    def collect(
        self,
        method: str,
        *,
        count: int | None = None,
        on_item: Callable[[Any], object] = bool,
        **arguments: Any,
    ) -> list[Any]:
        async def collect() -> list[Any]:
            found: list[Any] = []
            async for item in attrgetter(method)(self._client)(**arguments):
                found.append(item)
                on_item(item)
                if len(found) == count:
                    break
            return found

        return self._runner.run(collect())

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


Ours = Blocking | Async


def hashes(messages: Iterable[Any]) -> list[str]:
    return [message["item_hash"] for message in messages]


def wire_form(message: aleph_sync.Message) -> dict[str, Any]:
    """Return the message in JSON terms, without what the node adds."""
    return {name: value for name, value in message.as_dict().items() if value is not None}
