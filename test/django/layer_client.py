"""A process with a real channel layer of channels_redis: reads commands from standard input, writes what happens to standard output,
one JSON object per line. The argument is {"class": "core" | "pubsub", "config": {…}, "consumers": N}.

    {"do": "join", "group": …}   {"do": "leave", "group": …}   each of the consumers
    {"do": "send", "group": …, "message": {…}}
    {"do": "direct", "channel": …, "message": {…}}

Each consumer has the methods of the guide's consumer. It answers a message with {"consumer": N, "client": what it sends to its client},
or, as Channels would end its WebSocket, with {"consumer": N, "died": exception}. The end of the input ends the process.
"""
import asyncio
import base64
import importlib
import json
import sys

from channels.consumer import AsyncConsumer
from django.conf import settings

settings.configure()


def encoded(value):
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    raise TypeError(type(value))


def decoded(pairs):
    return base64.b64decode(pairs["$bytes"]) if set(pairs) == {"$bytes"} else pairs


def say(what):
    sys.stdout.write(json.dumps(what, default=encoded) + "\n")
    sys.stdout.flush()


class Consumer(AsyncConsumer):
    async def tell(self, kind, data):
        say({"consumer": self.number, "client": {"type": kind, "data": data}})

    async def chat_message(self, event):
        await self.tell("message", event["message"])

    async def message_updated(self, event):
        await self.tell("message_updated", event["message"])

    async def message_deleted(self, event):
        await self.tell("message_deleted", {"message_id": event["message_id"]})

    async def conversation_updated(self, event):
        await self.tell("conversation_updated", event["conversation"])

    async def read_receipt(self, event):
        await self.tell("read_receipt", {"user_id": event["user_id"], "message_ids": event["message_ids"]})

    async def typing_indicator(self, event):
        await self.tell("typing_indicator", {"user_id": event["user_id"], "is_typing": event["is_typing"]})

    async def user_online(self, event):
        await self.tell("user_online", {"user_id": event["user_id"]})

    async def user_offline(self, event):
        await self.tell("user_offline", {"user_id": event["user_id"]})

    async def probe_event(self, event):
        await self.tell("probe_event", {key: value for key, value in event.items() if key not in ("type", "__parley__")})


class Process:
    def __init__(self, layer, consumers):
        self.layer = layer
        self.consumers = consumers

    async def start(self):
        self.channels = [await self.layer.new_channel() for _ in range(self.consumers)]
        self.tasks = [asyncio.ensure_future(self.receive(number, channel)) for number, channel in enumerate(self.channels)]
        say({"ready": self.channels})

    async def receive(self, number, channel):
        consumer = Consumer()
        consumer.number = number
        while True:
            try:
                message = await self.layer.receive(channel)
            except Exception as failure:  # Redis is restarted
                print(repr(failure), file=sys.stderr)
                await asyncio.sleep(0.2)
                continue
            try:
                await consumer.dispatch(message)
            except Exception as failure:
                say({"consumer": number, "died": repr(failure)})

    async def run(self, command):
        what = command["do"]
        if what in ("join", "leave"):
            change = self.layer.group_add if what == "join" else self.layer.group_discard
            for channel in self.channels:
                await change(command["group"], channel)
        elif what == "send":
            await self.layer.group_send(command["group"], command["message"])
        elif what == "direct":
            await self.layer.send(command["channel"], command["message"])
        else:
            raise ValueError(what)


async def main():
    setup = json.loads(sys.argv[1])
    name = {"core": "RedisChannelLayer", "pubsub": "RedisPubSubChannelLayer"}[setup["class"]]
    process = Process(getattr(importlib.import_module("channels_redis." + setup["class"]), name)(**setup["config"]), setup.get("consumers", 1))
    await process.start()
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            await process.run(json.loads(line, object_hook=decoded))
            say({"done": True})
        except Exception as failure:
            say({"done": False, "error": repr(failure)})


asyncio.run(main())
