from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from aleph_message import parse_message
from aleph_message.models import (
    InstanceContent,
    Payment,
    PaymentType,
    ProgramContent,
    VerifiableProgramContent,
)
from aleph_message.models.execution.base import Encoding
from aleph_message.models.execution.environment import (
    GpuProperties,
    HostRequirements,
    HypervisorType,
    NodeRequirements,
    TrustedExecutionEnvironment,
)
from aleph_message.models.execution.volume import (
    EphemeralVolume,
    ImmutableVolume,
    PersistentVolume,
)
from hypothesis import given
from hypothesis import strategies as st

from aleph_core.errors import ArgumentError
from aleph_core.executables import (
    make_instance_content,
    make_program_content,
    make_verifiable_program_content,
)
from aleph_core.messages import build_message
from aleph_core.models.message import Content
from aleph_core.settings import Settings
from tests.core.recorded import HASHES, OWNER

REF, OTHER = HASHES[0], HASHES[1]
NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
EARLY = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
SETTINGS = Settings()
NODE = {"node": {"node_hash": OTHER}}
GPU = {
    "vendor": "NVIDIA", "device_name": "L40S", "device_class": "0302", "device_id": "10de:26b9",
}  # fmt: skip
MEASUREMENT = {"platform": "sev_snp", "registers": {"launch": "a" * 96}}
WORKLOAD = {"ref": REF, "hash_tree": OTHER, "roothash": "b" * 64}

Make = Callable[..., Content]


def program(**changes: Any) -> Content:
    arguments = {"program_ref": REF, "entrypoint": "main:app", "time": NOW, "settings": SETTINGS}
    return make_program_content(**{**arguments, **changes})


def instance(**changes: Any) -> Content:
    arguments = {"rootfs": REF, "rootfs_size": 20480, "time": NOW, "settings": SETTINGS}
    return make_instance_content(**{**arguments, **changes})


def verifiable(**changes: Any) -> Content:
    arguments = {
        "runtime": REF, "workload": WORKLOAD, "measurements": [MEASUREMENT], "time": NOW,
        "settings": SETTINGS,
    }  # fmt: skip
    return make_verifiable_program_content(**{**arguments, **changes})


MAKERS = {
    "PROGRAM": (program, ProgramContent),
    "INSTANCE": (instance, InstanceContent),
    "V-PROGRAM": (verifiable, VerifiableProgramContent),
}


def parsed(kind: str, content: Content) -> Any:
    """Return the message as other software reads it; it refuses contents that its models spell otherwise."""
    message, _ = build_message(
        message_type=kind, content=content, sender=OWNER, chain="ETH", channel="TEST", time=NOW
    )
    return parse_message(message.as_dict() | {"signature": "0x00", "confirmations": None})


def test_a_program_runs_on_demand_with_what_the_settings_say() -> None:
    assert program() == {
        "address": "0x" + "0" * 40,
        "time": NOW,
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "zip", "entrypoint": "main:app", "ref": REF, "use_latest": True},
        "runtime": {"ref": SETTINGS.DEFAULT_RUNTIME_ID, "use_latest": True, "comment": ""},
        "on": {"http": True, "persistent": False},
        "environment": {
            "reproducible": False, "internet": True, "aleph_api": True, "shared_cache": False,
        },
        "resources": {"vcpus": 1, "memory": 256, "seconds": 30},
        "payment": {"type": "hold"},
        "volumes": [],
    }  # fmt: skip


def test_an_instance_is_paid_by_credit_and_runs_with_what_the_settings_say() -> None:
    content = make_instance_content(REF, time=NOW, settings=SETTINGS)
    assert content == {
        "address": "0x" + "0" * 40,
        "time": NOW,
        "allow_amend": False,
        "rootfs": {
            "parent": {"ref": REF, "use_latest": True}, "persistence": "host", "size_mib": 20480,
        },
        "environment": {
            "internet": True, "aleph_api": True, "hypervisor": "qemu", "reproducible": False,
            "shared_cache": False,
        },
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "payment": {"type": "credit"},
        "volumes": [],
    }  # fmt: skip


def test_a_verifiable_program_is_paid_by_credit_and_never_changes() -> None:
    assert verifiable(volumes=[WORKLOAD], runtime_comment="mine") == {
        "address": "0x" + "0" * 40,
        "time": NOW,
        "allow_amend": False,
        "runtime": {"ref": REF, "comment": "mine"},
        "workload": WORKLOAD,
        "verification": {
            "backend": "sev_snp", "policy": 0x30000, "measurements": [MEASUREMENT],
        },
        "environment": {"internet": True},
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "payment": {"type": "credit"},
        "volumes": [{**WORKLOAD, "comment": ""}],
    }  # fmt: skip


@pytest.mark.parametrize("kind", MAKERS)
def test_a_content_without_time_is_of_now_and_other_software_reads_it(kind: str) -> None:
    make, _ = MAKERS[kind]
    before = datetime.now(UTC).timestamp()
    content = make(address=OWNER, time=None, metadata={"name": "n", "tags": ["a"], "none": None})
    assert before <= content.time <= datetime.now(UTC).timestamp()
    assert content.metadata.tags == ["a"]
    message = parsed(kind, content)
    assert message.content.address == OWNER
    assert message.content.model_dump(mode="json", exclude_none=True) == content


def test_the_settings_of_the_environment_are_used_unless_others_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALEPH_DEFAULT_RUNTIME_ID", OTHER)
    monkeypatch.setenv("ALEPH_DEFAULT_VM_MEMORY", "1024")
    monkeypatch.setenv("ALEPH_DEFAULT_VM_VCPUS", "2")
    monkeypatch.setenv("ALEPH_DEFAULT_VM_TIMEOUT", "1.5")
    monkeypatch.setenv("ALEPH_DEFAULT_HYPERVISOR", "firecracker")
    content = program(settings=None)
    assert content.runtime.ref == OTHER
    assert content.resources == {"vcpus": 2, "memory": 1024, "seconds": 2}
    assert instance(settings=None).environment.hypervisor == "firecracker"


def test_everything_about_a_program_is_in_its_content() -> None:
    content = program(
        runtime=OTHER, address=OWNER, payment="superfluid", vcpus=2, memory=512.0,
        timeout_seconds=10.2, internet=False, aleph_api=False, updatable=True,
        encoding=Encoding.squashfs, interface="binary", environment_variables={"A": "1"},
        subscriptions=[{"sender": OWNER}, MappingProxyType({"channel": "C"})], data_ref=OTHER,
        data_mount="/d", data_encoding="plain", requirements={"cpu": {"architecture": "x86_64"}},
        replaces="0x" + OTHER, metadata={"name": "program", "n": 1.5},
    )  # fmt: skip
    expected = {
        "address": OWNER,
        "allow_amend": True,
        "code": {
            "encoding": "squashfs", "entrypoint": "main:app", "interface": "binary", "ref": REF,
            "use_latest": True,
        },
        "data": {"encoding": "plain", "mount": "/d", "ref": OTHER, "use_latest": True},
        "on": {
            "http": True, "message": [{"sender": OWNER}, {"channel": "C"}], "persistent": False,
        },
        "environment": {
            "reproducible": False, "internet": False, "aleph_api": False, "shared_cache": False,
        },
        "resources": {"vcpus": 2, "memory": 512, "seconds": 11},
        "payment": {"type": "superfluid"},
        "variables": {"A": "1"},
        "requirements": {"cpu": {"architecture": "x86_64"}},
        "replaces": OTHER,
        "metadata": {"name": "program", "n": 1.5},
    }  # fmt: skip
    assert {name: content[name] for name in expected} == expected
    assert program(allow_amend=True).allow_amend is True
    assert program(persistent=True).payment == {"type": "credit"}
    assert program(persistent=True, subscriptions=[]).on == {
        "http": True, "message": [], "persistent": True,
    }  # fmt: skip
    parsed("PROGRAM", content)


def test_everything_about_an_instance_is_in_its_content() -> None:
    content = instance(
        hypervisor=HypervisorType.firecracker, volume_persistence="store", replaces=OTHER,
        ssh_keys=["ssh-ed25519 AAAA ada@home\n"], environment_variables={}, updatable=True,
        payment=Payment(type=PaymentType.credit), requirements=HostRequirements(
            node=NodeRequirements(node_hash=OTHER, terms_and_conditions=REF)
        ),
    )  # fmt: skip
    assert content.environment.hypervisor == "firecracker"
    assert content.rootfs.persistence == "store"
    assert content.authorized_keys == ["ssh-ed25519 AAAA ada@home"]
    assert content.variables == {}
    assert (content.allow_amend, content.replaces) == (True, OTHER)
    assert content.requirements == {"node": {"node_hash": OTHER, "terms_and_conditions": REF}}
    assert instance(ssh_keys="ssh-rsa AAAA").authorized_keys == ["ssh-rsa AAAA"]
    optional = 'restrict,command="echo a b" sk-ssh-ed25519@openssh.com AAAA'
    assert instance(ssh_keys=optional).authorized_keys == [optional]
    parsed("INSTANCE", content)


@pytest.mark.parametrize(
    ("given_volume", "expected"),
    [
        ({"ref": REF, "mount": "/a"}, {"ref": REF, "mount": "/a", "use_latest": True}),
        (
            {"ephemeral": True, "size_mib": 5, "mount": "/e"},
            {"ephemeral": True, "size_mib": 5, "mount": "/e"},
        ),
        # Nodes would take this one for an ephemeral volume if it did not say how it persists.
        (
            {"size_mib": 5, "mount": "/p", "name": None},
            {"size_mib": 5, "mount": "/p", "persistence": "host"},
        ),
        (
            {"size_mib": 5000, "persistence": "store", "name": "n", "parent": {"ref": REF}},
            {
                "size_mib": 5000, "persistence": "store", "name": "n",
                "parent": {"ref": REF, "use_latest": True},
            },
        ),
        (ImmutableVolume(ref=REF, use_latest=False), {"ref": REF, "use_latest": False}),
        (EphemeralVolume(size_mib=7), {"ephemeral": True, "size_mib": 7}),
        (PersistentVolume(size_mib=7), {"size_mib": 7, "persistence": "host"}),
    ],
    ids=str,
)  # fmt: skip
def test_volumes_are_taken_as_models_or_mappings_and_say_what_they_are(
    given_volume: Any, expected: dict[str, Any]
) -> None:
    for make in (program, instance):
        assert make(volumes=(volume for volume in [given_volume])).volumes == [expected]
    message = parsed("INSTANCE", instance(address=OWNER, volumes=[given_volume]))
    (volume,) = message.content.volumes
    assert volume.model_dump(mode="json", exclude_none=True) == expected


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        (None, None),
        (False, None),
        (True, {"firmware": SETTINGS.DEFAULT_CONFIDENTIAL_FIRMWARE, "policy": 1}),
        ({"policy": 5}, {"firmware": SETTINGS.DEFAULT_CONFIDENTIAL_FIRMWARE, "policy": 5}),
        ({"firmware": REF, "mode": "sev"}, {"firmware": REF, "mode": "sev", "policy": 1}),
        ({"firmware": None}, {"firmware": SETTINGS.DEFAULT_CONFIDENTIAL_FIRMWARE, "policy": 1}),
        (TrustedExecutionEnvironment(firmware=REF), {"firmware": REF, "policy": 1}),
        (
            {"mode": "sev_snp", "policy": 0x30000, "runtime": REF, "measurements": [MEASUREMENT]},
            {"mode": "sev_snp", "policy": 0x30000, "runtime": REF, "measurements": [MEASUREMENT]},
        ),
    ],
    ids=str,
)
def test_a_confidential_instance_has_the_firmware_of_the_network_unless_another_is_named(
    trusted: Any, expected: Any
) -> None:
    content = instance(trusted_execution=trusted, requirements=NODE)
    assert content.environment.get("trusted_execution") == expected


def test_gpus_are_asked_for_by_their_kind() -> None:
    for gpu in (GPU, GpuProperties(**GPU)):  # type: ignore[arg-type]
        assert instance(requirements={"gpu": [gpu]}).requirements == {"gpu": [GPU]}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    ("changes", "argument"),
    [
        ({"address": "no address"}, "address"),
        ({"address": ""}, "address"),
        ({"address": 5}, "address"),
        ({"time": "now"}, "time"),
        ({"time": -1}, "time"),
        ({"time": 1e12}, "time"),
        ({"time": math.nan}, "time"),
        ({"time": True}, "time"),
        ({"payment": "cash"}, "payment"),
        ({"payment": {"type": "credit", "to": OWNER}}, "payment"),
        ({"vcpus": 0}, "vcpus"),
        ({"vcpus": 1.5}, "vcpus"),
        ({"vcpus": True}, "vcpus"),
        ({"vcpus": "2"}, "vcpus"),
        ({"memory": -5}, "memory"),
        ({"memory": 2**40}, "memory"),
        ({"memory": math.inf}, "memory"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"timeout_seconds": -0.5}, "timeout_seconds"),
        ({"timeout_seconds": math.inf}, "timeout_seconds"),
        ({"timeout_seconds": "30"}, "timeout_seconds"),
        ({"internet": "yes"}, "internet"),
        ({"internet": None}, "internet"),
        ({"metadata": {"a": {"b": 1}}}, "metadata"),
        ({"metadata": {"a": math.nan}}, "metadata['a']"),
        ({"metadata": {"a": b"x"}}, "metadata['a']"),
        ({"metadata": {"a": "\ud800"}}, "metadata"),
        ({"metadata": {"a": "\x00"}}, "metadata['a']"),
        ({"metadata": {"tags": "text"}}, "metadata"),
        ({"metadata": {1: "a"}}, "metadata"),
        ({"metadata": "name"}, "metadata"),
        ({"volumes": "x"}, "volumes"),
        ({"volumes": {"ref": REF}}, "volumes"),
        ({"volumes": 5}, "volumes"),
        ({"requirements": {"node": {"node_hash": "x"}}}, "requirements"),
        ({"requirements": {"nodes": {}}}, "requirements"),
        ({"requirements": "gpu"}, "requirements"),
    ],
    ids=str,
)
def test_what_is_wrong_in_all_of_them_is_named(
    kind: str, changes: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        MAKERS[kind][0](**changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("make", "changes", "argument", "said"),
    [
        (program, {"program_ref": "x"}, "program_ref", "no item hash"),
        (program, {"entrypoint": ""}, "entrypoint", "is missing"),
        (program, {"entrypoint": None}, "entrypoint", "is missing"),
        (program, {"entrypoint": 5}, "entrypoint", "valid string"),
        (program, {"entrypoint": "a\x00"}, "content['code']['entrypoint']", "U.0000"),
        (program, {"runtime": "PYTHON"}, "runtime", "no item hash"),
        (program, {"encoding": "tar"}, "encoding", "'zip'"),
        (program, {"interface": "cgi"}, "interface", "asgi"),
        (program, {"subscriptions": "all"}, "subscriptions", "a list"),
        (program, {"subscriptions": ["all"]}, "subscriptions", "dictionary"),
        (program, {"subscriptions": [{"a": {1}}]}, "subscriptions[0]['a']", "set"),
        (program, {"data_ref": "x"}, "data_ref", "no item hash"),
        (program, {"data_ref": REF, "data_encoding": "x"}, "data_encoding", "'zip'"),
        (program, {"data_ref": REF, "data_mount": 5}, "data_mount", "valid string"),
        (program, {"persistent": 1}, "persistent", "True or False"),
        (program, {"allow_amend": "no"}, "allow_amend", "True or False"),
        (program, {"updatable": None}, "updatable", "True or False"),
        (program, {"replaces": "x"}, "replaces", "no item hash"),
        (program, {"environment_variables": {"A": 1}}, "environment_variables", "A: .*string"),
        (program, {"environment_variables": ["A=1"]}, "environment_variables", "dictionary"),
        (program, {"persistent": True, "payment": "hold"}, "payment", "pay by credit"),
        (program, {"volumes": [{"ref": "x"}]}, "volumes[0]", "ref: "),
        (program, {"volumes": [{"ref": REF}, 5]}, "volumes[1]", "an object"),
        (program, {"volumes": [{"ephemeral": False, "size_mib": 5}]}, "volumes[0]", "ephemeral"),
        (program, {"volumes": [{"ephemeral": True}]}, "volumes[0]", "size_mib"),
        (program, {"volumes": [{"size_mib": 0}]}, "volumes[0]", "size_mib"),
        (program, {"volumes": [{"mount": "/a"}]}, "volumes[0]", "size_mib"),
        (instance, {"rootfs": "ROOTFS_HASH"}, "rootfs", "no item hash"),
        (instance, {"rootfs_size": 0}, "rootfs_size", "greater than 0"),
        (instance, {"rootfs_size": "20 GB"}, "rootfs_size", "whole number"),
        (instance, {"hypervisor": "xen"}, "hypervisor", "'qemu'"),
        (instance, {"hypervisor": 5}, "hypervisor", "a name"),
        (instance, {"volume_persistence": "tape"}, "volume_persistence", "'host'"),
        (instance, {"ssh_keys": [5]}, "ssh_keys[0]", "public key"),
        (instance, {"ssh_keys": 5}, "ssh_keys", "text or several"),
        (instance, {"ssh_keys": ["ssh-rsa A", " "]}, "ssh_keys[1]", "one line"),
        (instance, {"ssh_keys": ["a\nb"]}, "ssh_keys[0]", "one line"),
        (instance, {"ssh_keys": "~/.ssh/id_ed25519.pub"}, "ssh_keys[0]", "text of a .pub file"),
        (instance, {"ssh_keys": ["ssh-rsa"]}, "ssh_keys[0]", "text of a .pub file"),
        (instance, {"ssh_keys": ["ssh-rsa " + "x" * 9000]}, "ssh_keys", "0: .*8192"),
        (instance, {"payment": "hold"}, "payment", "pay by credit"),
        (instance, {"payment": "superfluid"}, "payment", "pay by credit"),
        (
            instance,
            {"trusted_execution": True, "hypervisor": "firecracker"},
            "trusted_execution",
            "hypervisor qemu",
        ),
        (instance, {"trusted_execution": "sev"}, "trusted_execution", "an object"),
        (instance, {"trusted_execution": {"policies": 1}}, "trusted_execution", "policies"),
        (instance, {"trusted_execution": {"mode": "sev_snp"}}, "trusted_execution", "runtime"),
        (
            instance,
            {
                "trusted_execution": {
                    "mode": "sev_snp", "policy": 0x30000, "runtime": REF,
                    "measurements": [MEASUREMENT],
                },
                "payment": "hold",
                "time": EARLY,
            },
            "payment",
            "by credit",
        ),
        (
            instance,
            {"requirements": {"gpu": [GPU]}, "hypervisor": "firecracker"},
            "requirements",
            "QEmu",
        ),
        (
            instance,
            {"requirements": {"gpu": [GPU]}, "payment": "hold", "time": EARLY},
            "requirements",
            "[Nn]ode hash",
        ),
        (
            instance,
            {"requirements": {"node": {"terms_and_conditions": REF}}},
            "requirements",
            "node_hash",
        ),
        (instance, {"requirements": {"gpu": [{"vendor": "x"}]}}, "requirements", "gpu.0"),
        (verifiable, {"runtime": "x"}, "runtime", "no item hash"),
        (verifiable, {"runtime_comment": "x" * 2000}, "runtime_comment", "1024"),
        (verifiable, {"workload": {"ref": REF}}, "workload", "hash_tree"),
        (verifiable, {"workload": REF}, "workload", "dictionary"),
        (verifiable, {"measurements": []}, "measurements", "at least 1"),
        (verifiable, {"measurements": MEASUREMENT}, "measurements", "a list"),
        (verifiable, {"measurements": [{"platform": "sgx"}]}, "measurements", "0.platform"),
        (verifiable, {"policy": 1}, "policy", "bit 17"),
        (verifiable, {"policy": -1}, "policy", "greater"),
        (verifiable, {"policy": "1"}, "policy", "whole number"),
        (verifiable, {"backend": "sgx"}, "backend", "'sev_snp'"),
        (verifiable, {"backend": "tdx", "gpu": {}}, "gpu", "sev_snp"),
        (verifiable, {"volumes": [{"ref": REF}]}, "volumes", "0.hash_tree"),
        (verifiable, {"payment": "hold", "time": EARLY}, "payment", "pay by credit"),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value)[:60],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_is_wrong_about_it(
    make: Make, changes: dict[str, Any], argument: str, said: str
) -> None:
    with pytest.raises(ArgumentError, match=said) as caught:
        make(**changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----",
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nc2VjcmV0",
    ],
)
def test_a_private_key_among_ssh_keys_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ArgumentError, match="is a private key") as caught:
        instance(ssh_keys=key)
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_early_instance_may_be_paid_as_it_was_then() -> None:
    assert instance(time=EARLY).payment == {"type": "hold"}
    stream = {"type": "superfluid", "chain": "AVAX", "receiver": OWNER}
    assert instance(time=EARLY, payment=stream, requirements=NODE).payment == stream
    with pytest.raises(ArgumentError, match="Node hash") as caught:
        instance(time=EARLY, payment=stream, requirements={"cpu": {"vendor": "AuthenticAMD"}})
    assert caught.value.argument == "requirements"


def test_the_given_values_are_not_changed() -> None:
    volume = {"size_mib": 5, "name": None}
    trusted: dict[str, Any] = {"policy": 1}
    metadata: dict[str, Any] = {"tags": ["a"]}
    content = instance(volumes=[volume], trusted_execution=trusted, metadata=metadata)
    content["metadata"]["tags"].append("b")
    assert (volume, trusted, metadata) == (
        {"size_mib": 5, "name": None}, {"policy": 1}, {"tags": ["a"]},
    )  # fmt: skip


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([REF, OWNER, "hold", "credit", "qemu", "sev", "zip", "host", "0x" + REF])
)
NAMES = st.sampled_from(
    [
        "ref", "use_latest", "mount", "size_mib", "ephemeral", "persistence", "name", "parent",
        "node", "gpu", "cpu", "node_hash", "terms_and_conditions", "architecture", "vendor",
        "policy", "firmware", "mode", "type", "chain", "receiver", "tags",
    ]
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
SOUND: dict[str, st.SearchStrategy[Any]] = {
    "address": st.just(OWNER),
    "time": st.floats(0, 2e9) | st.integers(0, 2_000_000_000),
    "payment": st.none() | st.sampled_from(["hold", "superfluid", "credit"]),
    "vcpus": st.integers(1, 4),
    "memory": st.integers(1, 8192),
    "timeout_seconds": st.floats(0.1, 1e4),
    "internet": st.booleans(),
    "metadata": st.dictionaries(st.text(max_size=8), SCALARS, max_size=3),
    "volumes": st.lists(
        st.fixed_dictionaries({"ref": st.just(REF)}, optional={"mount": st.text(max_size=9)})
        | st.fixed_dictionaries(
            {"size_mib": st.integers(-1, 3000)},
            optional={"name": st.text(max_size=9), "ephemeral": st.just(True)},
        ),
        max_size=3,
    ),
    "requirements": st.sampled_from([None, NODE, {"gpu": [GPU]}, {"cpu": {}}]),
}
OPTIONAL: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "PROGRAM": {
        "entrypoint": st.text(),
        "persistent": st.booleans(),
        "subscriptions": st.lists(st.dictionaries(st.text(), SCALARS, max_size=3), max_size=3),
        "environment_variables": st.dictionaries(st.text(), st.text(), max_size=3),
        "encoding": st.sampled_from(["zip", "plain", "squashfs"]),
    },
    "INSTANCE": {
        "rootfs_size": st.integers(-1, 3_000_000),
        "hypervisor": st.sampled_from([None, "qemu", "firecracker"]),
        "trusted_execution": st.booleans() | st.just({"policy": 3}),
        "ssh_keys": st.text() | st.lists(st.text(), max_size=3),
    },
    "V-PROGRAM": {
        "policy": st.integers(0, 2**65),
        "volumes": st.lists(st.just(WORKLOAD), max_size=10),
        "runtime_comment": st.text(),
    },
}


@given(data=st.data(), kind=st.sampled_from(list(MAKERS)))
def test_whatever_is_accepted_is_what_the_model_says_and_all_else_is_a_bad_argument(
    data: st.DataObject, kind: str
) -> None:
    make, model = MAKERS[kind]
    sound = {**SOUND, **OPTIONAL[kind]}
    names = data.draw(st.lists(st.sampled_from(sorted(sound)), unique=True))
    arguments = {name: data.draw(sound[name], label=name) for name in names}
    for name in data.draw(st.lists(st.sampled_from(sorted(sound)), max_size=1)):
        arguments[name] = data.draw(ANYTHING, label=f"any {name}")
    try:
        content = make(**arguments)
    except ArgumentError:
        return
    again = model.model_validate(json.loads(json.dumps(content)))
    assert again.model_dump(mode="json", exclude_none=True) == content
    parsed(kind, content)
