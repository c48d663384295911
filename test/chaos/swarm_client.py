"""A client that follows the protocol: it reconnects to any node, resumes from its last seq, and retries messages without an ack
under the same client_id. Records everything that it receives in a History."""
import asyncio
import itertools
import json
import random
import time

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from sessions import FAILURES, read_back, read_page
from tokens import mint

ACK_WITHIN = 4.0
UNKNOWN = ("outcome_unknown", None)
ACCESS_LOST = (4001, 4003)  # close codes: revoked, removed


class Client:
    """A client of one user in one conversation, with one socket at a time."""

    numbers = itertools.count(1)

    def __init__(self, swarm, user, conversation, sends, stays):
        self.swarm, self.user, self.conversation, self.sends = swarm, user, conversation, sends
        self.stays = stays  # seconds until it leaves, or None
        self.token = mint(user, ttl=86400)
        self.last_seq = 0
        self.highest = 0  # all events up to it have been received once
        self.socket = None
        self.waiting = {}
        self.random = random.Random(f"{swarm.seed} {user}")
        self.sent = 0
        self.sending = False
        self.reconnects = []  # seconds without a socket
        self.finished = False  # does not reconnect: removed, revoked, or left by itself
        self.left = False

    async def stay_connected(self):
        lost_at, pause, refused_by = None, 0.05, None
        loop = asyncio.get_running_loop()
        while not self.swarm.ending and not self.finished:
            endpoints = self.swarm.endpoints()
            node = self.random.choice([endpoint for endpoint in endpoints if endpoint != refused_by] or endpoints)
            connection = next(self.numbers)
            since = self.last_seq
            if self.random.random() < 0.1:  # a reinstalled client, or a client that lost its last page
                since = self.random.choice((0, max(0, since - 1), max(0, since - 5)))
            delay = None
            try:
                async with connect(f"ws://{node}/ws/messaging/conversations/{self.conversation}/?since={since}",
                                   additional_headers={"Authorization": f"Bearer {self.token}"}, open_timeout=3, close_timeout=1,
                                   ping_interval=2, ping_timeout=4, max_size=None, compression=None, proxy=None) as socket:
                    self.note("connect", connection=connection, since=since)
                    self.swarm.connected.add(connection)
                    self.last_seq = since
                    if lost_at is not None:
                        self.reconnects.append(loop.time() - lost_at)
                    lost_at, pause, refused_by = None, 0.05, None
                    if self.finished:
                        break
                    self.socket = socket
                    async for text in socket:
                        frame = json.loads(text)
                        if frame["type"] == "disconnect":
                            delay = frame["data"]["delay_ms"] / 1000
                            self.finished = self.finished or frame["data"]["code"] in ACCESS_LOST
                        self._take(frame, connection)
            except (OSError, WebSocketException, asyncio.TimeoutError) as error:
                if connection not in self.swarm.connected:
                    self.swarm.refused[type(error).__name__] += 1
                    refused_by = node
            self.socket = None
            for answer in self.waiting.values():
                if not answer.done():
                    answer.set_result(None)
            self.note("close", connection=connection)
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
            begin, reset = frame["data"]["from"], frame["data"].get("reset", False)
            self.note("gap", connection=connection, **{"from": begin, "to": frame["data"]["to"], "reset": reset})
            if reset:  # the store went back: later events of this client no longer exist
                self.last_seq, self.highest = min(self.last_seq, begin - 1), min(self.highest, begin - 1)
        elif "seq" in frame and frame["type"] in ("conversation_updated", "message_updated", "message_deleted"):
            self.note("change", connection=connection, seq=frame["seq"])
            self.last_seq = frame["seq"]
            self.highest = max(self.highest, self.last_seq)
        elif frame["type"] == "message" and "seq" in frame:
            data = frame["data"]
            self.last_seq = frame["seq"]
            self.note("recv", connection=connection, seq=frame["seq"], id=data["id"], content=data["content"],
                      replay=frame["seq"] <= self.highest)
            self.highest = max(self.highest, self.last_seq)

    async def leave_in_time(self):
        """Leaves for good, with a close handshake or as a killed program."""
        while self.swarm.leaving_since is None or time.monotonic() < self.swarm.leaving_since + self.stays:
            await asyncio.sleep(0.05)
        self.finished = True
        socket, self.socket = self.socket, None
        if socket is not None:
            if self.random.random() < 0.5:
                await socket.close()
            else:
                socket.transport.abort()
        self.note("left")
        self.left = True

    def note(self, what, **fields):
        self.swarm.history.note(what, user=self.user, conversation=self.conversation, **fields)

    async def send_until_stopped(self):
        while not self.swarm.quiet:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * self.swarm.pause)
            if self.swarm.sending_paused:
                continue
            self.sending = True
            self.sent += 1
            client_id = f"{self.user}-{self.sent}"
            once = self.random.random() < 0.2  # does not retry
            twice = self.random.random() < 0.2  # over REST and the socket at the same time
            acks = await asyncio.gather(*(self._send(client_id, once, by_rest) for by_rest in ((True, False) if twice else (False,))))
            self.sending = False
            if acks[0] and self.random.random() < 0.3:
                await (read_back(self, acks[0]["seq"], acks[0]["id"]) if self.random.random() < 0.5 else read_page(self))

    async def _send(self, client_id, once, by_rest):
        """Returns the data of the ack, or None."""
        while not self.swarm.ending and not self.finished:
            self.note("invoke", client_id=client_id)
            send = self._by_rest if by_rest or self.socket is None else self._by_socket
            try:
                outcome, details = await send(client_id)
            except FAILURES:
                outcome, details = "info", {}
            self.note(outcome, client_id=client_id, **details)
            if outcome == "ok":
                return details
            if once:
                return None
            await asyncio.sleep(self.random.uniform(0.05, 0.5))
        return None

    async def command(self, type, **fields):
        """Returns the response frame; None if the connection ended before."""
        socket, ref = self.socket, f"{self.user}-{next(self.numbers)}"
        self.waiting[ref] = asyncio.get_running_loop().create_future()
        try:
            await socket.send(json.dumps({"type": type, "ref": ref, **fields}))
            return await asyncio.wait_for(self.waiting[ref], ACK_WITHIN)
        finally:
            del self.waiting[ref]

    async def ask(self, method, path, body=None):
        """Sends a REST request through any endpoint."""
        return await self.swarm.http.request(method, f"http://{self.random.choice(self.swarm.endpoints())}/api/messaging/{path}", json=body,
                                             headers={"Authorization": f"Bearer {self.token}"}, timeout=ACK_WITHIN)

    async def _by_socket(self, client_id):
        frame = await self.command("message", content=client_id, client_id=client_id)
        if frame is None:
            return "info", {}
        if frame["type"] == "ack":
            return "ok", {"seq": frame["data"]["seq"], "id": frame["data"]["id"]}
        code = frame["data"]["code"]
        return ("info" if code in UNKNOWN else "fail"), {"code": code}

    async def _by_rest(self, client_id):
        answer = await self.ask("POST", "messages/", {"conversation_id": self.conversation, "content": client_id, "client_id": client_id})
        body = answer.json() if answer.headers.get("content-type", "").startswith("application/") else {}
        if answer.is_success:
            return "ok", {"seq": body["seq"], "id": body["id"]}
        code = body.get("code")
        return ("info" if code in UNKNOWN else "fail"), {"code": code}
