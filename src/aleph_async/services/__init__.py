"""The services of the network, each an attribute of a client: ``client.scheduler``, ``client.dns``."""

from __future__ import annotations
