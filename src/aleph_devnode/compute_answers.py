"""Answers in the forms of a compute node: JSON errors, and what escapes a handler as its text and type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response

from .answers import Refusal, answer
from .envelopes import hash_kind
from .logins import LoginRefused
from .node import node_of
from .times import from_seconds

Handler = Callable[[Request], Awaitable[Response]]


class PlainRefusal(Exception):
    """Answer with a plain sentence, as the real node does here and there."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


class InvalidBody(Exception):
    """The body of a request is not of its schema."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__(str(error))
        self.errors = error.json()


def endpoint(handler: Handler) -> Handler:
    """Turn what a handler raises into the compute node's errors.

    A RuntimeError is left to the server, which tells nothing of its reason.
    """

    async def answered(request: Request) -> Response:
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = answer({"error": refusal.text}, refusal.status)
        except LoginRefused as refused:
            response = answer({"error": refused.reason}, refused.status)
        except PlainRefusal as refusal:
            response = PlainTextResponse(refusal.text, refusal.status)
        except InvalidBody as invalid:
            # The real node writes the list of errors as JSON twice.
            response = answer(invalid.errors, 400)
        except RuntimeError:
            raise
        except Exception as error:  # noqa: BLE001 - the real node answers with whatever went wrong
            response = answer({"error": str(error), "error_type": str(type(error))}, 500)
        response.headers["server"] = f"aleph-vm/{node_of(request).settings.compute_version}"
        return response

    return answered


def machine_ref(request: HTTPConnection) -> str:
    """Return the hash in the path; raises ``Refusal`` 400 when it is none."""
    ref = str(request.path_params["ref"])
    if hash_kind(ref) is None:
        raise Refusal(400, f"Invalid ref: '{ref}'")
    return ref


def moment(seconds: float | None) -> str | None:
    """Return a time as the compute node writes it."""
    return None if seconds is None else str(from_seconds(seconds))


async def unknown(request: Request) -> Response:
    """Answer for every path and method that no other route takes."""
    if request.method in ("GET", "HEAD"):
        raise Refusal(404)
    # The real node takes it for a program by the host's name, and looks that up.
    raise Refusal(404, reason="Invalid message reference")
