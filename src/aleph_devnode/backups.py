"""Backups of machines: archives of their disks, one of each machine, made in the background."""

from __future__ import annotations

import hmac
import io
import json
import secrets
import tarfile
from hashlib import sha256
from sqlite3 import Connection, Row
from typing import Any
from urllib.parse import urlencode

from . import disk_images
from .answers import Refusal
from .machines import Machine
from .settings import NodeSettings
from .times import from_seconds, iso_offset, now

# A status, and JSON or a plain sentence.
Told = tuple[int, dict[str, Any] | str]

LIFETIME = 24 * 3600.0
NONE_FOUND = "No backup found for this VM"


class Backups:
    """Keep the backups of one compute node; the signatures of downloads last until it stops."""

    def __init__(self, settings: NodeSettings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._secret = secrets.token_bytes(32)

    def create(self, connection: Connection, machine: Machine, *, include_volumes: bool) -> Told:
        """Return status and body: what is there already, or that one is being made."""
        if machine.vm_type != "instance":
            raise Refusal(400, "Backups are only supported for QEMU instances")
        row = self._row(connection, machine.vm_hash)
        if row is not None:
            return self._told(connection, row)
        if not machine.running:
            raise Refusal(400, "VM must be running to create backup")
        self._begin(connection, machine, include_volumes=include_volumes)
        return 202, {"status": "in_progress"}

    def get(self, connection: Connection, vm_hash: str) -> Told:
        """Return status and body; a failure is told once and then forgotten."""
        row = self._row(connection, vm_hash)
        if row is None:
            raise Refusal(404, NONE_FOUND)
        return self._told(connection, row)

    def is_busy(self, connection: Connection, vm_hash: str) -> bool:
        row = self._row(connection, vm_hash)
        return row is not None and bool(row["ready"] > now())

    def delete(self, connection: Connection, vm_hash: str, backup_id: str) -> str:
        if not backup_id.startswith(vm_hash):
            raise Refusal(403, "Backup does not belong to this VM")
        done = connection.execute(
            "DELETE FROM backups WHERE backup_id = ? AND ready <= ?", (backup_id, now())
        )
        if not done.rowcount:
            raise Refusal(404, "Backup not found")
        return f"Deleted backup {backup_id}"

    def archive(
        self, connection: Connection, vm_hash: str, backup_id: str, *, expires: str, signature: str
    ) -> Row:
        """Return a backup for whoever has its address; raises ``Refusal``."""
        try:
            moment = int(expires)
        except ValueError as error:
            raise Refusal(400, "Invalid expires parameter") from error
        expected = self._signature(self._path(vm_hash, backup_id), moment)
        if not hmac.compare_digest(expected, signature) or moment < now():
            raise Refusal(403, "Invalid or expired signature")
        row: Row | None = connection.execute(
            "SELECT * FROM backups WHERE backup_id = ? AND failure IS NULL", (backup_id,)
        ).fetchone()
        if row is None:
            raise Refusal(404, "Backup not found")
        return row

    def _row(self, connection: Connection, vm_hash: str) -> Row | None:
        connection.execute("DELETE FROM backups WHERE ready < ?", (now() - LIFETIME,))
        row: Row | None = connection.execute(
            "SELECT * FROM backups WHERE vm_hash = ?", (vm_hash,)
        ).fetchone()
        return row

    def _told(self, connection: Connection, row: Row) -> Told:
        if row["ready"] > now():
            return 202, {"status": "in_progress"}
        if row["failure"] is not None:
            connection.execute("DELETE FROM backups WHERE backup_id = ?", (row["backup_id"],))
            return 500, f"Backup failed: {row['failure']}"
        return 200, self._metadata(row)

    def _begin(self, connection: Connection, machine: Machine, *, include_volumes: bool) -> None:
        begun = now()
        named = from_seconds(begun).strftime("%Y%m%dT%H%M%SZ")
        names = ["rootfs.qcow2"]
        if include_volumes:
            volumes = machine.content.get("volumes") or ()
            names += [
                f"{volume.get('name') or 'volume'}.qcow2"
                for volume in volumes
                if volume.get("persistence")
            ]
        archive, sizes = _archive(machine, names)
        connection.execute(
            "INSERT INTO backups VALUES (?, ?, ?, ?, ?, ?)",
            (
                f"{machine.vm_hash}-{named}",
                machine.vm_hash,
                begun + self._settings.backup_seconds,
                self._settings.backup_failure,
                json.dumps(sizes),
                archive,
            ),
        )

    def _metadata(self, row: Row) -> dict[str, Any]:
        sizes = json.loads(row["source_sizes"])
        return {
            "backup_id": row["backup_id"],
            "size": len(row["archive"]),
            "volumes": list(sizes),
            "expires_at": iso_offset(row["ready"] + LIFETIME),
            "checksum": checksum(row),
            "source_sizes": sizes,
            "download_url": self._download_url(row),
        }

    def _download_url(self, row: Row) -> str:
        # The real node writes its domain with https, which nobody could reach here.
        path = self._path(row["vm_hash"], row["backup_id"])
        expires = int(now() + LIFETIME)
        query = {"signature": self._signature(path, expires), "expires": expires}
        return f"{self._url}{path}?{urlencode(query)}"

    def _path(self, vm_hash: str, backup_id: str) -> str:
        return f"/control/machine/{vm_hash}/backup/{backup_id}"

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}:{expires}".encode(), sha256).hexdigest()


def checksum(row: Row) -> str:
    return f"sha256:{sha256(row['archive']).hexdigest()}"


def _archive(machine: Machine, names: list[str]) -> tuple[bytes, dict[str, int]]:
    """Return a tar archive of disks, and their sizes."""
    size = (machine.content.get("rootfs") or {}).get("size_mib", 0) * 1024 * 1024
    sizes: dict[str, int] = {}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            image = disk_images.make(size, f"{machine.vm_hash} {name} {machine.disk}".encode())
            entry = tarfile.TarInfo(name)
            entry.size = sizes[name] = len(image)
            tar.addfile(entry, io.BytesIO(image))
    return packed.getvalue(), sizes
