"""The nodes that a client talks to: their base URLs, and the addresses of their sockets."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from .errors import ArgumentError
from .item_hash import as_list
from .settings import Settings

__all__ = ["compute_node_url", "host_name", "node_urls", "service_url", "websocket_url"]


def node_urls(
    api_server: str | Sequence[str] | None, settings: Settings, *, unix_socket: str | None = None
) -> list[str]:
    """Return the base URLs without a slash at the end; raise ``ArgumentError`` for what is no URL.

    ``ALEPH_API_HOST`` may name several, separated by commas.
    """
    if unix_socket is not None and api_server is None:
        return ["http://localhost"]
    given = settings.API_HOST.split(",") if api_server is None else api_server
    urls = as_list(given, "api_server")
    if not urls:
        raise ArgumentError("api_server", "name at least one node")
    return [_node_url(url) for url in urls]


def compute_node_url(address: object, argument: str = "crn_address") -> str:
    """Return the base URL of a compute node; one that was given as a bare name is reached by https."""
    if isinstance(address, str) and address.strip() and "://" not in address:
        address = f"https://{address.strip()}"
    return _node_url(address, argument)


def service_url(settings: Settings, name: str) -> str:
    """Return the URL that a setting gives; raise ``ArgumentError`` naming the variable of one that is none."""
    return _node_url(getattr(settings, name), f"ALEPH_{name}")


def host_name(url: str) -> str:
    """Return the name in a URL, in lower case and without a port: how compute nodes call themselves."""
    return (urlsplit(url).hostname or "").lower()


def websocket_url(node: str, path: str, params: Sequence[tuple[str, str]]) -> str:
    scheme, _, rest = node.partition("://")
    query = f"?{urlencode(params)}" if params else ""
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}{path}{query}"


def _node_url(url: object, argument: str = "api_server") -> str:
    if not isinstance(url, str):
        raise ArgumentError(argument, f"expected a URL, not {type(url).__name__}")
    url = url.strip()
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ArgumentError(
            argument,
            f"{url.rpartition('@')[2]!r:.200} is no http:// or https:// URL of a node",
        )
    return url.rstrip("/")
