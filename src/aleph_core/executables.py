"""Contents of programs, instances and verifiable programs, ready to be priced, signed and published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import ArgumentError
from .executable_fields import (
    checked_json,
    checked_list,
    flags,
    hypervisor_name,
    moment,
    owner,
    resources,
    ssh_key_list,
    trusted_environment,
    validated,
    volume_list,
    whole,
)
from .item_hash import check_item_hash
from .json_text import Fields
from .models.message import Content
from .payments import CREDIT, agreed_payment
from .settings import Settings, chosen_settings

__all__ = [
    "make_instance_content",
    "make_program_content",
    "make_verifiable_program_content",
]

_COMMON = {
    ("variables",): "environment_variables",
    ("resources", "vcpus"): "vcpus",
    ("resources", "memory"): "memory",
    ("resources", "seconds"): "timeout_seconds",
    ("environment", "hypervisor"): "hypervisor",
    ("environment", "trusted_execution"): "trusted_execution",
}
_PROGRAM = {
    **_COMMON,
    ("code", "ref"): "program_ref",
    ("code", "encoding"): "encoding",
    ("code", "entrypoint"): "entrypoint",
    ("code", "interface"): "interface",
    ("data", "encoding"): "data_encoding",
    ("data", "mount"): "data_mount",
    ("on", "message"): "subscriptions",
}
_INSTANCE = {
    **_COMMON,
    ("authorized_keys",): "ssh_keys",
    ("rootfs", "size_mib"): "rootfs_size",
    ("rootfs", "persistence"): "volume_persistence",
}
_VERIFIABLE = {
    **_COMMON,
    ("runtime", "comment"): "runtime_comment",
    ("verification", "backend"): "backend",
    ("verification", "policy"): "policy",
    ("verification", "measurements"): "measurements",
}


def make_program_content(
    program_ref: str,
    entrypoint: str,
    runtime: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    address: str | None = None,
    payment: Fields | str | None = None,
    vcpus: int | None = None,
    memory: int | None = None,
    timeout_seconds: float | None = None,
    internet: bool = True,
    aleph_api: bool = True,
    allow_amend: bool = False,
    updatable: bool = False,
    encoding: str = "zip",
    interface: str | None = None,
    persistent: bool = False,
    volumes: Iterable[Fields] | None = None,
    environment_variables: Mapping[str, str] | None = None,
    subscriptions: Iterable[Mapping[str, Any]] | None = None,
    data_ref: str | None = None,
    data_mount: str = "/data",
    data_encoding: str = "zip",
    requirements: Fields | None = None,
    replaces: str | None = None,
    time: float | None = None,
    settings: Settings | None = None,
) -> Content:
    """Return the content of a PROGRAM: code in a STORE, run on demand or, ``persistent``, for good.

    ``program_ref``, ``runtime`` and ``data_ref`` are hashes of STORE messages; their latest revisions
    are used. ``entrypoint`` is ``module:app`` of an ASGI application, or the name of a file to run.
    ``memory`` is in MiB. ``updatable`` is another name of ``allow_amend``: a later PROGRAM may name
    this one in ``replaces``. ``subscriptions`` are conditions on messages that start the program.
    Environment variables are published, as everything here is. Without ``address`` the content
    belongs to nobody and can only be priced; without ``time`` it is of now. The payment is the one
    that nodes accept at that time, unless it is named. Raises ``ArgumentError``.
    """
    from aleph_message.models import ProgramContent

    settings = chosen_settings(settings)
    time = moment(time)
    on: dict[str, Any] = {"http": True, **flags(persistent=persistent)}
    if subscriptions is not None:
        on["message"] = checked_list(subscriptions, "subscriptions")
    code = {
        "encoding": encoding,
        "entrypoint": entrypoint,
        "ref": check_item_hash(program_ref, "program_ref"),
        "use_latest": True,
    }
    if not entrypoint:
        raise ArgumentError("entrypoint", "is missing: module:app, or the name of a file to run")
    if interface is not None:
        code["interface"] = interface
    data = None
    if data_ref is not None:
        data = {
            "encoding": data_encoding,
            "mount": data_mount,
            "ref": check_item_hash(data_ref, "data_ref"),
            "use_latest": True,
        }
    fields = {
        "address": owner(address),
        "time": time,
        "type": "vm-function",
        "allow_amend": any(flags(allow_amend=allow_amend, updatable=updatable).values()),
        "code": code,
        "runtime": {
            "ref": check_item_hash(
                settings.DEFAULT_RUNTIME_ID if runtime is None else runtime, "runtime"
            ),
            "use_latest": True,
            "comment": "",
        },
        "data": data,
        "on": on,
        "environment": flags(internet=internet, aleph_api=aleph_api),
        "resources": resources(
            vcpus, memory, timeout_seconds, settings, usual_memory=settings.DEFAULT_VM_MEMORY
        ),
        "payment": agreed_payment(payment, "PROGRAM", persistent=persistent, time=time),
        "volumes": volume_list(volumes),
        "variables": checked_json(environment_variables, "environment_variables"),
        "requirements": checked_json(requirements, "requirements"),
        "metadata": checked_json(metadata, "metadata"),
        "replaces": None if replaces is None else check_item_hash(replaces, "replaces"),
    }
    return validated(ProgramContent, fields, _PROGRAM, otherwise="requirements")


def make_instance_content(
    rootfs: str,
    rootfs_size: int | None = None,
    *,
    payment: Fields | str | None = None,
    environment_variables: Mapping[str, str] | None = None,
    address: str | None = None,
    memory: int | None = None,
    vcpus: int | None = None,
    timeout_seconds: float | None = None,
    allow_amend: bool = False,
    updatable: bool = False,
    internet: bool = True,
    aleph_api: bool = True,
    hypervisor: str | None = None,
    trusted_execution: Fields | bool | None = None,
    volumes: Iterable[Fields] | None = None,
    volume_persistence: str = "host",
    ssh_keys: str | Iterable[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    requirements: Fields | None = None,
    replaces: str | None = None,
    time: float | None = None,
    settings: Settings | None = None,
) -> Content:
    """Return the content of an INSTANCE: a virtual machine that boots a copy of ``rootfs``.

    ``rootfs`` is the hash of the STORE of an image, ``rootfs_size`` and ``memory`` are in MiB, and
    ``ssh_keys`` are public ones. ``trusted_execution=True`` makes the machine confidential with the
    network's firmware; a mapping or a model may name ``policy`` and ``firmware``, or another mode.
    ``requirements`` may name the node (``{"node": {"node_hash": …}}``), GPUs, or the terms and
    conditions that the node asks for. ``volume_persistence`` is that of ``rootfs``. The rest, and
    what is raised, is as for ``make_program_content``.
    """
    from aleph_message.models import InstanceContent

    settings = chosen_settings(settings)
    time = moment(time)
    paid = agreed_payment(payment, "INSTANCE", time=time)
    host = hypervisor_name(hypervisor, settings)
    trusted = trusted_environment(trusted_execution, host, settings)
    if trusted is not None and trusted.get("mode") not in (None, "sev") and paid["type"] != CREDIT:
        raise ArgumentError("payment", f"machines of mode {trusted['mode']} are paid by credit")
    environment: dict[str, Any] = {
        **flags(internet=internet, aleph_api=aleph_api),
        "hypervisor": host,
    }
    if trusted is not None:
        environment["trusted_execution"] = trusted
    size = settings.DEFAULT_ROOTFS_SIZE if rootfs_size is None else rootfs_size
    fields = {
        "address": owner(address),
        "time": time,
        "allow_amend": any(flags(allow_amend=allow_amend, updatable=updatable).values()),
        "rootfs": {
            "parent": {"ref": check_item_hash(rootfs, "rootfs"), "use_latest": True},
            "size_mib": whole(size, "rootfs_size"),
            "persistence": volume_persistence,
        },
        "environment": environment,
        "resources": resources(
            vcpus, memory, timeout_seconds, settings, usual_memory=settings.DEFAULT_INSTANCE_MEMORY
        ),
        "payment": paid,
        "volumes": volume_list(volumes),
        "variables": checked_json(environment_variables, "environment_variables"),
        "authorized_keys": ssh_key_list(ssh_keys),
        "requirements": checked_json(requirements, "requirements"),
        "metadata": checked_json(metadata, "metadata"),
        "replaces": None if replaces is None else check_item_hash(replaces, "replaces"),
    }
    return validated(InstanceContent, fields, _INSTANCE, otherwise="requirements")


def make_verifiable_program_content(
    runtime: str,
    workload: Fields,
    measurements: Iterable[Fields],
    policy: int | None = None,
    *,
    runtime_comment: str = "",
    metadata: Mapping[str, Any] | None = None,
    address: str | None = None,
    payment: Fields | str | None = None,
    vcpus: int | None = None,
    memory: int | None = None,
    timeout_seconds: float | None = None,
    internet: bool = True,
    volumes: Iterable[Fields] | None = None,
    requirements: Fields | None = None,
    backend: str = "sev_snp",
    gpu: Fields | None = None,
    time: float | None = None,
    settings: Settings | None = None,
) -> Content:
    """Return the content of a V-PROGRAM: a confidential machine whose software anyone can verify.

    ``runtime`` is the hash of the STORE of a runtime's manifest; ``workload`` and each of ``volumes``
    name a ``ref``, its ``hash_tree`` and its ``roothash``; ``measurements`` are those that are to be
    expected. ``policy`` is that of AMD SEV-SNP. Verifiable programs are paid by credit, never change,
    and take neither environment variables nor SSH keys. The rest, and what is raised, is as for
    ``make_program_content``.
    """
    from aleph_message.models import VerifiableProgramContent

    settings = chosen_settings(settings)
    time = moment(time)
    if gpu is not None and backend != "sev_snp":
        raise ArgumentError("gpu", f"is only there with the backend sev_snp, not {backend!r:.80}")
    verification: dict[str, Any] = {
        "backend": backend,
        "measurements": checked_list(measurements, "measurements"),
    }
    if policy is not None:
        verification["policy"] = whole(policy, "policy")
    fields = {
        "address": owner(address),
        "time": time,
        "allow_amend": False,
        "runtime": {"ref": check_item_hash(runtime, "runtime"), "comment": runtime_comment},
        "workload": checked_json(workload, "workload"),
        "verification": verification,
        "environment": flags(internet=internet),
        "resources": resources(
            vcpus, memory, timeout_seconds, settings, usual_memory=settings.DEFAULT_INSTANCE_MEMORY
        ),
        "payment": agreed_payment(payment, "V-PROGRAM", time=time),
        "volumes": checked_list(volumes, "volumes"),
        "gpu": checked_json(gpu, "gpu"),
        "requirements": checked_json(requirements, "requirements"),
        "metadata": checked_json(metadata, "metadata"),
    }
    # What is wrong with the verification as a whole concerns its policy, if there is one.
    arguments = {("verification",): "measurements" if policy is None else "policy", **_VERIFIABLE}
    return validated(VerifiableProgramContent, fields, arguments, otherwise="requirements")
