"""Plain requests and signed messages for the tests of the local node."""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import attrs

from aleph_core.accounts import ETHAccount

TIMES = itertools.count(1_790_000_000)
BOUNDARY = "between-two-parts"
PATIENCE = 20.0

Json = Any


@attrs.frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Json:
        return json.loads(self.body)


def eventually(probe: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Return the first true value of the probe."""
    deadline = time.monotonic() + within
    while not (value := probe()):
        assert time.monotonic() < deadline, f"still {value!r} after {within} s"
        time.sleep(0.01)
    return value


def form(*parts: tuple[str, bytes], file_name: str = "f.bin") -> tuple[bytes, dict[str, str]]:
    """Return a multipart body and its headers; only the part called file has a file name."""
    body = b""
    for name, content in parts:
        disposition = f'form-data; name="{name}"'
        if name == "file":
            disposition += f'; filename="{file_name}"'
        body += f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        body += content + b"\r\n"
    body += f"--{BOUNDARY}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@attrs.define
class Visitor:
    """Send requests to a node."""

    url: str

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        with self.connection() as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())

    def get(self, path: str, **query: Any) -> Answer:
        return self.ask("GET", path + ("?" + urlencode(query, safe=",") if query else ""))

    def post(self, path: str, body: Json) -> Answer:
        return self.ask("POST", path, json.dumps(body), {"Content-Type": "application/json"})

    def post_form(self, path: str, *parts: tuple[str, bytes]) -> Answer:
        return self.ask("POST", path, *form(*parts))

    def publish(self, message: Json, *, sync: bool = True) -> Answer:
        return self.post("/api/v0/messages", {"sync": sync, "message": message})

    def message(self, item_hash: str) -> Json:
        answer = self.get(f"/api/v0/messages/{item_hash}")
        assert answer.status == 200, answer.text
        return answer.json

    def status(self, item_hash: str) -> str:
        return str(self.message(item_hash)["status"])

    def await_status(self, item_hash: str, status: str) -> None:
        eventually(lambda: self.status(item_hash) == status)

    def upload(self, content: bytes) -> str:
        answer = self.ask(
            "POST",
            "/api/v0/storage/add_file",
            content,
            {"Content-Type": "application/octet-stream"},
        )
        assert answer.status == 200, answer.text
        return str(answer.json["hash"])


@attrs.define
class Author(Visitor):
    """Sign messages and publish them; content times rise with every message."""

    account: ETHAccount = attrs.field(factory=ETHAccount.generate)

    @property
    def address(self) -> str:
        return self.account.get_address()

    def another(self) -> Author:
        return Author(self.url)

    def sign(self, kind: str, content: Json, **envelope: Any) -> Json:
        """Return a signed message; content gets an address and a time unless it has them."""
        content = {"address": self.address, "time": next(TIMES), **content}
        item_content = json.dumps(content)
        message = {
            "chain": "ETH",
            "sender": self.address,
            "type": kind,
            "channel": "TEST",
            "time": float(content["time"]),
            "item_type": "inline",
            "item_hash": sha256(item_content.encode()).hexdigest(),
            "item_content": item_content,
        }
        return self.seal(message | envelope)

    def seal(self, message: Json) -> Json:
        names = ("chain", "sender", "type", "item_hash")
        text = "\n".join(str(message[name]) for name in names)
        return message | {"signature": "0x" + self.account.sign_raw(text.encode()).hex()}

    def send(self, kind: str, content: Json, *, status: int = 200, **envelope: Any) -> str:
        """Publish and wait; return the item hash."""
        message = self.sign(kind, content, **envelope)
        answer = self.publish(message)
        assert answer.status == status, (answer.text, self._why(message))
        return str(message["item_hash"])

    def _why(self, message: Json) -> Json:
        return self.get(f"/api/v0/messages/{message['item_hash']}").text

    def post_note(self, content: Json = "a note", *, status: int = 200, **fields: Any) -> str:
        envelope = {name: fields.pop(name) for name in ("channel",) if name in fields}
        return self.send(
            "POST", {"type": "note", "content": content, **fields}, status=status, **envelope
        )

    def amend(self, ref: str, content: Json, *, status: int = 200, **fields: Any) -> str:
        return self.send(
            "POST", {"type": "amend", "ref": ref, "content": content, **fields}, status=status
        )

    def aggregate(self, key: str, content: Json, *, status: int = 200, **fields: Any) -> str:
        return self.send("AGGREGATE", {"key": key, "content": content, **fields}, status=status)

    def store(self, content: bytes, *, status: int = 200, **fields: Any) -> str:
        """Upload bytes, then publish the STORE."""
        file_hash = self.upload(content)
        return self.send(
            "STORE", {"item_type": "storage", "item_hash": file_hash, **fields}, status=status
        )

    def forget(self, *hashes: str, status: int = 200, **fields: Any) -> str:
        return self.send("FORGET", {"hashes": list(hashes), **fields}, status=status)

    def merged(self, item_hash: str) -> Json:
        """Return the post with its amends, None when there is none."""
        posts = self.get("/api/v1/posts.json", hashes=item_hash).json["posts"]
        return posts[0] if posts else None

    def merged_aggregate(self, key: str) -> Json:
        answer = self.get(f"/api/v0/aggregates/{quote(self.address)}.json", keys=key)
        return answer.json["data"][key] if answer.status == 200 else None

    def error(self, item_hash: str) -> tuple[int, Json]:
        """Return error code and details of a message, once it is rejected."""
        found = eventually(
            lambda: (found := self.message(item_hash))["status"] == "rejected" and found
        )
        return found["error_code"], found["details"]

    def claim(self, content: bytes, **fields: Any) -> tuple[Json, bytes]:
        """Return a signed STORE of bytes on the storage engine and its metadata part."""
        store = {"item_type": "storage", "item_hash": sha256(content).hexdigest()} | fields
        message = self.sign("STORE", store)
        return message, json.dumps({"message": message, "sync": True}).encode()
