"""Runtimes, images and settings of the network, whatever their fields hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError, ResourceNotFoundError
from aleph_core.models.network_settings import NetworkSettingsModel
from aleph_core.models.runtimes import RuntimesAggregate, RuntimeType
from aleph_core.models.vm_images import VmImageCatalog
from aleph_core.structuring import structure
from tests.core.foundation import RUNTIMES, SETTINGS, VM_IMAGES
from tests.core.recorded import JSON

KINDS: Any = ("rootfs", "runtime", "firmware")


def mutated(content: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={key: JSON | st.just(value) for key, value in content.items()}
    )


def test_runtimes_are_read_but_for_the_one_that_names_nothing() -> None:
    runtimes = structure(RUNTIMES, RuntimesAggregate)
    assert [entry.id for entry in runtimes.entries] == ["python", "debian", "new"]
    assert runtimes.extra["entries"] == RUNTIMES["entries"]
    (python,) = runtimes.of_type(RuntimeType.PROGRAM)
    assert (python.item_hash, python.default, python.sha256) == ("a" * 64, True, "b" * 64)
    assert [entry.extra for entry in runtimes.of_type("unikernel")] == [{"x": 1}]
    assert len(runtimes.of_type(None)) == 3


def test_images_are_found_by_name_or_as_the_default() -> None:
    images = structure(VM_IMAGES, VmImageCatalog)
    ubuntu = images.find("rootfs", "ubuntu24")
    assert images.find("rootfs") == ubuntu
    assert (ubuntu.display_name, ubuntu.min_disk_mib) == ("Ubuntu 24.04 LTS", 20_480)
    assert images.find("rootfs", "debian9").deprecated
    assert set(images.active("rootfs")) == {"ubuntu24"}
    assert images["kernels"] == VM_IMAGES["kernels"]
    assert images.defaults["kernel"] == "linux"


def test_images_that_are_not_there_are_told_with_those_that_are() -> None:
    images = structure(VM_IMAGES, VmImageCatalog)
    with pytest.raises(ResourceNotFoundError, match="no rootfs 'odd'; there are ubuntu24"):
        images.find("rootfs", "odd")
    with pytest.raises(ResourceNotFoundError, match="no default runtime; there are python"):
        images.find("runtime")
    with pytest.raises(ResourceNotFoundError, match="there are none"):
        images.find("firmware", "ovmf")
    odd: Any = "kernel"
    for ask in (images.find, images.active):
        with pytest.raises(ArgumentError, match="kernel"):
            ask(odd)


def test_settings_are_read_and_those_that_are_new_are_kept() -> None:
    settings = structure(SETTINGS, NetworkSettingsModel)
    assert (settings.last_crn_version, settings.community_wallet_timestamp) == (
        "1.7.2",
        1_739_996_239,
    )
    assert settings["vm_allocation_signers"] == ["0x00"]
    assert [gpu.device_id for gpu in settings.gpus("rtx 3090")] == ["10de:2204", "10de:2203"]
    assert [gpu.device_class for gpu in settings.gpus("RTX3090")] == ["0300"]
    assert settings.gpus("H100") == ()


@given(mutated(RUNTIMES), mutated(VM_IMAGES), mutated(SETTINGS))
def test_no_field_of_another_form_fails_the_whole(
    runtimes: dict[str, Any], images: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert isinstance(structure(runtimes, RuntimesAggregate).entries, tuple)
    catalog = structure(images, VmImageCatalog)
    for kind in KINDS:
        assert all(image.hash for image in catalog.active(kind).values()) or images != VM_IMAGES
        try:
            catalog.find(kind)
        except ResourceNotFoundError:
            pass
    assert isinstance(structure(settings, NetworkSettingsModel).gpus("RTX 3090"), tuple)
