"""Sending a recorded request, and writing an answer down in the recorded form."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
from typing import Any
from urllib.parse import quote, urlsplit

BOUNDARY = "a-boundary-that-no-recorded-file-contains"
LONGEST_INLINE = 2048

Json = Any
Captures = dict[str, str]


def fill(text: str, captures: Captures) -> str:
    """Put captured values, percent-encoded, in place of ``{{name}}``."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: quote(captures[found[1]], safe=""), text)


def send(url: str, request: Json, captures: Captures) -> Json:
    """Send a request on a connection of its own and return the answer in the recorded form."""
    target = fill(request["path"], captures)
    if request.get("query"):
        target += "?" + fill(request["query"], captures)
    body, headers = _body(request)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(request["method"], target, body=body, headers=headers)
        response = connection.getresponse()
        return _recorded_form(request["method"], response, response.read())
    finally:
        connection.close()


def _repeated(parts: Json) -> bytes:
    text = parts.get("before", "") + parts["repeat"] * parts["times"] + parts.get("after", "")
    return str(text).encode()


def _body(request: Json) -> tuple[bytes | None, dict[str, str]]:
    headers = dict(request.get("headers") or {})
    if "multipart" in request:
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        return _multipart(request["multipart"]), headers
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"]), headers
    headers.setdefault("Content-Type", "application/json")
    if "body_json" in request:
        return json.dumps(request["body_json"]).encode(), headers
    if "body_repeat" in request:
        return _repeated(request["body_repeat"]), headers
    return None, {}


def _multipart(parts: list[Json]) -> bytes:
    written = b""
    for part in parts:
        disposition = f'form-data; name="{part["name"]}"'
        if "filename" in part:
            disposition += f'; filename="{part["filename"]}"'
        head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n"
        if "content_type" in part:
            head += f"Content-Type: {part['content_type']}\r\n"
        repeat = part.get("content_repeat")
        content = _repeated(repeat) if repeat else base64.b64decode(part["content_base64"])
        written += head.encode() + b"\r\n" + content + b"\r\n"
    return written + f"--{BOUNDARY}--\r\n".encode()


def _recorded_form(method: str, response: http.client.HTTPResponse, body: bytes) -> Json:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
    answer: dict[str, Json] = {"status": response.status, "content_type": media_type}
    if method == "HEAD":
        kept = ("content-length", "accept-ranges")
        return answer | {
            "headers": {name: response.headers[name] for name in kept if name in response.headers}
        }
    if media_type == "application/json":
        return answer | {"json": json.loads(body)}
    if media_type.startswith("text/"):
        text = body.decode()
        return answer | ({"text_json": json.loads(text)} if text[:1] in "[{" else {"text": text})
    if len(body) > LONGEST_INLINE:
        return answer | {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return answer | {"base64": base64.b64encode(body).decode()}
