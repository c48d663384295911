"""A process of Django's side of the channel layer, with the real channels_redis. Run by the interpreter of build/django-NAME:

    python django_side.py '{"backend": "core", "options": {…}, "groups": ["conversation_…"]}'

Prints one JSON line per message that its channel receives, and reads commands from standard input: {"group", "message"} sends to a
group; "pause" stops receiving."""
import asyncio
import importlib
import json
import sys


async def receive(layer, channel, running):
    while True:
        await running.wait()
        print(json.dumps({"received": await layer.receive(channel)}), flush=True)


async def main():
    given = json.loads(sys.argv[1])
    name = {"core": "RedisChannelLayer", "pubsub": "RedisPubSubChannelLayer"}[given["backend"]]
    layer = getattr(importlib.import_module(f"channels_redis.{given['backend']}"), name)(**given["options"])
    channel = await layer.new_channel()
    for group in given["groups"]:
        await layer.group_add(group, channel)
    running = asyncio.Event()
    running.set()
    receiving = asyncio.ensure_future(receive(layer, channel, running))
    print(json.dumps({"ready": channel}), flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        command = json.loads(line)
        if command == "pause":
            running.clear()
            receiving.cancel()
        else:
            await layer.group_send(command["group"], command["message"])
            print(json.dumps({"sent": True}), flush=True)
    receiving.cancel()


asyncio.run(main())
