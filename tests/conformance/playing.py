"""Playing recorded exchanges against a node, in order."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.conformance.comparison import (
    Tolerance,
    differences,
    resolve,
    response_differences,
)
from tests.conformance.corpus import Exchange
from tests.conformance.sending import Captures, fill, send

# Long enough for a frame to arrive, short enough for many sockets that stay silent.
QUIET = 0.4
PATIENCE = 30.0
PROTOCOL_ERROR = 1002

Json = Any


@attrs.define
class Player:
    """Play exchanges one after the other; what one captures the next may use."""

    url: str
    captures: Captures = attrs.field(factory=dict)

    def play(self, exchange: Exchange) -> list[str]:
        """Return how the node's answer differs from the recorded one."""
        found = [problem for wait in exchange.waits("before") for problem in self._wait(wait)]
        tolerance = Tolerance.of(exchange.recorded)
        if "websocket" in exchange.recorded:
            answer = self._converse(exchange.recorded["websocket"], exchange.recorded["answer"])
            found += differences(exchange.recorded["answer"], answer, tolerance)
        else:
            answer = send(self.url, exchange.recorded["request"], self.captures)
            found += response_differences(exchange.recorded["response"], answer, tolerance)
        for name, pointer in exchange.recorded.get("capture", {}).items():
            self.captures[name] = str(resolve(answer.get("json"), pointer))
        return found + [problem for wait in exchange.waits("after") for problem in self._wait(wait)]

    def _wait(self, wait: Json) -> list[str]:
        request = {"method": "GET", "path": wait["poll_path"], "query": wait.get("poll_query")}
        deadline = time.monotonic() + min(wait["timeout_s"], PATIENCE)
        last = None
        while time.monotonic() < deadline:
            last = resolve(send(self.url, request, self.captures).get("json"), wait["pointer"])
            if last in wait["in"]:
                return []
            time.sleep(0.02)
        return [f"{wait['poll_path']} stayed {last!r}, expected one of {wait['in']}"]

    def _converse(self, script: Json, recorded: Json) -> Json:
        url = self.url.replace("http", "ws", 1) + script["path"]
        if script.get("query"):
            url += "?" + fill(script["query"], self.captures)
        try:
            with connect(url, ping_interval=None, compression=None, proxy=None) as socket:
                return self._play_steps(socket, script["steps"], recorded["steps"])
        except InvalidStatus as error:
            return {"handshake": error.response.status_code, "steps": [], "end": "refused"}

    def _play_steps(self, socket: ClientConnection, script: Json, recorded: Json) -> Json:
        end = "open"
        steps: list[Json] = []
        for step, expected in zip(script, recorded, strict=True):
            if "request" in step:
                steps.append({"response": send(self.url, step["request"], self.captures)})
            elif "send_text" in step:
                socket.send(step["send_text"])
                steps.append({})
            else:
                frames: list[Json] = []
                try:
                    while True:
                        missing = len(frames) < len(expected["frames"])
                        text = socket.recv(timeout=PATIENCE if missing else QUIET)
                        frames.append(json.loads(text))
                except TimeoutError:
                    pass
                except ConnectionClosed as error:
                    end = _ending(error)
                steps.append({"frames": frames})
        return {"handshake": 101, "steps": steps, "end": end}


def _ending(error: ConnectionClosed) -> str:
    if error.sent is not None and error.sent.code == PROTOCOL_ERROR:
        return "protocol_error"
    return f"close {error.rcvd.code}" if error.rcvd is not None else "cut"
