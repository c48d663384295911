# Shows whether Bob is online: first without a socket of his, then with one.
# Needs: PARLEY_URL, ALICE and BOB (tokens of users who share a conversation), pip install websockets.
import json
import os
import urllib.request

from websockets.sync.client import connect

URL = os.environ.get("PARLEY_URL", "http://127.0.0.1:8000")


def presence_of(user):
    request = urllib.request.Request(
        f"{URL}/api/messaging/presence/", json.dumps({"user_ids": [user]}).encode(),
        {"Authorization": f"Bearer {os.environ['ALICE']}", "Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))[user]


def bearer(token):
    return {"Authorization": f"Bearer {os.environ[token]}"}


print("bob is online:", presence_of("bob")["online"])
# A socket of all of Alice's conversations is told who comes and goes.
with connect(f"ws{URL[4:]}/ws/messaging/", additional_headers=bearer("ALICE")) as alice:
    alice.recv()  # connection_established
    with connect(f"ws{URL[4:]}/ws/messaging/", additional_headers=bearer("BOB")):
        while json.loads(alice.recv())["type"] != "user_online":
            pass
        print("bob is online:", presence_of("bob")["online"])
