"""Compute nodes: the network's list of them, what they have, and which fit a machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

import attrs

from ..errors import ArgumentError
from ..excerpts import shown
from ..filters import check_count
from ..item_hash import as_list
from ..versions import check_version, version_key
from .page import InvalidEntry
from .record import Record
from .usage import GPU, SystemUsage

__all__ = ["CRN", "CrnList", "GpuCount", "NetworkGPUS", "VmResources"]

_ETHEREUM_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MIB = 1024 * 1024
_KB = 1000


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _count(_instance: object, attribute: Any, value: object) -> None:
    check_count(value, attribute.name, 1)


@attrs.frozen
class VmResources:
    """What a machine needs: processors, and memory and disk in MiB."""

    vcpus: int = attrs.field(default=1, validator=_count)
    memory: int = attrs.field(default=1, validator=_count)
    disk_mib: int = attrs.field(default=1, validator=_count)

    def fit(self, usage: SystemUsage) -> bool:
        """Tell whether that much is free on a host; what the host does not tell is not free."""
        cpu, memory, disk = usage.cpu, usage.mem, usage.disk
        return (
            cpu is not None
            and memory is not None
            and disk is not None
            and cpu.free >= self.vcpus
            # The host counts in units of 1000 bytes.
            and (memory.available_kB or 0) * _KB >= self.memory * _MIB
            and (disk.available_kB or 0) * _KB >= self.disk_mib * _MIB
        )


@attrs.frozen(kw_only=True)
class CRN(Record):
    """A compute node in the network's list; ``address`` is its URL.

    What the list does not tell is None, or False.
    """

    hash: str
    name: str
    address: str = attrs.field(converter=_without_slash)
    owner: str | None = None
    parent: str | None = None
    type: str | None = None
    status: str | None = None
    score: float | None = None
    locked: bool = False
    version: str | None = None
    inactive_since: datetime | None = None
    stream_reward: str | None = None
    payment_receiver_address: str | None = None
    terms_and_conditions: str | None = None
    gpu_support: bool = False
    confidential_support: bool = False
    qemu_support: bool = False
    ipv6_check: Mapping[str, bool] = attrs.field(factory=dict)
    system_usage: SystemUsage | None = None
    compatible_gpus: tuple[GPU, ...] = ()
    compatible_available_gpus: tuple[GPU, ...] = ()

    @property
    def gpus_in_use(self) -> tuple[GPU, ...]:
        """The compatible GPUs that are not available."""
        free = Counter(gpu.place for gpu in self.compatible_available_gpus)
        used = []
        for gpu in self.compatible_gpus:
            if free[gpu.place]:
                free[gpu.place] -= 1
            else:
                used.append(gpu)
        return tuple(used)

    @property
    def has_ipv6(self) -> bool:
        """Whether IPv6 works on the host and in its machines."""
        checks = self.ipv6_check
        return "host" in checks and "vm" in checks and all(checks.values())

    @property
    def takes_streams(self) -> bool:
        """Whether the node names an address that payment streams can go to."""
        return bool(_ETHEREUM_ADDRESS.fullmatch(self.payment_receiver_address or ""))

    def offers_gpus(self, wanted: Sequence[str] = ()) -> bool:
        """Tell whether a GPU is free for each of the wanted ones: device ids, or names of models.

        Without any, whether one is free at all.
        """
        if not self.gpu_support or not self.compatible_available_gpus:
            return False
        free = list(self.compatible_available_gpus)
        for name in wanted:
            found = next((gpu for gpu in free if gpu.is_called(name)), None)
            if found is None:
                return False
            free.remove(found)
        return True


@attrs.frozen(kw_only=True)
class GpuCount:
    """How many GPUs of a model the network has, and how many are free."""

    total: int = 0
    available: int = 0


@attrs.frozen(kw_only=True)
class NetworkGPUS:
    """The GPUs of the network: lists by the URLs of their nodes, and counts by model."""

    total_gpu_count: int
    available_gpu_count: int
    available_gpu_list: Mapping[str, tuple[GPU, ...]]
    used_gpu_list: Mapping[str, tuple[GPU, ...]]
    models: Mapping[str, GpuCount]


@attrs.frozen(eq=False, repr=False)
class CrnList(Sequence[CRN]):
    """The compute nodes of the network, also under ``["crns"]``; ``invalid`` are entries that cannot be read."""

    crns: tuple[CRN, ...]
    invalid: tuple[InvalidEntry, ...] = ()

    @property
    def kind(self) -> str:
        """What is in the list, in words."""
        return "compute nodes"

    def __repr__(self) -> str:
        return f"<CrnList of {len(self.crns)} nodes, {len(self.invalid)} invalid>"

    def __len__(self) -> int:
        return len(self.crns)

    def __iter__(self) -> Iterator[CRN]:
        return iter(self.crns)

    @overload
    def __getitem__(self, index: int) -> CRN: ...
    @overload
    def __getitem__(self, index: slice | str) -> Sequence[CRN]: ...
    def __getitem__(self, index: int | slice | str) -> CRN | Sequence[CRN]:
        if isinstance(index, str):
            if index != "crns":
                raise KeyError(index)
            return self.crns
        return self.crns[index]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the nodes under the name ``crns``, the default under any other."""
        return self.crns if name == "crns" else default

    def find_crn(self, address: str | None = None, crn_hash: str | None = None) -> CRN | None:
        """Return the node of this URL, or of this hash, which may come first too; None if it is not listed."""
        if address is not None and _HASH.fullmatch(address):
            address, crn_hash = None, address
        if address is not None:
            wanted = _bare(address)
            return next((crn for crn in self.crns if _bare(crn.address) == wanted), None)
        return next((crn for crn in self.crns if crn.hash == crn_hash), None)

    def filter_crn(
        self,
        crn_version: str | None = None,
        ipv6: bool = False,
        stream_address: bool = False,
        confidential: bool = False,
        gpu: bool | str | Iterable[str] = False,
        vm_resources: VmResources | Mapping[str, int] | None = None,
    ) -> list[CRN]:
        """Return the nodes that have all that is asked for.

        ``crn_version`` is the least version. ``gpu`` is True for any, or names device ids or models
        that have to be free at once. Nodes that do not tell what they have are left out.
        """
        least = None if crn_version is None else check_version(crn_version, "crn_version")
        wanted = () if isinstance(gpu, bool) else _gpu_names(gpu)
        resources = _resources(vm_resources)

        def fits(crn: CRN) -> bool:
            version = version_key(crn.version)
            return (
                (least is None or (version is not None and version >= least))
                and (not ipv6 or crn.has_ipv6)
                and (not stream_address or crn.takes_streams)
                and (not confidential or crn.confidential_support)
                and (gpu is False or crn.offers_gpus(wanted))
                and (
                    resources is None
                    or (crn.system_usage is not None and resources.fit(crn.system_usage))
                )
            )

        return [crn for crn in self.crns if fits(crn)]

    def find_gpu(self, name: str) -> list[CRN]:
        """Return the nodes where a GPU of this model, or with this device id, is free."""
        return self.filter_crn(gpu=[name])

    def find_gpu_on_network(self) -> NetworkGPUS:
        """Count the GPUs of all nodes, each once."""
        nodes = [crn for crn in self.crns if crn.gpu_support]
        free = {crn.address: crn.compatible_available_gpus for crn in nodes}
        used = {crn.address: crn.gpus_in_use for crn in nodes}
        available = Counter(gpu.label for gpus in free.values() for gpu in gpus)
        taken = Counter(gpu.label for gpus in used.values() for gpu in gpus)
        total = available + taken
        return NetworkGPUS(
            total_gpu_count=total.total(),
            available_gpu_count=available.total(),
            available_gpu_list={url: gpus for url, gpus in free.items() if gpus},
            used_gpu_list={url: gpus for url, gpus in used.items() if gpus},
            models={
                label: GpuCount(total=count, available=available[label])
                for label, count in sorted(total.items())
            },
        )


def _bare(url: str) -> str:
    return url.rpartition("://")[2].rstrip("/").lower()


def _gpu_names(gpu: str | Iterable[str]) -> list[str]:
    names = as_list(gpu, "gpu")
    if not all(isinstance(name, str) and name for name in names):
        raise ArgumentError("gpu", "expected True, or device ids or models such as '10de:2331'")
    return [str(name) for name in names]


def _resources(given: VmResources | Mapping[str, int] | None) -> VmResources | None:
    if given is None or isinstance(given, VmResources):
        return given
    if not isinstance(given, Mapping):
        raise ArgumentError("vm_resources", f"expected VmResources, not {shown(given)}")
    names = [field.name for field in attrs.fields(VmResources)]
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ArgumentError("vm_resources", f"{unknown[0]!r} is none of {', '.join(names)}")
    return VmResources(**given)
