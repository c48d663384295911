# Prints a conversation's messages and survives broken connections: it resumes after the last seq it has.
# Needs: PARLEY_URL, TOKEN, pip install websockets. Usage: resume.py CONVERSATION_ID [SINCE]
import json
import os
import sys
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

URL = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000")
HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
conversation, since, delay = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0, 1.0

while True:
    try:
        address = f"ws{URL[4:]}/ws/messaging/conversations/{conversation}/?since={since}"
        with connect(address, additional_headers=HEADERS) as socket:
            for text in socket:
                frame, delay = json.loads(text), 1.0
                if frame["type"] == "message":
                    print(f"{frame['seq']} {frame['data']['sender_id']}: {frame['data']['content']}", flush=True)
                elif frame["type"] == "gap" and frame["data"]["reset"]:
                    since = frame["data"]["from"] - 1  # the store lost these: they come again, or others
                elif frame["type"] == "resumed":
                    print("up to date", flush=True)
                elif frame["type"] == "disconnect":
                    if not frame["data"]["reconnect"]:
                        sys.exit(frame["data"]["reason"])
                    delay = frame["data"]["delay_ms"] / 1000
                since = max(since, frame.get("seq", 0))
    except (ConnectionClosed, OSError):
        pass
    time.sleep(delay)
    delay = min(2 * delay + 0.1, 30)
