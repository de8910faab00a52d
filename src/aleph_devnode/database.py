"""The node's SQLite database: one connection on one thread, so one writer and no lock to wait for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

Result = TypeVar("Result")

SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE messages (
    item_hash TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    reception_time REAL NOT NULL,
    sender TEXT, chain TEXT, signature TEXT, type TEXT, item_type TEXT, item_content TEXT,
    time REAL, channel TEXT, content TEXT, size INTEGER,
    owner TEXT, content_type TEXT, content_ref TEXT, content_key TEXT, content_item_hash TEXT, payment_type TEXT,
    fetched INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, waits_for TEXT,
    submitted TEXT, error_code INTEGER, details TEXT,
    forgotten_by TEXT, forgotten_at REAL, file_size INTEGER
);
CREATE INDEX messages_by_time ON messages (status, time);
CREATE INDEX messages_by_owner ON messages (owner, time);
CREATE INDEX messages_by_sender ON messages (sender, time);
CREATE INDEX messages_by_reception ON messages (reception_time);
CREATE TABLE message_tags (
    item_hash TEXT NOT NULL REFERENCES messages ON DELETE CASCADE, tag TEXT NOT NULL, PRIMARY KEY (item_hash, tag)
) WITHOUT ROWID;
CREATE INDEX message_tags_by_tag ON message_tags (tag);

CREATE TABLE posts (
    item_hash TEXT PRIMARY KEY,
    owner TEXT NOT NULL, type TEXT NOT NULL, ref TEXT, amends TEXT, channel TEXT, content TEXT NOT NULL, tags TEXT,
    created REAL NOT NULL, latest_amend TEXT
);
CREATE INDEX posts_by_amended ON posts (amends, created);
CREATE INDEX posts_by_owner ON posts (owner);

CREATE TABLE aggregate_elements (
    item_hash TEXT PRIMARY KEY,
    owner TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL, created REAL NOT NULL
);
CREATE INDEX aggregate_elements_by_key ON aggregate_elements (owner, key, created);
CREATE TABLE aggregates (
    owner TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL,
    created REAL NOT NULL, last_updated REAL NOT NULL, last_element TEXT NOT NULL,
    PRIMARY KEY (owner, key)
);

CREATE TABLE files (hash TEXT PRIMARY KEY, size INTEGER NOT NULL, type TEXT NOT NULL);
CREATE TABLE file_pins (
    id INTEGER PRIMARY KEY,
    file_hash TEXT NOT NULL REFERENCES files, kind TEXT NOT NULL, item_hash TEXT, owner TEXT, ref TEXT,
    created REAL NOT NULL
);
CREATE UNIQUE INDEX file_pins_by_message ON file_pins (item_hash, kind);
CREATE INDEX file_pins_by_file ON file_pins (file_hash);
CREATE INDEX file_pins_by_owner ON file_pins (owner, created);
CREATE TABLE file_tags (tag TEXT PRIMARY KEY, owner TEXT NOT NULL, file_hash TEXT NOT NULL, last_updated REAL NOT NULL);

CREATE TABLE volume_references (vm_hash TEXT NOT NULL, ref TEXT NOT NULL, PRIMARY KEY (vm_hash, ref)) WITHOUT ROWID;
CREATE INDEX volume_references_by_ref ON volume_references (ref);

CREATE TABLE costs (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL, item_hash TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL, ref TEXT,
    payment_type TEXT NOT NULL, cost_hold TEXT NOT NULL, cost_stream TEXT NOT NULL, cost_credit TEXT NOT NULL,
    size_mib REAL
);
CREATE INDEX costs_by_owner ON costs (owner, payment_type);
CREATE INDEX costs_by_message ON costs (item_hash);
CREATE TABLE balances (address TEXT NOT NULL, chain TEXT NOT NULL, balance TEXT NOT NULL, PRIMARY KEY (address, chain));
CREATE TABLE credit_lots (
    address TEXT NOT NULL, credit_ref TEXT NOT NULL, credit_index INTEGER NOT NULL,
    remaining INTEGER NOT NULL, expiration REAL, granted REAL NOT NULL,
    PRIMARY KEY (address, credit_ref, credit_index)
);
CREATE TABLE credit_history (
    address TEXT NOT NULL, amount INTEGER NOT NULL, provider TEXT, origin TEXT, payment_method TEXT,
    credit_ref TEXT NOT NULL, credit_index INTEGER NOT NULL, expiration REAL, time REAL NOT NULL,
    PRIMARY KEY (credit_ref, credit_index)
);
CREATE INDEX credit_history_by_address ON credit_history (address, time);

CREATE TABLE machines (
    vm_hash TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, owner TEXT NOT NULL, state TEXT NOT NULL
);
CREATE TABLE kept_ports (vm_hash TEXT PRIMARY KEY, ports TEXT NOT NULL);
CREATE TABLE past_machines (vm_hash TEXT PRIMARY KEY, owner TEXT NOT NULL);
CREATE TABLE machine_logs (
    id INTEGER PRIMARY KEY, vm_hash TEXT NOT NULL, stream TEXT NOT NULL, time REAL NOT NULL, message TEXT NOT NULL
);
CREATE TABLE backups (
    backup_id TEXT PRIMARY KEY, vm_hash TEXT NOT NULL UNIQUE, ready REAL NOT NULL, failure TEXT,
    source_sizes TEXT NOT NULL, archive BLOB NOT NULL
);
CREATE INDEX machine_logs_by_machine ON machine_logs (vm_hash, id);
"""


class DatabaseUnusable(Exception):
    """The database file is held by another node, or was written by another version."""


class Database:
    """Run functions on the database, each in a transaction of its own that is on disk when it returns."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the database; ``None`` keeps it in memory."""
        self._path = path
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="aleph-devnode-database"
        )
        try:
            self._connection = self._thread.submit(self._open).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def _open(self) -> Connection:
        connection = sqlite3.connect(self._path or ":memory:", isolation_level=None, timeout=0)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN EXCLUSIVE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, SCHEMA_VERSION):
                raise DatabaseUnusable(
                    f"{self._path} was written by another version of the local node; start with an empty folder"
                )
            if version == 0:
                connection.execute("COMMIT")
                connection.executescript(
                    f"BEGIN;{SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
                )
            else:
                connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            connection.close()
            raise DatabaseUnusable(
                f"{self._path} cannot be used: {error}; is another node running on it?"
            ) from error
        except BaseException:
            connection.close()
            raise
        return connection

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` in a transaction: all of it is committed, or nothing when it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        self._connection.execute("BEGIN")
        try:
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()
