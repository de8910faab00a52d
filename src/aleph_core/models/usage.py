"""What the host of a compute node has, what of it is free, and how its node is set up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from .record import Record

__all__ = [
    "GPU",
    "Capability",
    "CoreFrequencies",
    "CpuCapability",
    "CpuLoad",
    "CpuProperties",
    "CpuUsage",
    "CrnConfig",
    "GpuUsage",
    "MachineProperties",
    "MemoryCapability",
    "NodeCheck",
    "SpaceUsage",
    "SystemUsage",
    "UsagePeriod",
]


@attrs.frozen(kw_only=True)
class CpuLoad(Record):
    """How many processors were busy on average over the last 1, 5 and 15 minutes."""

    load1: float | None = None
    load5: float | None = None
    load15: float | None = None


@attrs.frozen(kw_only=True)
class CoreFrequencies(Record):
    """In MHz."""

    min: float | None = None
    max: float | None = None


@attrs.frozen(kw_only=True)
class CpuUsage(Record):
    count: int = 0
    load_average: CpuLoad = CpuLoad()
    core_frequencies: CoreFrequencies | None = None

    @property
    def free(self) -> int:
        """The processors that the last quarter of an hour's load leaves, counting a part as whole."""
        loads = self.load_average
        load = next((x for x in (loads.load15, loads.load5, loads.load1) if x is not None), 0.0)
        # Infinity and NaN are JSON to Python's parser.
        if load > self.count:
            return 0
        return self.count - int(load) if load > 0 else max(self.count, 0)


@attrs.frozen(kw_only=True)
class SpaceUsage(Record):
    """Memory or disk, in units of 1000 bytes."""

    total_kB: int | None = None  # noqa: N815 - the node's name for it
    available_kB: int | None = None  # noqa: N815 - the node's name for it


@attrs.frozen(kw_only=True)
class UsagePeriod(Record):
    start_timestamp: datetime | None = None
    duration_seconds: float | None = None


@attrs.frozen(kw_only=True)
class CpuProperties(Record):
    """``features`` are those of confidential computing: ``sev``, ``sev_es``, ``sev_snp``."""

    architecture: str | None = None
    vendor: str | None = None
    features: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class MachineProperties(Record):
    cpu: CpuProperties | None = None


@attrs.frozen(kw_only=True)
class GPU(Record):
    """A graphics card; ``model`` is None for those that the network does not list as compatible."""

    vendor: str | None = None
    model: str | None = None
    device_name: str | None = None
    device_class: str | None = None
    pci_host: str | None = None
    device_id: str | None = None
    compatible: bool = False

    @property
    def label(self) -> str:
        """The name to count it under: its model, or what else is known of it."""
        return self.model or self.device_name or self.device_id or "unknown"

    @property
    def place(self) -> tuple[str | None, str | None, str | None]:
        """What tells it from other cards of its host."""
        return self.pci_host, self.device_id, self.device_name

    def is_called(self, name: str) -> bool:
        """Tell whether this is its device id, model or device name, in any case of letters."""
        known = (self.device_id, self.model, self.device_name)
        return any(text is not None and text.lower() == name.lower() for text in known)


@attrs.frozen(kw_only=True)
class GpuUsage(Record):
    devices: tuple[GPU, ...] = ()
    available_devices: tuple[GPU, ...] = ()


@attrs.frozen(kw_only=True)
class SystemUsage(Record):
    """What a host has and what of it is free; None where it does not tell."""

    cpu: CpuUsage | None = None
    mem: SpaceUsage | None = None
    disk: SpaceUsage | None = None
    period: UsagePeriod | None = None
    properties: MachineProperties | None = None
    gpu: GpuUsage = GpuUsage()
    active: bool = True


@attrs.frozen(kw_only=True)
class CpuCapability(Record):
    architecture: str | None = None
    vendor: str | None = None
    model: str | None = None
    frequency: int | None = None
    count: int | None = None
    features: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class MemoryCapability(Record):
    """``size`` is in ``units``, ``clock`` in ``clock_units``."""

    size: int | None = None
    units: str | None = None
    type: str | None = None
    clock: int | None = None
    clock_units: str | None = None


@attrs.frozen(kw_only=True)
class Capability(Record):
    """What a host is made of."""

    cpu: CpuCapability = CpuCapability()
    memory: MemoryCapability = MemoryCapability()


@attrs.frozen(kw_only=True)
class CrnConfig(Record):
    """How a node is set up; names and groups are the node's own.

    ``domain_name`` is the name that requests to the node are signed for.
    """

    DOMAIN_NAME: str
    node_hash: str | None = None
    version: str | None = None
    references: Mapping[str, Any] = attrs.field(factory=dict)
    security: Mapping[str, Any] = attrs.field(factory=dict)
    networking: Mapping[str, Any] = attrs.field(factory=dict)
    debug: Mapping[str, Any] = attrs.field(factory=dict)
    payment: Mapping[str, Any] = attrs.field(factory=dict)
    computing: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def domain_name(self) -> str:
        return self.DOMAIN_NAME

    @property
    def payment_receiver_address(self) -> str | None:
        """The address that payment streams go to, None when the node names none."""
        address = self.payment.get("PAYMENT_RECEIVER_ADDRESS")
        return address if isinstance(address, str) else None

    @property
    def confidential_support(self) -> bool:
        return self.computing.get("ENABLE_CONFIDENTIAL_COMPUTING") is True

    @property
    def gpu_support(self) -> bool:
        return self.computing.get("ENABLE_GPU_SUPPORT") is True


@attrs.frozen
class NodeCheck:
    """The outcome of a node's check of itself: true when it passed, and the single results by name."""

    passed: bool
    results: Mapping[str, Any]

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> Any:
        return self.results[name]
