"""The images of instances that the network recommends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aleph_core.structuring import structure

from ._service import Service

if TYPE_CHECKING:
    from aleph_core.models.vm_images import ImageKind, VmImage, VmImageCatalog

__all__ = ["VmImages"]


class VmImages(Service):
    """The images of virtual machines that the network recommends, by its ``vm-images`` aggregate.

    Its owner is the setting ``ALEPH_ALEPH_AGGREGATE_ADDRESS``; ``ResourceNotFoundError`` is raised
    when it has none.
    """

    async def get_vm_images_aggregate(self) -> VmImageCatalog:
        """Return root file systems, runtimes and firmware by name, and the defaults."""
        from aleph_core.models.vm_images import VmImageCatalog

        owner = self._settings.ALEPH_AGGREGATE_ADDRESS
        return structure(await self._client.fetch_aggregate(owner, "vm-images"), VmImageCatalog)

    async def get_vm_image(self, kind: ImageKind, name: str | None = None) -> VmImage:
        """Return a ``rootfs``, ``runtime`` or ``firmware`` by name, or the default one.

        Raises ``ResourceNotFoundError`` that names those there are.
        """
        return (await self.get_vm_images_aggregate()).find(kind, name)
