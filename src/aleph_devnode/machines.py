"""The machines of the compute node: what is known of each, from its placement to its end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from sqlite3 import Connection, Row
from typing import Any

import attrs

from . import aggregates, machine_logs, port_mapping
from .processed import Message
from .settings import NodeSettings
from .times import now

FIRST_NUMBER = 4
HOST_PORTS = range(24_000, 65_535)
MOMENTS = (
    "defined_at",
    "preparing_at",
    "prepared_at",
    "starting_at",
    "started_at",
    "stopping_at",
    "stopped_at",
)


@attrs.define(kw_only=True)
class Machine:
    """Hold the state of one machine; times in seconds.

    ``number`` tells its networks from those of others. ``created`` turns true when it has a network. A confidential
    machine is then not ``running`` yet: it waits for its owner. ``placed`` ones were put here by the scheduler.
    ``disk`` tells where the content of its disk comes from.
    """

    vm_hash: str
    number: int
    owner: str
    sender: str
    content: dict[str, Any]
    vm_type: str
    placed: bool
    ready_at: float
    created: bool = False
    running: bool = False
    mapped_ports: port_mapping.Mapped = attrs.field(factory=dict)
    gpus: list[str] = attrs.field(factory=list)
    disk: str = "image"
    volumes_erased: int = 0
    times: dict[str, float | None] = attrs.field(factory=lambda: dict.fromkeys(MOMENTS))

    @property
    def confidential(self) -> bool:
        return is_confidential(self.content)

    @property
    def awaiting_confidential_init(self) -> bool:
        begun = self.times["started_at"] is not None and self.times["stopping_at"] is None
        return self.confidential and begun and not self.running


def is_confidential(content: dict[str, Any]) -> bool:
    return bool((content.get("environment") or {}).get("trusted_execution"))


def wanted_gpus(content: dict[str, Any]) -> list[dict[str, Any]]:
    return list((content.get("requirements") or {}).get("gpu") or [])


def required_node(content: dict[str, Any]) -> str | None:
    """Return the hash of the node that a machine asks to run on."""
    node = (content.get("requirements") or {}).get("node") or {}
    return node.get("node_hash") or None


def disk_mib(content: dict[str, Any]) -> int:
    volumes = [content.get("rootfs") or {}, *(content.get("volumes") or ())]
    return sum(volume.get("size_mib") or 0 for volume in volumes)


def remove(connection: Connection, vm_hash: str) -> None:
    """Take a machine away; what ports it had is remembered for its return."""
    connection.execute("DELETE FROM machines WHERE vm_hash = ?", (vm_hash,))


def forget(connection: Connection, vm_hash: str) -> None:
    """Take a machine away, its ports with it."""
    remove(connection, vm_hash)
    connection.execute("DELETE FROM kept_ports WHERE vm_hash = ?", (vm_hash,))


class Machines:
    """Keep the machines of one compute node in its database."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._next_ports = itertools.cycle(HOST_PORTS)

    def find(self, connection: Connection, vm_hash: str) -> Machine | None:
        """Return a machine as it is now, None when the node has none of this hash."""
        row = _row(connection, vm_hash)
        return None if row is None else self._settled(connection, _machine(row))

    def each(self, connection: Connection) -> list[Machine]:
        """Return all machines as they are now, in the order of their placement."""
        rows = connection.execute("SELECT * FROM machines ORDER BY rowid").fetchall()
        found = [self._settled(connection, _machine(row)) for row in rows]
        return [machine for machine in found if machine is not None]

    def save(self, connection: Connection, machine: Machine) -> None:
        state = attrs.asdict(machine)
        columns = [state.pop(name) for name in ("vm_hash", "number", "owner")]
        connection.execute(
            "INSERT INTO machines VALUES (?, ?, ?, ?)"
            " ON CONFLICT (vm_hash) DO UPDATE SET state = excluded.state",
            (*columns, json.dumps(state, ensure_ascii=False)),
        )

    def begin(
        self,
        connection: Connection,
        message: Message,
        *,
        placed: bool,
        gpus: Sequence[str] = (),
    ) -> Machine:
        """Define a machine that will be up after the node's ``boot_seconds``."""
        begun = now()
        machine = Machine(
            vm_hash=message.item_hash,
            number=_free_number(connection),
            owner=message.owner,
            sender=message.sender,
            content=message.content,
            vm_type="instance" if message.type == "INSTANCE" else "persistent_program",
            placed=placed,
            ready_at=begun + self._settings.boot_seconds,
            gpus=list(gpus),
        )
        machine.times |= {"defined_at": begun, "preparing_at": begun}
        self.save(connection, machine)
        return machine

    def finish(self, connection: Connection, machine: Machine) -> Exception | None:
        """Bring a machine up whose time has come; return what went wrong, and the machine is gone."""
        if machine.created or now() < machine.ready_at:
            return None
        machine.created = True
        machine.running = not machine.confidential
        machine.times |= dict.fromkeys(
            ("prepared_at", "starting_at", "started_at"), machine.ready_at
        )
        failure = self.update_ports(connection, machine)
        if failure is not None:
            remove(connection, machine.vm_hash)
        elif machine.running:
            machine_logs.write_boot(connection, machine.vm_hash)
        return failure

    def restart(self, connection: Connection, machine: Machine) -> None:
        """Start a machine anew; a confidential one waits for its owner again."""
        machine.created = True
        machine.running = not machine.confidential
        machine.times |= dict.fromkeys(("starting_at", "started_at"), now())
        machine.times |= dict.fromkeys(("stopping_at", "stopped_at"))
        if machine.running:
            machine_logs.write_boot(connection, machine.vm_hash)
        self.save(connection, machine)

    def bring_up(self, connection: Connection, vm_hash: str) -> Exception | None:
        """Bring up the machine of this hash, if it is there and its time has come; return what went wrong."""
        row = _row(connection, vm_hash)
        return None if row is None else self.finish(connection, _machine(row))

    def _settled(self, connection: Connection, machine: Machine) -> Machine | None:
        return machine if self.finish(connection, machine) is None else None

    def update_ports(self, connection: Connection, machine: Machine) -> Exception | None:
        """Map the ports that the owner's aggregate asks for; return what went wrong half way."""
        failure: Exception | None = None
        if machine.vm_type == "instance":
            if not machine.mapped_ports:
                machine.mapped_ports = self._kept_ports(connection, machine.vm_hash)
            content = aggregates.find(connection, machine.owner, port_mapping.KEY)
            wanted = port_mapping.requested({} if content is None else content, machine.vm_hash)
            try:
                changed = port_mapping.apply(
                    machine.mapped_ports, wanted, lambda: self._free_port(connection)
                )
            except (KeyError, TypeError) as error:
                failure = error
            else:
                if changed:
                    self._keep_ports(connection, machine)
        self.save(connection, machine)
        return failure

    def _kept_ports(self, connection: Connection, vm_hash: str) -> port_mapping.Mapped:
        row = connection.execute(
            "SELECT ports FROM kept_ports WHERE vm_hash = ?", (vm_hash,)
        ).fetchone()
        return {} if row is None else _with_numbers(json.loads(row["ports"]))

    def _keep_ports(self, connection: Connection, machine: Machine) -> None:
        connection.execute(
            "INSERT INTO kept_ports VALUES (?, ?)"
            " ON CONFLICT (vm_hash) DO UPDATE SET ports = excluded.ports",
            (machine.vm_hash, json.dumps(machine.mapped_ports)),
        )

    def _free_port(self, connection: Connection) -> int:
        """Return the next port of the host that no machine has, so that a port is not reused at once."""
        taken = {
            mapping["host"]
            for row in connection.execute(
                "SELECT ports FROM kept_ports"
                " UNION ALL SELECT json_extract(state, '$.mapped_ports') FROM machines"
            )
            for mapping in json.loads(row["ports"]).values()
        }
        return next(port for port in self._next_ports if port not in taken)


def _row(connection: Connection, vm_hash: str) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM machines WHERE vm_hash = ?", (vm_hash,)
    ).fetchone()
    return row


def _machine(row: Row) -> Machine:
    state = json.loads(row["state"])
    state["mapped_ports"] = _with_numbers(state["mapped_ports"])
    return Machine(vm_hash=row["vm_hash"], number=row["number"], owner=row["owner"], **state)


def _with_numbers(ports: dict[str, dict[str, Any]]) -> port_mapping.Mapped:
    return {int(port): mapping for port, mapping in ports.items()}


def _free_number(connection: Connection) -> int:
    taken = {row["number"] for row in connection.execute("SELECT number FROM machines")}
    return next(number for number in itertools.count(FIRST_NUMBER) if number not in taken)
