from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.models.compute_nodes import CRN, CrnList, GpuCount, VmResources
from aleph_core.models.usage import CpuLoad, CpuUsage, SystemUsage
from aleph_core.structuring import structure
from tests.core import compute
from tests.core.compute import H100, NODE_HASH
from tests.core.recorded import altered

OTHER_CARD = altered(H100, pci_host="0000:02:00.0")
A100 = altered(H100, model="A100", device_id="10de:20b5", pci_host="0000:03:00.0")
UNLISTED = altered(H100, model=..., device_name=..., device_id="10de:ffff", pci_host="0000:04:00.0")


def crn(**changes: Any) -> CRN:
    return structure(altered(compute.CRN, **changes), CRN)


def names(nodes: list[CRN]) -> list[str]:
    return [node.name for node in nodes]


def usage(cpus: int = 8, load: float = 0.0, **kb: int) -> dict[str, Any]:
    return {
        "cpu": {"count": cpus, "load_average": {"load1": 9.0, "load5": 9.0, "load15": load}},
        "mem": {"total_kB": 10**9, "available_kB": kb.get("memory", 10**9)},
        "disk": {"total_kB": 10**9, "available_kB": kb.get("disk", 10**9)},
    }


def test_versions_are_held_against_the_least_as_numbers() -> None:
    versions = ["1.9.1", "1.10.0-rc1", "1.10.0", "1.14.0-3-g6da21a3", "version-unavailable", None]
    nodes = CrnList(tuple(crn(name=str(version), version=version) for version in versions))
    assert names(nodes.filter_crn(crn_version="1.10.0")) == ["1.10.0", "1.14.0-3-g6da21a3"]
    assert names(nodes.filter_crn("1.9")) == versions[:4]
    assert len(nodes.filter_crn()) == len(versions)
    with pytest.raises(ArgumentError, match="crn_version"):
        nodes.filter_crn("newest")


@pytest.mark.parametrize(
    ("option", "name", "good", "bad"),
    [
        ("ipv6", "ipv6_check", {"host": True, "vm": True}, {"host": True, "vm": False}),
        ("ipv6", "ipv6_check", {"host": True, "vm": True}, {"host": True, "vm": None}),
        ("ipv6", "ipv6_check", {"host": True, "vm": True}, {"host": True}),
        ("ipv6", "ipv6_check", {"host": True, "vm": True}, None),
        ("stream_address", "payment_receiver_address", "0x" + "aB" * 20, "0x" + "aB" * 19),
        ("stream_address", "payment_receiver_address", "0x" + "aB" * 20, None),
        ("confidential", "confidential_support", True, None),
        ("gpu", "gpu_support", True, None),
        ("gpu", "compatible_available_gpus", [H100], []),
        ("gpu", "compatible_available_gpus", [H100], None),
    ],
)
def test_what_a_node_does_not_have_or_tell_leaves_it_out(
    option: str, name: str, good: Any, bad: Any
) -> None:
    fit, unfit = crn(name="fit", **{name: good}), crn(**{name: bad})
    assert names(CrnList((fit, unfit)).filter_crn(**{option: True})) == ["fit"]
    assert len(CrnList((fit, unfit)).filter_crn()) == 2


@pytest.mark.parametrize(
    ("needed", "told", "fits"),
    [
        ({"vcpus": 4}, usage(8, 4.9), True),
        ({"vcpus": 4}, usage(8, 5.0), False),
        ({"vcpus": 8}, usage(8, 0.9), True),
        ({"vcpus": 1}, usage(8, 100.0), False),
        ({"memory": 1000}, usage(memory=1_048_576), True),
        ({"memory": 1000}, usage(memory=1_048_575), False),
        ({"disk_mib": 1000}, usage(disk=1_048_576), True),
        ({"disk_mib": 1000}, usage(disk=1_048_575), False),
        ({}, None, False),
        ({}, {"cpu": {"count": 1}}, False),
        ({}, altered(usage(), mem={"total_kB": 5}), False),
        ({}, altered(usage(), cpu={"count": 1}), True),
    ],
)
def test_free_resources_are_counted_in_their_units(
    needed: dict[str, int], told: Any, fits: bool
) -> None:
    nodes = CrnList((crn(system_usage=told),))
    assert bool(nodes.filter_crn(vm_resources=needed)) is fits
    assert bool(nodes.filter_crn(vm_resources=VmResources(**needed))) is fits


def test_resources_that_are_none_are_refused() -> None:
    for needed in ({"cpus": 1}, {"vcpus": 0}, {"memory": 1.5}, {"disk_mib": True}):
        with pytest.raises(ArgumentError):
            CrnList(()).filter_crn(vm_resources=needed)  # type: ignore[arg-type]


def test_named_cards_have_to_be_free_at_once() -> None:
    one = crn(name="one", compatible_available_gpus=[H100])
    both = crn(name="both", compatible_available_gpus=[A100, H100])
    pair = crn(name="pair", compatible_available_gpus=[H100, OTHER_CARD])
    nodes = CrnList((one, both, pair))
    assert names(nodes.find_gpu("h100")) == ["one", "both", "pair"]
    assert names(nodes.filter_crn(gpu="10de:20b5")) == ["both"]
    assert names(nodes.filter_crn(gpu=["H100", "A100"])) == ["both"]
    assert names(nodes.filter_crn(gpu=["H100", "H100"])) == ["pair"]
    with pytest.raises(ArgumentError, match="gpu"):
        nodes.filter_crn(gpu=[""])


def test_each_card_is_counted_once() -> None:
    nodes = CrnList(
        (
            crn(address="https://a", compatible_gpus=[H100], compatible_available_gpus=[H100]),
            crn(
                address="https://b",
                compatible_gpus=[H100, OTHER_CARD, A100],
                compatible_available_gpus=[OTHER_CARD],
            ),
            crn(address="https://c", compatible_gpus=None, compatible_available_gpus=[UNLISTED]),
            crn(address="https://d", gpu_support=False),
            crn(address="https://e", compatible_gpus=[], compatible_available_gpus=None),
        )
    )
    found = nodes.find_gpu_on_network()
    assert (found.total_gpu_count, found.available_gpu_count) == (5, 3)
    assert {url: len(gpus) for url, gpus in found.available_gpu_list.items()} == {
        "https://a": 1,
        "https://b": 1,
        "https://c": 1,
    }
    (used,) = found.used_gpu_list.items()
    assert (used[0], [gpu.model for gpu in used[1]]) == ("https://b", ["H100", "A100"])
    assert found.models == {
        "10de:ffff": GpuCount(total=1, available=1),
        "A100": GpuCount(total=1, available=0),
        "H100": GpuCount(total=3, available=2),
    }


@given(
    st.lists(st.sampled_from([H100, OTHER_CARD, A100, UNLISTED])),
    st.lists(st.sampled_from([H100, OTHER_CARD, A100, UNLISTED])),
)
def test_counts_and_lists_agree(cards: list[Any], free: list[Any]) -> None:
    node = crn(compatible_gpus=cards, compatible_available_gpus=free)
    found = CrnList((node,)).find_gpu_on_network()
    assert found.available_gpu_count == len(free)
    assert found.total_gpu_count == len(free) + len(node.gpus_in_use)
    assert found.total_gpu_count >= len(cards)
    assert found.total_gpu_count == sum(count.total for count in found.models.values())


@pytest.mark.parametrize(
    "address", ["https://crn.example", "https://crn.example/", "CRN.example", "http://crn.example"]
)
def test_a_node_is_found_by_its_url_however_it_is_written(address: str) -> None:
    nodes = CrnList((crn(name="other", hash="f" * 64, address="https://other"), crn()))
    assert nodes.find_crn(address) is nodes[1]
    assert nodes.find_crn(NODE_HASH) is nodes[1]
    assert nodes.find_crn(crn_hash=NODE_HASH) is nodes[1]
    assert nodes.find_crn("https://crn.example.org") is None
    assert nodes.find_crn("e" * 64) is nodes.find_crn() is None


def test_a_list_is_a_sequence_and_answers_to_its_old_name() -> None:
    nodes = CrnList((crn(name="a"), crn(name="b")))
    assert (
        names([*nodes])
        == names(list(nodes["crns"]))
        == names(list(nodes.get("crns")))
        == ["a", "b"]
    )
    assert names(list(nodes[1:])) == ["b"]
    assert nodes.get("other", 5) == 5
    with pytest.raises(KeyError):
        nodes["other"]
    assert repr(nodes) == "<CrnList of 2 nodes, 0 invalid>"


@given(
    st.integers(0, 1000),
    st.none() | st.floats(),
    st.none() | st.floats(),
)
def test_free_processors_are_never_more_than_there_are(
    count: int, load15: float | None, load1: float | None
) -> None:
    cpu = CpuUsage(count=count, load_average=CpuLoad(load15=load15, load1=load1))
    assert 0 <= cpu.free <= count
    VmResources().fit(SystemUsage(cpu=cpu))


@pytest.mark.parametrize("resources", [5, "vcpus", ["vcpus"], object()])
def test_resources_that_are_no_mapping_are_refused(resources: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        CrnList((), ()).filter_crn(vm_resources=resources)
    assert caught.value.argument == "vm_resources"
