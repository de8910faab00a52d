"""Ports: what is written never makes a compute node drop a machine's ports, whatever was there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError, UnsupportedByNode
from aleph_core.machine_errors import VmNotFound
from aleph_core.models.executions import (
    CrnExecutionV1,
    CrnExecutionV2,
    NetworkingV2,
    PortMapping,
)
from aleph_core.models.ports import PortFlags, Ports
from aleph_core.port_forwarding import (
    check_ports,
    mappings,
    merge,
    not_applied,
    ports_asked_for,
    read_all,
    remove,
    unmapped,
)
from tests.core.recorded import JSON

VM, OTHER = "a" * 64, "b" * 64
ADDRESS = "0x838fE5fF882F4E092945B36c43Cd2b6E31A2209f"
TCP, UDP = PortFlags(tcp=True), PortFlags(udp=True)

numbers = st.integers(1, 65535)
flags = st.builds(PortFlags, tcp=st.booleans(), udp=st.booleans())
changes = st.dictionaries(numbers, st.none() | flags, max_size=5).map(Ports)
# Entries of any origin, the broken ones that crn nodes answer with an error or the loss of every port among them.
odd_flags = JSON | st.fixed_dictionaries(
    {}, optional={"tcp": st.booleans() | st.none(), "udp": st.booleans() | JSON, "x": JSON}
)
odd_keys = numbers.map(str) | st.sampled_from(["0", "65536", "080", "http", "-1", " 80", "٨٠", ""])
entries = JSON | st.fixed_dictionaries(
    {"ports": JSON | st.dictionaries(odd_keys, odd_flags, max_size=5)}, optional={"note": JSON}
)
contents = st.dictionaries(st.sampled_from([VM, OTHER]), entries)


def safe(entry: Any) -> bool:
    """Tell whether a compute node reads the entry as it stands: neither 500 nor every port dropped."""
    if entry is None:
        return True
    return isinstance(entry["ports"], dict) and all(
        1 <= int(port) <= 65535
        and port == str(int(port))
        and isinstance(flags["tcp"], bool)
        and isinstance(flags["udp"], bool)
        for port, flags in entry["ports"].items()
    )


def test_ports_are_written_as_compute_nodes_read_them() -> None:
    ports = Ports({443: PortFlags(tcp=True, udp=True), 80: PortFlags(tcp=True), 22: None})
    assert json.loads(json.dumps(ports.as_dict())) == {
        "ports": {"80": {"tcp": True, "udp": False}, "443": {"tcp": True, "udp": True}}
    }


def test_ports_are_taken_in_every_spelling() -> None:
    expected = Ports(ports={80: PortFlags(tcp=True, udp=False)})
    assert Ports({80: {"tcp": True, "udp": False}}) == expected
    assert Ports({"80": TCP}) == expected  # type: ignore[dict-item]
    assert check_ports({80: TCP}) == expected
    assert check_ports(expected) is expected


@pytest.mark.parametrize(
    "ports",
    [
        {0: TCP},
        {65536: TCP},
        {-1: TCP},
        {True: TCP},
        {80.0: TCP},
        {"http": TCP},
        {"080": TCP},
        {"9" * 5000: TCP},
        {None: TCP},
        {80: TCP, "80": UDP},
        {80: {"tcp": True}},
        {80: {"tcp": True, "udp": None}},
        {80: {"tcp": True, "udp": False, "sctp": True}},
        {80: "tcp"},
        {80: True},
        [80],
        None,
        "80",
    ],
)
def test_what_would_cost_a_machine_its_ports_is_refused(ports: Any) -> None:
    with pytest.raises(ArgumentError):
        check_ports(ports)


@pytest.mark.parametrize("value", [None, 1, "yes", []])
def test_flags_are_booleans(value: Any) -> None:
    with pytest.raises(ArgumentError, match="tcp"):
        PortFlags(tcp=value)


def test_merging_sets_and_removes_single_ports_and_leaves_the_others() -> None:
    content = {VM: Ports({22: TCP, 80: TCP, 443: TCP}).as_dict(), OTHER: None}
    ports = Ports({80: UDP, 22: None, 8080: TCP})
    assert merge(content, item_hash=VM, ports=ports) == {
        VM: Ports({80: UDP, 443: TCP, 8080: TCP}).as_dict()
    }


def test_removing_the_last_port_leaves_an_entry_without_ports() -> None:
    content = {VM: Ports({80: TCP}).as_dict()}
    assert merge(content, item_hash=VM, ports=Ports({80: None})) == {VM: {"ports": {}}}


def test_removing_what_is_not_there_writes_nothing() -> None:
    for content in ({}, {VM: None}):
        assert merge(content, item_hash=VM, ports=Ports({80: None})) == {}
        assert remove(content, item_hash=VM) == {}
    assert remove({VM: {}}, item_hash=VM) == {VM: None}


def test_what_this_version_does_not_know_is_kept() -> None:
    entry = {"note": "mine", "ports": {"80": {"tcp": True, "udp": False, "limit": 5}}}
    assert merge({VM: entry}, item_hash=VM, ports=Ports({22: None})) == {VM: entry}


@given(contents, changes)
def test_whatever_was_there_what_is_written_is_safe_and_holds(
    content: dict[str, Any], ports: Ports
) -> None:
    written = merge(content, item_hash=VM, ports=ports)
    assert set(written) <= {VM}
    after = {**content, **written}
    assert all(safe(entry) for entry in written.values())
    found = read_all(after).get(VM, Ports())
    for port, wanted in ports.ports.items():
        assert found.ports.get(port) == wanted
    before = read_all(content).get(VM, Ports())
    untouched = set(before.ports) - set(ports.ports)
    assert {port: found.ports[port] for port in untouched} == {
        port: before.ports[port] for port in untouched
    }
    # Applied again it changes nothing, which is how a writer sees that its change holds.
    again = merge(after, item_hash=VM, ports=ports)
    assert {**after, **again} == after
    assert remove({**after, **remove(after, item_hash=VM)}, item_hash=VM) == {}


@given(contents)
def test_reading_fails_for_no_entry(content: dict[str, Any]) -> None:
    for ports in read_all(content).values():
        assert safe(ports.as_dict())


@pytest.mark.parametrize(
    ("arguments", "item_hash", "address"),
    [
        ((), None, None),
        ((ADDRESS,), None, None),
        ((VM,), None, None),
        ((ADDRESS, VM), None, None),
        ((VM, ADDRESS), None, None),
        ((ADDRESS,), VM, None),
        ((VM,), None, ADDRESS),
        ((), VM, ADDRESS),
    ],
)
def test_hash_and_address_are_told_apart(
    arguments: tuple[str, ...], item_hash: str | None, address: str | None
) -> None:
    asked = ports_asked_for(arguments, item_hash, address)
    assert asked[0] == (VM if item_hash or VM in arguments else None)
    assert asked[1] == (ADDRESS if address or ADDRESS in arguments else None)


@pytest.mark.parametrize(
    ("arguments", "item_hash", "address"),
    [
        ((VM, OTHER), None, None),
        ((ADDRESS, ADDRESS), None, None),
        ((VM,), OTHER, None),
        ((), "nothash", None),
        (("nothing",), None, None),
        ((None,), None, None),
    ],
)
def test_what_is_given_twice_or_is_neither_is_refused(
    arguments: Any, item_hash: str | None, address: str | None
) -> None:
    with pytest.raises(ArgumentError):
        ports_asked_for(arguments, item_hash, address)


def machine(**mapped: PortMapping) -> CrnExecutionV2:
    ports = {name.removeprefix("_"): mapping for name, mapping in mapped.items()}
    return CrnExecutionV2(networking=NetworkingV2(mapped_ports=ports))


def differing(ports: Ports | None, **mapped: PortMapping) -> dict[int, str]:
    return unmapped(ports, mappings(machine(**mapped), item_hash=VM, node="node"))


def test_what_is_forwarded_is_held_against_what_was_asked_for() -> None:
    ssh, web = PortMapping(host=1, tcp=True), PortMapping(host=2, tcp=True, udp=True)
    assert differing(None, _22=ssh) == {}
    assert differing(Ports({80: PortFlags(tcp=True, udp=True)}), _22=ssh, _80=web) == {}
    assert differing(Ports({80: PortFlags()}), _22=ssh, _80=PortMapping(host=3)) == {}
    assert differing(Ports({80: TCP})) == {22: "closed instead of tcp", 80: "closed instead of tcp"}
    assert differing(Ports({22: PortFlags()}), _22=ssh, _80=web, odd=web) == {
        22: "tcp instead of closed",
        80: "tcp and udp instead of closed",
    }
    error = not_applied({80: "closed instead of tcp"}, item_hash=VM, node="https://crn.example")
    assert "port 80: closed instead of tcp" in str(error)
    assert (error.item_hash, error.differing) == (VM, {80: "closed instead of tcp"})


def test_machines_that_are_missing_or_told_of_without_ports_are_no_machines_without_ports() -> None:
    with pytest.raises(VmNotFound) as caught:
        mappings(None, item_hash=VM, node="node")
    assert caught.value.item_hash == VM
    with pytest.raises(UnsupportedByNode):
        mappings(CrnExecutionV1(), item_hash=VM, node="node")
