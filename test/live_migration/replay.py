"""A resume of each client from the start, on a socket of its own."""
import asyncio
import json

from chatter import PARLEY
from websockets.asyncio.client import connect

AT_ONCE = 10


async def replay_all(crowd):
    turns = asyncio.Semaphore(AT_ONCE)
    replays = {}

    async def one(number, client):
        address = crowd.addresses[PARLEY][number % len(crowd.addresses[PARLEY])]
        async with turns, connect(f"ws://{address}/ws/messaging/conversations/{client.conversation}/?since=0",
                                  additional_headers={"Authorization": f"Bearer {client.token}"}, open_timeout=20, max_size=None,
                                  compression=None, proxy=None) as socket:
            replays[client.user] = await asyncio.wait_for(_until_resumed(socket), 60)

    await asyncio.gather(*(one(number, client) for number, client in enumerate(crowd.clients)))
    return replays


async def _until_resumed(socket):
    messages = []
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == "resumed":
            return messages
        assert frame["type"] != "gap", frame
        if frame["type"] == "message" and "seq" in frame:
            messages.append((frame["seq"], frame["data"]["content"]))
    raise AssertionError("the socket ended before the response to the resume")
