"""A compute node that starts one confidential machine on a processor of its own, and lies where it is told to."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import attrs
from python_multipart.multipart import FormParser, parse_options_header

from aleph_devnode.secure_processor import Guest, LaunchRefused, SecureProcessor
from tests.hostile import HostileServer, Peer, Received, Step, answer
from tests.scripted import routes

FIRMWARE = b"the firmware that the owner expects"
POLICY = 1
NOTIFIED = {"success": True, "successful": True, "failing": [], "errors": {}}
RUNS = {"status": {"status": "running", "running": True}}


def text(sentence: str, status: int = 200) -> Step:
    return answer(sentence, status=status, content_type="text/plain")


def not_running() -> Step:
    return answer({"error": "Operation not running"}, status=403)


@attrs.define
class Platform:
    """``info`` and ``measure`` change what is measured; ``steps`` replace the answers of whole endpoints."""

    vm: str
    processor: SecureProcessor = attrs.field(factory=SecureProcessor)
    certificates: bytes | None = None
    firmware: bytes = FIRMWARE
    info: dict[str, Any] = attrs.field(factory=dict)
    measure: bytes | None = None
    steps: dict[str, Any] = attrs.field(factory=dict)
    guest: Guest | None = None

    def server(self) -> HostileServer:
        control = f"/control/machine/{self.vm}"
        table: dict[str, Any] = {
            "notify": ("/control/allocation/notify", answer(NOTIFIED)),
            "list": ("/v2/about/executions/list", self._list),
            "certificates": ("/about/certificates", self._certificates),
            "initialize": (f"{control}/confidential/initialize", self._initialize),
            "measurement": (f"{control}/confidential/measurement", self._measurement),
            "inject": (f"{control}/confidential/inject_secret", answer(RUNS)),
            "stop": (f"{control}/stop", text(f"Stopped VM with ref {self.vm}")),
        }
        return HostileServer(
            routes({path: self.steps.get(name, step) for name, (path, step) in table.items()})
        )

    def _list(self, peer: Peer) -> None:
        running = self.guest is not None
        entry = {"running": running, "awaiting_confidential_init": not running}
        answer({self.vm: entry})(peer)

    def _certificates(self, peer: Peer) -> None:
        found = self.processor.certificates() if self.certificates is None else self.certificates
        answer(found, content_type="application/octet-stream")(peer)

    def _initialize(self, peer: Peer) -> None:
        peer.read_body()
        parts = {name: base64.b64decode(data) for name, data in files(peer.request).items()}
        try:
            self.guest = self.processor.launch(policy=POLICY, **parts)
            self.guest.update(self.firmware)
        except LaunchRefused:
            self.guest = None
        text(f"Started VM with ref {self.vm}")(_answering(peer))

    def _measurement(self, peer: Peer) -> None:
        if self.guest is None:
            not_running()(peer)
            return
        measure = self.guest.measure() if self.measure is None else self.measure
        found = {
            "sev_info": {**self.guest.info(), **self.info},
            "launch_measure": base64.b64encode(measure).decode(),
        }
        answer(found)(peer)


def _answering(peer: Peer) -> Peer:
    # Its body is read already.
    peer.request.headers["content-length"] = "0"
    return peer


def files(request: Received) -> dict[str, bytes]:
    """Return the files of a form, by the names of their parts."""
    _, options = parse_options_header(request.headers["content-type"])
    found: dict[str, bytes] = {}

    def on_file(file: Any) -> None:
        buffer: BytesIO = file.file_object
        buffer.seek(0)
        found[file.field_name.decode()] = buffer.read()

    parser = FormParser("multipart/form-data", None, on_file, boundary=options[b"boundary"])
    parser.write(request.body)
    parser.finalize()
    return found
