"""The web application of a node."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import Refusal
from .node import Node
from .routes import (
    accounts,
    aggregates,
    backups,
    compute,
    confidential,
    control,
    info,
    machine_logs,
    messages,
    posts,
    prices,
    services,
    storage,
)

logger = logging.getLogger("aleph_devnode")

FAILURE = "500 Internal Server Error\n\nServer got itself in trouble"


class FailureMiddleware:
    """Answer with the node's own text when a request cannot be handled; read bodies to their end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        read = False

        async def hear() -> Message:
            nonlocal read
            message = await receive()
            read = message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def watch(message: Message) -> None:
            nonlocal begun
            if not begun and message["status"] >= 400:
                # A sender that is still busy would not see the answer.
                while not read:
                    await hear()
            begun = True
            await send(message)

        try:
            await self._app(scope, hear, watch)
        except Exception:
            if begun:
                raise
            logger.info("%s %s failed", scope["method"], scope["path"], exc_info=True)
            await PlainTextResponse(FAILURE, 500)(scope, hear, watch)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.response()


async def _unrouted(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = Refusal(error.status_code).response()
    response.headers.update(error.headers or {})
    return response


def make_app(node: Node) -> Starlette:
    """Return the application; the caller starts and stops the node."""
    app = Starlette(
        routes=[
            *messages.ROUTES,
            *posts.ROUTES,
            *aggregates.ROUTES,
            *storage.ROUTES,
            *accounts.ROUTES,
            *prices.ROUTES,
            *info.ROUTES,
            *services.ROUTES,
            *compute.ROUTES,
            *control.ROUTES,
            *backups.ROUTES,
            *machine_logs.ROUTES,
            *confidential.ROUTES,
            *compute.UNKNOWN,
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["DELETE", "GET", "POST"],
                allow_headers=["*"],
            ),
            Middleware(FailureMiddleware),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _unrouted},
    )
    app.router.redirect_slashes = False
    app.state.node = node
    return app
