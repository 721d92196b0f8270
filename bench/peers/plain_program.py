"""The floor for any service that makes codes: `python -m bench.peers.plain_program PORT DIRECTORY`.

Flask and waitress as simcourier uses them, one SQLite table in WAL mode with full synchronisation, HMACs of codes, a
charge before the comparison. No keys, limits, failures, audit, templates or modems: the code is told in the answer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask, request
from waitress import serve

_TABLE = """
CREATE TABLE IF NOT EXISTS verifications (
    id TEXT PRIMARY KEY, recipient TEXT NOT NULL, mac BLOB NOT NULL, attempts INTEGER NOT NULL,
    status TEXT NOT NULL, deadline_ms INTEGER NOT NULL)
"""
_CHARGE = (
    "UPDATE verifications SET attempts = attempts + 1 WHERE id = ? AND status = 'pending' AND attempts < 5"
)
_CLOSE = "UPDATE verifications SET status = 'approved' WHERE id = ? AND status = 'pending'"
KEY = secrets.token_bytes(32)


def application(directory: Path) -> Flask:
    """Two operations with simcourier's paths."""
    app = Flask(__name__)
    # One connection and a lock: with a connection a thread they would sleep in SQLite's busy handler.
    connection = sqlite3.connect(directory / "plain.db", isolation_level=None, check_same_thread=False)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _TABLE):
        connection.execute(statement)
    lock = threading.Lock()

    def mac_of(id_: str, code: str) -> bytes:
        return hmac.new(KEY, f"{id_} {code}".encode(), hashlib.sha256).digest()

    @app.post("/v1/verifications")
    def start() -> tuple[dict[str, Any], int]:
        id_, code = secrets.token_urlsafe(16), f"{secrets.randbelow(10**6):06d}"
        row = (id_, request.get_json()["to"], mac_of(id_, code), time.time_ns() // 1_000_000 + 600_000)
        with lock:
            connection.execute("INSERT INTO verifications VALUES (?, ?, ?, 0, 'pending', ?)", row)
        return {"id": id_, "status": "pending", "code": code}, 202

    @app.post("/v1/verifications/<id_>/check")
    def check(id_: str) -> tuple[dict[str, Any], int]:
        given = mac_of(id_, request.get_json()["code"])
        with lock:
            connection.execute("BEGIN IMMEDIATE")
            charged = connection.execute(_CHARGE, (id_,)).rowcount
            row = connection.execute("SELECT mac FROM verifications WHERE id = ?", (id_,)).fetchone()
            right = bool(charged) and hmac.compare_digest(row[0], given)
            if right:
                connection.execute(_CLOSE, (id_,))
            connection.execute("COMMIT")
        return ({"status": "approved"}, 200) if right else ({"code": "code-incorrect"}, 422)

    return app


def main() -> None:
    """Run as a program."""
    port, directory = sys.argv[1:]
    serve(application(Path(directory)), host="127.0.0.1", port=int(port), threads=5, asyncore_use_poll=True)


if __name__ == "__main__":
    main()
