"""How much disk space messages use, in both stores."""
import contextlib
import json
import os
import pathlib
import sqlite3
import sys

from servers import Parley, scratch, token

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "scenario"))
from postgres import Postgres  # noqa: E402

AT_ONCE = 100  # commands without an answer


def storage(messages=50_000, conversations=100, content=128):
    """Disk space of messages of `content` bytes, without attachments, once everything is written: bytes for each message."""
    for store in "sqlite", "postgres":
        with contextlib.ExitStack() as stack:
            data, variables = stack.enter_context(scratch()), {}
            if store == "postgres":
                database = Postgres().start()
                stack.callback(database.close)
                variables["DATABASE_URL"] = database.url
            with Parley(data, **variables) as node:
                talks = [node.group(["ann", "bob"]) for _ in range(conversations)]
                before = size_of_postgres(database) if variables else 0
                fill(node, talks, messages, "x" * content)
            size = (size_of_postgres(database) if variables else size_of_sqlite(data)) - before
            print(f"storage on {store}: {messages:,} messages of {content} bytes use {size / messages:,.0f} bytes each, with their indexes", flush=True)


def fill(node, talks, messages, content):
    from websockets.sync.client import connect
    with connect(f"ws://127.0.0.1:{node.port}/ws/messaging/", additional_headers={"Authorization": f"Bearer {token('ann')}"}, max_size=None,
                 compression=None, proxy=None) as socket:
        sent = acked = 0
        while acked < messages:
            while sent < messages and sent - acked < AT_ONCE:
                socket.send(json.dumps({"type": "message", "conversation_id": talks[sent % len(talks)], "content": content, "client_id": f"m-{sent}"}))
                sent += 1
            acked += json.loads(socket.recv(timeout=60))["type"] == "ack"


def size_of_postgres(database):
    database.ask("CHECKPOINT")
    return int(database.ask("SELECT pg_database_size('postgres')"))


def size_of_sqlite(data):
    """Without the write-ahead log, which is emptied here. The server must have ended."""
    with contextlib.closing(sqlite3.connect(f"{data}/parley.db")) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return os.path.getsize(f"{data}/parley.db")
