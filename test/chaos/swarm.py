"""Clients that behave as the contract tells them to: they reconnect anywhere, resume from the last seq they have, and send
again with the same client_id what was not acked. Everything they see goes into a History."""
import asyncio
import itertools
import json
import random
import threading
from collections import Counter

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tokens import mint

ACK_WITHIN = 4.0
UNKNOWN = ("outcome_unknown", None)


class Client:
    """One user in one conversation, on one socket at a time."""

    numbers = itertools.count(1)

    def __init__(self, swarm, user, conversation, sends):
        self.swarm, self.user, self.conversation, self.sends = swarm, user, conversation, sends
        self.token = mint(user, ttl=86400)
        self.last_seq = 0
        self.highest = 0  # what is before it has been seen once
        self.socket = None
        self.waiting = {}
        self.random = random.Random(f"{swarm.seed} {user}")
        self.sent = 0
        self.reconnects = []  # seconds without a socket
        self.out = False  # removed from the conversation

    async def stay_connected(self):
        lost_at, pause = None, 0.05
        loop = asyncio.get_running_loop()
        while not self.swarm.ending and not self.out:
            node = self.random.choice(self.swarm.doors())
            connection = next(self.numbers)
            since = self.last_seq
            if self.random.random() < 0.1:  # a client that was installed anew, or lost its last page
                since = self.random.choice((0, max(0, since - 1), max(0, since - 5)))
            delay = None
            try:
                async with connect(f"ws://{node}/ws/messaging/conversations/{self.conversation}/?since={since}",
                                   additional_headers={"Authorization": f"Bearer {self.token}"}, open_timeout=3, close_timeout=1,
                                   ping_interval=2, ping_timeout=4, max_size=None, compression=None, proxy=None) as socket:
                    self.swarm.history.note("connect", connection=connection, user=self.user, conversation=self.conversation, since=since)
                    self.swarm.taken.add(connection)
                    self.last_seq = since
                    if lost_at is not None:
                        self.reconnects.append(loop.time() - lost_at)
                    lost_at, pause = None, 0.05
                    self.socket = socket
                    async for text in socket:
                        frame = json.loads(text)
                        if frame["type"] == "disconnect":
                            delay = frame["data"]["delay_ms"] / 1000
                            self.out = self.out or frame["data"]["code"] == 4003
                        self._take(frame, connection)
            except (OSError, WebSocketException, asyncio.TimeoutError) as error:
                if connection not in self.swarm.taken:
                    self.swarm.refused[type(error).__name__] += 1
            self.socket = None
            for answer in self.waiting.values():
                if not answer.done():
                    answer.set_result(None)
            self.swarm.history.note("close", connection=connection, user=self.user)
            if lost_at is None:
                lost_at = loop.time()
            await asyncio.sleep(delay if delay is not None else self.random.uniform(0, pause))
            pause = min(pause * 2, 0.8)

    def _take(self, frame, connection):
        if "ref" in frame and frame["ref"] in self.waiting:
            answer = self.waiting[frame["ref"]]
            if not answer.done():
                answer.set_result(frame)
        elif frame["type"] == "gap":
            self.swarm.history.note("gap", connection=connection, user=self.user, conversation=self.conversation,
                                    **{"from": frame["data"]["from"], "to": frame["data"]["to"]})
        elif "seq" in frame and frame["type"] in ("conversation_updated", "message_updated", "message_deleted"):
            self.swarm.history.note("change", connection=connection, user=self.user, conversation=self.conversation, seq=frame["seq"])
            self.last_seq = frame["seq"]
            self.highest = max(self.highest, self.last_seq)
        elif frame["type"] == "message" and "seq" in frame:
            data = frame["data"]
            self.last_seq = frame["seq"]
            self.swarm.history.note("recv", connection=connection, user=self.user, conversation=self.conversation, seq=frame["seq"],
                                    id=data["id"], content=data["content"], replay=frame["seq"] <= self.highest)
            self.highest = max(self.highest, self.last_seq)

    async def send_for_ever(self):
        while not self.swarm.quiet:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * self.swarm.pause)
            self.sent += 1
            client_id = f"{self.user}-{self.sent}"
            once = self.random.random() < 0.2  # does not try again
            twice = self.random.random() < 0.2  # on two ways at once
            await asyncio.gather(*(self._send(client_id, once, by_rest) for by_rest in ((True, False) if twice else (False,))))

    async def _send(self, client_id, once, by_rest):
        fields = {"user": self.user, "conversation": self.conversation, "client_id": client_id}
        while not self.swarm.ending and not self.out:
            self.swarm.history.note("invoke", **fields)
            ask = self._by_rest if by_rest or self.socket is None else self._by_socket
            try:
                outcome, details = await ask(client_id)
            except (OSError, httpx.HTTPError, WebSocketException, asyncio.TimeoutError):
                outcome, details = "info", {}
            self.swarm.history.note(outcome, **fields, **details)
            if outcome == "ok" or once:
                return
            await asyncio.sleep(self.random.uniform(0.05, 0.5))

    async def _by_socket(self, client_id):
        socket, ref = self.socket, f"{client_id}-{next(self.numbers)}"
        self.waiting[ref] = asyncio.get_running_loop().create_future()
        try:
            await socket.send(json.dumps({"type": "message", "ref": ref, "content": client_id, "client_id": client_id}))
            frame = await asyncio.wait_for(self.waiting[ref], ACK_WITHIN)
        finally:
            del self.waiting[ref]
        if frame is None:
            return "info", {}
        if frame["type"] == "ack":
            return "ok", {"seq": frame["data"]["seq"], "id": frame["data"]["id"]}
        code = frame["data"]["code"]
        return ("info" if code in UNKNOWN else "fail"), {"code": code}

    async def _by_rest(self, client_id):
        door = self.random.choice(self.swarm.doors())
        answer = await self.swarm.http.post(
            f"http://{door}/api/messaging/messages/", headers={"Authorization": f"Bearer {self.token}"}, timeout=ACK_WITHIN,
            json={"conversation_id": self.conversation, "content": client_id, "client_id": client_id})
        body = answer.json() if answer.headers.get("content-type", "").startswith("application/") else {}
        if answer.is_success:
            return "ok", {"seq": body["seq"], "id": body["id"]}
        code = body.get("code")
        return ("info" if code in UNKNOWN else "fail"), {"code": code}


class Swarm:
    """doors: a function that gives the addresses (host:port) to try. Runs in a thread of its own."""

    def __init__(self, doors, history, seed, pause=0.25):
        self.doors, self.history, self.seed, self.pause = doors, history, seed, pause
        self.clients = []
        self.quiet = self.ending = False
        self.refused = Counter()  # connects that were not taken, by error
        self.taken = set()

    def add(self, user, conversation, sends):
        self.clients.append(Client(self, user, conversation, sends))

    def start(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True, name="swarm")
        self.thread.start()
        return self

    async def _run(self):
        async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=200)) as self.http:
            staying = [asyncio.create_task(client.stay_connected()) for client in self.clients]
            await asyncio.gather(*(client.send_for_ever() for client in self.clients if client.sends))
            self.sent_all = True
            while not self.ending:
                await asyncio.sleep(0.05)
            for client in self.clients:
                if client.socket is not None:
                    await client.socket.close()
            for task in staying:
                task.cancel()
            await asyncio.gather(*staying, return_exceptions=True)

    sent_all = False

    def stop_sending(self):
        """Whoever sends goes on until what is under way is acked."""
        self.quiet = True

    def stop(self):
        self.quiet = self.ending = True
        self.thread.join(30)
