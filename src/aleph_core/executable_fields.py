"""What programs, instances and verifiable programs have in common, checked by aleph-message's models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from .errors import ArgumentError
from .excerpts import shown
from .item_hash import NOBODY, as_list, check_address
from .json_text import Fields, json_text, plain
from .models.message import Content
from .settings import Settings
from .ssh_keys import is_private, names_key_type

__all__ = [
    "QEMU",
    "checked_json",
    "checked_list",
    "flags",
    "hypervisor_name",
    "moment",
    "owner",
    "resources",
    "ssh_key_list",
    "trusted_environment",
    "validated",
    "volume_list",
    "whole",
]

QEMU = "qemu"
Location = tuple[int | str, ...]


def owner(address: str | None) -> str:
    return NOBODY if address is None else check_address(address)


def moment(time: object) -> float:
    """Return the time in seconds since 1970, the present one for None."""
    if time is None:
        return datetime.now(UTC).timestamp()
    if not isinstance(time, int | float) or isinstance(time, bool) or not math.isfinite(time):
        raise ArgumentError("time", f"expected seconds since 1970, not {shown(time)}")
    return time


def whole(value: object, argument: str) -> int:
    """Return a whole number; 2.0 is one, but no text and no truth value is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if isinstance(value, int):
            return value
        if value.is_integer():
            return int(value)
    raise ArgumentError(argument, f"expected a whole number, not {shown(value)}")


def flags(**values: object) -> dict[str, bool]:
    """Return the truth values by name."""
    found: dict[str, bool] = {}
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ArgumentError(name, f"expected True or False, not {shown(value)}")
        found[name] = value
    return found


def checked_json(value: object, argument: str) -> Any:
    """Return the value as JSON has it; raise ``ArgumentError`` for what JSON cannot carry."""
    found = plain(value, argument)
    json_text(found, argument)
    return found


def checked_list(values: object, argument: str) -> list[Any]:
    """Return the values as JSON has them, none for None."""
    if values is None:
        return []
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ArgumentError(argument, f"expected a list, not {type(values).__name__}")
    found: list[Any] = checked_json(list(values), argument)
    return found


def resources(
    vcpus: object, memory: object, timeout_seconds: object, settings: Settings, *, usual_memory: int
) -> dict[str, int]:
    """Return the resources; a timeout is rounded up to whole seconds."""
    seconds = settings.DEFAULT_VM_TIMEOUT if timeout_seconds is None else timeout_seconds
    if isinstance(seconds, float) and math.isfinite(seconds):
        seconds = math.ceil(seconds)
    return {
        "vcpus": settings.DEFAULT_VM_VCPUS if vcpus is None else whole(vcpus, "vcpus"),
        "memory": usual_memory if memory is None else whole(memory, "memory"),
        "seconds": whole(seconds, "timeout_seconds"),
    }


def volume_list(volumes: Iterable[Fields] | None) -> list[dict[str, Any]]:
    """Return the volumes with everything spelled out that their models assume.

    One with a ``ref`` is immutable, one with ``ephemeral`` is that, any other one is persistent: nodes
    would take a small persistent volume that does not say so for an ephemeral one.
    """
    from aleph_message.models.execution.volume import (
        EphemeralVolume,
        ImmutableVolume,
        PersistentVolume,
    )

    found = []
    for index, volume in enumerate(checked_list(volumes, "volumes")):
        argument = f"volumes[{index}]"
        fields = _object(volume, argument)
        model: type[Any]
        if "ref" in fields:
            model = ImmutableVolume
        elif "ephemeral" in fields:
            model = EphemeralVolume
        else:
            model = PersistentVolume
            fields = {"persistence": "host", **fields}
        found.append(_dumped(model, fields, partial(_at, argument)))
    return found


def ssh_key_list(keys: str | Iterable[str] | None) -> list[str] | None:
    """Return public keys, one a line, as they stand in an ``authorized_keys`` file."""
    if keys is None:
        return None
    found = []
    for index, key in enumerate(as_list(keys, "ssh_keys")):
        argument = f"ssh_keys[{index}]"
        if not isinstance(key, str):
            raise ArgumentError(argument, f"expected a public key, not {type(key).__name__}")
        if is_private(key):
            raise ArgumentError(argument, "is a private key; give the public one, of the .pub file")
        line = key.strip()
        if not line or "\n" in line:
            raise ArgumentError(argument, "expected one public key in one line")
        if not names_key_type(line):
            raise ArgumentError(
                argument,
                "is no public key, and a machine that has no other cannot be entered; "
                "give the text of a .pub file, like 'ssh-ed25519 AAAA… me'",
            )
        found.append(line)
    return found


def hypervisor_name(hypervisor: object, settings: Settings) -> str:
    name = plain(settings.DEFAULT_HYPERVISOR if hypervisor is None else hypervisor, "hypervisor")
    if not isinstance(name, str):
        raise ArgumentError("hypervisor", f"expected a name, not {shown(name)}")
    return name


def trusted_environment(
    value: Fields | bool | None, hypervisor: str, settings: Settings
) -> dict[str, Any] | None:
    """Return the trusted execution environment; True is AMD SEV with the network's firmware.

    A firmware is filled in for AMD SEV, the one mode that has one.
    """
    if value is None or value is False:
        return None
    if hypervisor != QEMU:
        raise ArgumentError(
            "trusted_execution", f"is only there with the hypervisor {QEMU}, not {hypervisor!r:.80}"
        )
    fields = {} if value is True else _object(value, "trusted_execution")
    if fields.get("mode") in (None, "sev"):
        fields.setdefault("firmware", settings.DEFAULT_CONFIDENTIAL_FIRMWARE)
    return fields


def validated(
    model: type[Any],
    fields: Mapping[str, Any],
    arguments: Mapping[tuple[str, ...], str],
    *,
    otherwise: str,
) -> Content:
    """Return the content as its model writes it, so that readers who compare both find no difference.

    ``arguments`` names the argument from which a place in the content comes; ``otherwise`` is the one
    behind what the model says of the content as a whole. A field that is None is left out.
    """

    def find(location: Location) -> tuple[str, Location]:
        for length in range(len(location), 0, -1):
            argument = arguments.get(tuple(map(str, location[:length])))
            if argument is not None:
                return argument, location[length:]
        return (str(location[0]), location[1:]) if location else (otherwise, ())

    given = {name: value for name, value in fields.items() if value is not None}
    content = _dumped(model, given, find)
    json_text(content)
    return Content(content)


def _dumped(
    model: type[Any], fields: dict[str, Any], find: Callable[[Location], tuple[str, Location]]
) -> dict[str, Any]:
    """Return what the model makes of the fields; ``find`` tells the argument behind a place in them."""
    from pydantic import ValidationError

    try:
        found = model.model_validate(fields)
    except ValidationError as error:
        # The values, which a model quotes, may be long, and are the caller's own business.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        argument, place = find(first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        where = ".".join(map(str, place))
        raise ArgumentError(argument, f"{where}: {said}" if where else said) from None
    dump: dict[str, Any] = found.model_dump(mode="json", exclude_none=True)
    return dump


def _at(argument: str, location: Location) -> tuple[str, Location]:
    return argument, location


def _object(value: object, argument: str) -> dict[str, Any]:
    found = checked_json(value, argument)
    if not isinstance(found, dict):
        raise ArgumentError(argument, f"expected an object, not {type(value).__name__}")
    return {name: inner for name, inner in found.items() if inner is not None}
