"""A client of the guide's protocol that chats through Django or through Parley, and moves between them by reconnecting.

On Django it sends a message and hopes, as clients of the original do; it sends the next one when it has seen this one, or after
ECHO_WITHIN: a busy machine slows the chat down instead of filling Django's queues. On Parley it adds a client_id, waits for the ack,
and sends again under the same client_id until it has one; after a reconnect to Parley it resumes from its last seq. After each move
it reads the history back to what it knows. Records everything in a Ledger."""
import asyncio
import json
import random

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tokens import mint

DJANGO, PARLEY = "Django", "Parley"
ACK_WITHIN = 10.0  # seconds
ECHO_WITHIN = 10.0
PAGE = 100


class Chatter:
    def __init__(self, crowd, user, conversation):
        self.crowd, self.ledger = crowd, crowd.ledger
        self.user, self.conversation = user, conversation
        self.random = random.Random(f"{crowd.seed} {user}")
        self.token = mint(user, ttl=86400)
        self.place, self.socket, self.last_seq = DJANGO, None, None
        self.sent = 0
        self.sending = asyncio.Lock()
        self.acks, self.pages = {}, asyncio.Queue()
        self.caught_up = True  # has read the history since its last connection, if it must
        self.last_id = None
        self.awaited, self.echoed = None, asyncio.Event()  # the content of its message that it waits to see on Django

    @property
    def settled(self):
        return self.socket is not None and self.caught_up

    async def stay_connected(self):
        while not self.crowd.ending:
            place = self.place
            try:
                await self._one_connection(place)
            except (OSError, WebSocketException, asyncio.TimeoutError) as error:
                if self.place == place and not self.crowd.ending:
                    self.ledger.lost_connection(place, f"{type(error).__name__}: {error}")
            self.socket = None
            self.echoed.set()  # does not come any more
            if self.place == DJANGO:
                self.caught_up = False  # it has no other way to find what it missed
            for ack in self.acks.values():
                if not ack.done():
                    ack.set_result(None)
            if not self.crowd.ending:
                await asyncio.sleep(self.random.uniform(0.01, 0.1))

    async def _one_connection(self, place):
        resume = f"?since={self.last_seq}" if place == PARLEY and self.last_seq is not None else ""
        address = self.random.choice(self.crowd.addresses[place])
        async with connect(f"ws://{address}/ws/messaging/conversations/{self.conversation}/{resume}",
                           additional_headers={"Authorization": f"Bearer {self.token}"}, open_timeout=20, close_timeout=2,
                           ping_interval=None, max_size=None, compression=None, proxy=None) as socket:
            connection = self.ledger.connection(self, place)
            self.socket = socket
            try:
                async for text in socket:
                    self._take(json.loads(text), place, connection)
            finally:
                connection.end()
            if self.place == place and not self.crowd.ending:
                self.ledger.lost_connection(place, f"closed with {socket.close_code} {socket.close_reason}")

    def _take(self, frame, place, connection):
        kind, data = frame["type"], frame.get("data", {})
        if kind == "connection_established":
            if place == PARLEY and self.last_seq is None:
                self.last_seq = data["seq"]
            connection.established(self.last_seq)
            if not self.caught_up:
                asyncio.get_running_loop().create_task(self._read_back())
        elif kind == "message":
            self.ledger.received(self, connection, place, frame)
            self.last_id = data["id"]
            if data["content"] == self.awaited:
                self.echoed.set()
        elif kind == "message_history":
            self.pages.put_nowait(data["messages"])
        elif kind == "ack" and frame.get("ref") in self.acks:
            self.acks[frame["ref"]].set_result(data)
        elif kind == "gap":
            self.ledger.gaps.append((self.user, data))
        elif kind == "error":
            self.ledger.errors.append((place, frame))
        if place == PARLEY and "seq" in frame:
            connection.event(frame["seq"])
            self.last_seq = frame["seq"]

    async def _read_back(self):
        """Reads the history, newest first, until a page brings nothing new."""
        before = None
        try:
            while True:
                await self.socket.send(json.dumps({"type": "load_history", "limit": PAGE, **({"before_id": before} if before else {})}))
                page = await asyncio.wait_for(self.pages.get(), 20)
                fresh = self.ledger.read_back(self, self.place, page)
                if len(page) < PAGE or not fresh:
                    break
                before = page[-1]["id"]
            self.caught_up = True
        except (OSError, WebSocketException, asyncio.TimeoutError, AttributeError):
            pass  # the connection ended: the next one reads again

    async def move(self, place):
        """Reconnects there. A send that waits for its ack gets it first."""
        async with self.sending:
            self.place, self.caught_up = place, False
            if self.socket is not None:
                await self.socket.close()

    # --- sending

    async def chat(self):
        while not self.crowd.quiet:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * self.crowd.pause)
            if self.socket is None or self.crowd.quiet or self.crowd.paused:
                continue
            try:
                if self.random.random() < 0.2:
                    await self.socket.send(json.dumps({"type": "typing", "is_typing": True}))
                if self.last_id and self.random.random() < 0.2:
                    await self.socket.send(json.dumps({"type": "read_receipt", "message_ids": [self.last_id]}))
                async with self.sending:
                    await self._send()
                await asyncio.wait_for(self.echoed.wait(), ECHO_WITHIN)
            except (OSError, WebSocketException, AttributeError, asyncio.TimeoutError):
                pass  # the socket is gone, or Django lost the message or is late

    async def _send(self):
        self.sent += 1
        content, place = f"{self.user}-{self.sent}", self.place
        frame = {"type": "message", "content": content, "content_type": "text", "metadata": {"n": self.sent}}
        message = self.ledger.sends(self, place, content)
        if place == DJANGO:
            self.awaited = content
            self.echoed.clear()
            await self.socket.send(json.dumps(frame))
            message.handed_over = True
            return
        self.echoed.set()  # it has an ack instead
        while not self.crowd.ending:
            ack = await self._attempt({**frame, "client_id": content, "ref": content})
            if ack:
                return message.ack(ack)
            await asyncio.sleep(0.1)

    async def _attempt(self, frame):
        ack = self.acks[frame["ref"]] = asyncio.get_running_loop().create_future()
        try:
            await self.socket.send(json.dumps(frame))
            return await asyncio.wait_for(ack, ACK_WITHIN)
        except (OSError, WebSocketException, asyncio.TimeoutError, AttributeError):
            return None
        finally:
            del self.acks[frame["ref"]]
