"""Images of virtual machines that the network recommends, by name: aggregate ``vm-images``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from ..errors import ArgumentError, ResourceNotFoundError
from .record import Record

__all__ = ["ImageKind", "VmImage", "VmImageCatalog", "VmImageDefaults"]

ImageKind = Literal["rootfs", "runtime", "firmware"]
_FIELDS: Final[Mapping[str, str]] = {
    "rootfs": "rootfs",
    "runtime": "runtimes",
    "firmware": "firmwares",
}


@attrs.frozen(kw_only=True)
class VmImage(Record):
    """One image; ``hash`` is what the content of an instance or program names."""

    hash: str
    display_name: str | None = None
    description: str | None = None
    min_disk_mib: int | None = None
    deprecated: bool = False


@attrs.frozen(kw_only=True)
class VmImageDefaults(Record):
    """The names of the images to take when nobody names one."""

    rootfs: str | None = None
    runtime: str | None = None
    firmware: str | None = None


@attrs.frozen(kw_only=True)
class VmImageCatalog(Record):
    """All images by kind and name, and which of them are the defaults."""

    rootfs: Mapping[str, VmImage] = attrs.field(factory=dict)
    runtimes: Mapping[str, VmImage] = attrs.field(factory=dict)
    firmwares: Mapping[str, VmImage] = attrs.field(factory=dict)
    defaults: VmImageDefaults = attrs.field(factory=VmImageDefaults)

    def active(self, kind: ImageKind) -> dict[str, VmImage]:
        """Return the images of a kind that are not deprecated, by name."""
        return {name: image for name, image in self._of(kind).items() if not image.deprecated}

    def find(self, kind: ImageKind, name: str | None = None) -> VmImage:
        """Return an image by name, the default one without a name; deprecated ones are found too.

        Raises ``ResourceNotFoundError`` that names those there are.
        """
        images = self._of(kind)
        if name is None:
            name = getattr(self.defaults, kind)
        if name is None or name not in images:
            missing = f"no default {kind}" if name is None else f"no {kind} {name!r}"
            there = ", ".join(sorted(self.active(kind))) or "none"
            raise ResourceNotFoundError(
                f"the network's images have {missing}; there are {there}", status=404
            )
        return images[name]

    def _of(self, kind: object) -> Mapping[str, VmImage]:
        if kind not in ("rootfs", "runtime", "firmware"):
            raise ArgumentError("kind", f"{kind!r:.80} is none of rootfs, runtime, firmware")
        images: Mapping[str, VmImage] = getattr(self, _FIELDS[kind])
        return images
