"""The parts of a node, put together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from .backups import Backups
from .broadcasting import Broadcaster
from .database import Database
from .filestore import FileStore
from .intake import Intake
from .launches import Launches
from .listeners import Listeners
from .machines import Machines
from .processed import Message
from .processing import Processor
from .reservations import Reservations
from .settings import NodeSettings


class Node:
    """Hold the database, the files and the intake of one node."""

    def __init__(
        self, settings: NodeSettings, folder: Path, *, durable: bool, url: str = "http://127.0.0.1"
    ) -> None:
        """Keep files under ``folder``, and the database too unless the node is not ``durable``."""
        self.settings = settings
        self.url = url
        self.machines = Machines(settings)
        self.listeners = Listeners()
        self.reservations = Reservations()
        self.backups = Backups(settings, url)
        self.launches = Launches(settings)
        self.stopping = asyncio.Event()
        self.database = Database(folder / "node.sqlite" if durable else None)
        try:
            # Only now is it sure that no other node uses the folder.
            self.store = FileStore(folder)
        except BaseException:
            self.database.close()
            raise
        self.broadcaster = Broadcaster(settings.max_message_sockets)
        self.intake = Intake(
            settings, self.database, Processor(settings, self.store, self.machines), self._processed
        )

    @property
    def domain_name(self) -> str:
        """The name under which the compute node expects to be addressed, without a port."""
        return self.settings.domain_name or urlsplit(self.url).hostname or ""

    def _processed(self, message: Message) -> None:
        self.broadcaster.publish(message)

    async def start(self) -> None:
        await self.intake.start()

    async def stop(self) -> None:
        """Let go of publishers that wait for an outcome; requests are still answered."""
        self.stopping.set()
        await self.intake.stop()

    def close(self) -> None:
        self.database.close()


def node_of(connection: HTTPConnection) -> Node:
    """Return the node that a request was made to."""
    return cast(Node, connection.app.state.node)
