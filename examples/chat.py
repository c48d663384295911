# A chat in the terminal: sends each line of the standard input, and prints what others send.
# Needs: PARLEY_URL, TOKEN, pip install websockets. Usage: chat.py CONVERSATION_ID
import asyncio
import json
import os
import sys
import uuid

from websockets.asyncio.client import connect

URL = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000")


async def print_messages(socket, me):
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == "message" and frame["data"]["sender_id"] != me:
            print(f"{frame['data']['sender_id']}: {frame['data']['content']}", flush=True)
        elif frame["type"] == "error":
            print("error:", frame["data"]["message"], flush=True)


async def main(conversation):
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    async with connect(f"ws{URL[4:]}/ws/messaging/conversations/{conversation}/", additional_headers=headers) as socket:
        established = json.loads(await socket.recv())
        me = established["data"]["user_id"]
        print(f"connected as {me}; online: {', '.join(established['data']['online'])}", flush=True)
        printing = asyncio.create_task(print_messages(socket, me))
        while line := await asyncio.to_thread(sys.stdin.readline):
            # The client_id makes it safe to send the line again after a broken connection.
            await socket.send(json.dumps({"type": "message", "content": line.strip(), "client_id": uuid.uuid4().hex}))
        printing.cancel()


asyncio.run(main(sys.argv[1]))
