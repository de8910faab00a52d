"""The websocket of a machine's log: a login, all lines so far, then those that come."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from sqlite3 import Connection

from starlette.websockets import WebSocket, WebSocketDisconnect

from . import machine_logs
from .answers import Refusal, answer
from .compute_answers import machine_ref
from .logins import LoginRefused, authenticate_frame
from .machines import Machine
from .node import Node, node_of
from .owners import may_control
from .websockets import answer_in_plain_http

# Machines write whenever anything looks at them, so nobody could tell a listener of every line.
LOOK_EVERY = 0.05
NOT_RUNNING = "VM is not running, past logs sent"
STARTING = "VM is starting, try again shortly"


def known_owner(connection: Connection, node: Node, vm_hash: str) -> tuple[str, Machine | None]:
    """Return the owner of a machine that is or was here, and the machine if it is; raises ``Refusal`` 404."""
    machine = node.machines.find(connection, vm_hash)
    owner = machine_logs.past_owner(connection, vm_hash) if machine is None else machine.owner
    if owner is None:
        raise Refusal(404, "No execution found for this VM")
    return owner, machine


async def log_socket(socket: WebSocket) -> None:
    node = node_of(socket)
    try:
        vm_hash = machine_ref(socket)
        owner, machine = await node.database.run(
            lambda connection: known_owner(connection, node, vm_hash)
        )
    except Refusal as refusal:
        response = answer({"error": refusal.text}, refusal.status)
        response.headers["server"] = f"aleph-vm/{node.settings.compute_version}"
        await socket.send_denial_response(response)
        return
    await socket.accept()
    try:
        try:
            frame = await socket.receive_text()
            await _log_in(node, frame, owner)
        except LoginRefused as refused:
            await socket.send_json({"status": "failed", "reason": refused.reason})
            await socket.close()
            return
        except (TypeError, ValueError, KeyError):
            # The real node's handler fails, and its server answers in the only way it knows.
            answer_in_plain_http(
                socket, "500 Internal Server Error", "Server got itself in trouble"
            )
            return
        await socket.send_json({"status": "connected"})
        await _send_log(socket, node, vm_hash, machine)
    except (WebSocketDisconnect, RuntimeError):
        return


async def _log_in(node: Node, frame: str, owner: str) -> None:
    address = authenticate_frame(frame, domain=node.domain_name)
    if not await node.database.run(lambda connection: may_control(connection, address, owner)):
        raise LoginRefused(403, "unauthorized sender")


async def _send_log(socket: WebSocket, node: Node, vm_hash: str, machine: Machine | None) -> None:
    if machine is not None and not machine.created:
        await _send_frame(socket, "system", STARTING)
        await socket.close()
    elif machine is None:
        await _send_new(socket, node, vm_hash, 0)
        await _send_frame(socket, "system", NOT_RUNNING)
        await socket.close()
    else:
        await _follow(socket, node, vm_hash)


async def _follow(socket: WebSocket, node: Node, vm_hash: str) -> None:
    node.listeners.add(vm_hash, socket)
    gone = asyncio.create_task(_until_gone(socket))
    try:
        last = 0
        while not gone.done() and not node.stopping.is_set():
            if node.listeners.hears(vm_hash, socket):
                last = await _send_new(socket, node, vm_hash, last)
            await asyncio.wait({gone}, timeout=LOOK_EVERY)
    finally:
        node.listeners.remove(vm_hash, socket)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _send_new(socket: WebSocket, node: Node, vm_hash: str, last: int) -> int:
    """Send the lines after one; return the last one that was sent."""
    while rows := await node.database.run(partial(machine_logs.after, vm_hash=vm_hash, last=last)):
        for row in rows:
            await _send_frame(socket, row["stream"], row["message"])
            last = row["id"]
    return last


async def _send_frame(socket: WebSocket, kind: str, message: str) -> None:
    await socket.send_text(json.dumps({"type": kind, "message": message}))
