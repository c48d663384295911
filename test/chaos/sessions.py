"""Requests of a client besides sending: it reads its own writes, pages through the history, and moves its read mark. Each
response is recorded in the History with the time of its request."""
import asyncio
import time

import httpx
from websockets.exceptions import WebSocketException

FAILURES = (OSError, httpx.HTTPError, WebSocketException, asyncio.TimeoutError)
PAGE = 20  # messages


async def read_page(client):
    await _read(client, f"conversations/{client.conversation}/messages/?limit={PAGE}", lambda body: body["messages"])


async def read_back(client, seq, id):
    """Reads one message by its id; it was acked with `seq`."""
    await _read(client, f"messages/{id}/", lambda body: [body], message=id, wanted=seq)


async def _read(client, path, messages, **fields):
    began = time.monotonic()
    try:
        answer = await client.ask("GET", path)
    except FAILURES:
        return
    page = [(one["seq"], one["id"], one["content"]) for one in messages(answer.json())] if answer.is_success else []
    client.note("read", began=began, status=answer.status_code, page=page, **fields)


async def read_until_stopped(client):
    while not client.swarm.quiet and not client.finished:
        await asyncio.sleep(client.random.uniform(2, 6) * client.swarm.pause)
        await read_page(client)


async def mark_until_stopped(client):
    """Moves the mark mostly up to the highest seq received, and sometimes back, which must have no effect."""
    while not client.swarm.quiet and not client.finished:
        await asyncio.sleep(client.random.uniform(2, 6) * client.swarm.pause)
        up_to = client.highest if client.random.random() < 0.6 else client.random.randint(0, client.highest)
        outcome, reached = "info", up_to
        try:
            if client.socket is not None and client.random.random() < 0.5:
                outcome = await _mark_by_socket(client, up_to)
            else:
                answer = await client.ask("POST", f"conversations/{client.conversation}/read/", {"up_to_seq": up_to})
                if answer.is_success:
                    outcome, reached = "ok", answer.json()["up_to_seq"]
                elif answer.status_code < 500:
                    outcome = "fail"
        except FAILURES:
            pass
        client.note("mark", outcome=outcome, up_to=up_to, reached=reached)
        if outcome == "ok" and client.random.random() < 0.4:
            await _read_own_mark(client)


async def _mark_by_socket(client, up_to):
    frame = await client.command("read", up_to_seq=up_to)
    return "info" if frame is None or frame["type"] != "ack" else "ok"


async def _read_own_mark(client):
    began = time.monotonic()
    try:
        answer = await client.ask("GET", f"conversations/{client.conversation}/")
    except FAILURES:
        return
    if answer.is_success:
        mine = [member["last_read_seq"] for member in answer.json()["members"] if member["user_id"] == client.user]
        client.note("mark-seen", began=began, marks=mine)
