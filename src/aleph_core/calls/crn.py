"""Asking compute nodes of themselves and of their machines, and the services that list them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from ..call import Answer, Call
from ..errors import ApiError, MalformedAnswerError, RateLimited
from ..excerpts import shown
from ..item_hash import check_item_hash
from ..models.compute_nodes import CRN, CrnList
from ..models.executions import CrnExecutions, CrnExecutionV1, CrnExecutionV2, Execution
from ..models.page import InvalidEntry
from ..models.record import Record
from ..models.usage import Capability, CrnConfig, NodeCheck, SystemUsage
from ..structuring import structure, structure_entries
from .answers import facts, json_list, json_object, malformed, refuse
from .crn_answers import check_results, crn_record, read_refusal, refuse_by_node

__all__ = [
    "capability",
    "check",
    "check_version",
    "config",
    "crns",
    "executions",
    "last_version",
    "system_usage",
    "update_instance",
]

R = TypeVar("R", bound=Record)

# The node reads the ports that it forwards from its API server meanwhile.
_UPDATE_TIMEOUT = 60.0
# Checks start programs, and look at networks that may be down.
_CHECK_TIMEOUT = 60.0


def crns(*, only_active: bool) -> Call[CrnList]:
    """The network's list of compute nodes."""

    def parse(answer: Answer) -> CrnList:
        if answer.status != 200:
            refuse(answer, "the request for the list of compute nodes")
        entries = json_list(answer, json_object(answer), "crns")
        nodes, invalid = structure_entries(entries, CRN)
        return CrnList(nodes, invalid)

    return Call("GET", "", parse, params=[("filter_inactive", str(only_active).lower())])


def last_version() -> Call[str]:
    """The newest release of the nodes' software, by the forge that publishes it."""

    def parse(answer: Answer) -> str:
        if answer.status == 403 and answer.headers.get("x-ratelimit-remaining") == "0":
            _rate_limited(answer)
        if answer.status != 200:
            refuse(answer, "the request for the last release")
        tag = json_object(answer).get("tag_name")
        if not isinstance(tag, str) or not tag:
            malformed(answer, f"a release with a 'tag_name', not {shown(tag)}")
        return tag

    return Call("GET", "", parse)


def _rate_limited(answer: Answer) -> NoReturn:
    reset = answer.headers.get("x-ratelimit-reset", "")
    when = f"until {reset} (Unix time)" if reset else "later"
    raise RateLimited(
        f"{answer.node} allows no more requests for now; wait {when}, or set CRN_VERSION_URL",
        **facts(answer),
    )


def executions(version: int) -> Call[CrnExecutions]:
    """The machines of a node, by the list of this version."""
    kind: type[CrnExecutionV1 | CrnExecutionV2] = CrnExecutionV2 if version == 2 else CrnExecutionV1

    def parse(answer: Answer) -> CrnExecutions:
        if answer.status != 200:
            refuse_by_node(answer, "the request for its machines")
        found: dict[str, Execution] = {}
        invalid: list[InvalidEntry] = []
        for vm_hash, entry in json_object(answer).items():
            try:
                found[vm_hash] = structure(entry, kind)
            except MalformedAnswerError as error:
                odd = MalformedAnswerError(
                    f"{answer.node} tells of {vm_hash} what cannot be read: {error}",
                    **facts(answer),
                )
                invalid.append(InvalidEntry(error=odd, raw=entry, item_hash=vm_hash))
        return CrnExecutions(found, answer.node, tuple(invalid))

    path = "/v2/about/executions/list" if version == 2 else "/about/executions/list"
    return Call("GET", path, parse)


def update_instance(item_hash: str) -> Call[dict[str, Any]]:
    """Have a node read the configuration of a machine anew: the ports to forward."""
    item_hash = check_item_hash(item_hash)

    def parse(answer: Answer) -> dict[str, Any]:
        what = f"the update of {item_hash}"
        if answer.status == 500:
            refusal = read_refusal(answer)
            raise ApiError(
                f"{answer.node} failed at {what}: {refusal.reason} ({refusal.error_type}); the ports "
                "may be half changed. Publish both flags, tcp and udp, of every port, and update again",
                **facts(answer),
            )
        if answer.status != 200:
            refuse_by_node(answer, what, vm_hash=item_hash)
        return json_object(answer)

    path = f"/control/machine/{item_hash}/update"
    return Call("POST", path, parse, minimum_timeout=_UPDATE_TIMEOUT)


def system_usage() -> Call[SystemUsage]:
    return _told("/about/usage/system", SystemUsage, "the request for its usage")


def capability() -> Call[Capability]:
    return _told("/about/capability", Capability, "the request for its capability")


def config() -> Call[CrnConfig]:
    return _told("/status/config", CrnConfig, "the request for its configuration")


def _told(path: str, kind: type[R], what: str) -> Call[R]:
    return Call("GET", path, lambda answer: crn_record(answer, kind, what))


def check(name: str) -> Call[NodeCheck]:
    """A check that the node makes of itself: ``fastapi``, ``fastapi/legacy``, ``host`` or ``ipv6``."""

    def parse(answer: Answer) -> NodeCheck:
        # A check that failed is an answer, not a refusal.
        results = check_results(answer) if answer.status in (200, 503) else {}
        if not results:
            refuse_by_node(answer, f"the check {name!r}")
        passed = answer.status == 200 and (name != "ipv6" or _all(results))
        return NodeCheck(passed, results)

    # Not repeated: 503 is how the node says that the check failed.
    return Call(
        "GET",
        f"/status/check/{name}",
        parse,
        idempotent=False,
        minimum_timeout=_CHECK_TIMEOUT,
    )


def _all(results: Mapping[str, Any]) -> bool:
    return all(
        _all(result) if isinstance(result, Mapping) else result for result in results.values()
    )


def check_version(reference: str) -> Call[bool]:
    """Whether the node runs at least this version."""

    def parse(answer: Answer) -> bool:
        if answer.status == 403 and read_refusal(answer).reason.startswith("Outdated"):
            return False
        if answer.status != 200:
            refuse_by_node(answer, "the check of its version")
        return True

    params = [("reference", reference)]
    return Call("GET", "/status/check/version", parse, params=params, idempotent=False)
