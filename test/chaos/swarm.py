"""Concurrent clients that send, read and mark messages as read. Some leave for good."""
import asyncio
import threading
import time
from collections import Counter

import httpx

from deadline import eventually
from sessions import mark_until_stopped, read_until_stopped
from swarm_client import Client


class Swarm:
    """endpoints: a function that returns the addresses (host:port) to connect to. Runs in its own thread."""

    def __init__(self, endpoints, history, seed, pause=0.25):
        self.endpoints, self.history, self.seed, self.pause = endpoints, history, seed, pause
        self.clients = []
        self.users = {}  # {conversation: [Person]}
        self.removals = []  # (user, conversation, when its access ended)
        self.leaving_since = None
        self.quiet = self.ending = self.sending_paused = False
        self.refused = Counter()  # failed connection attempts, by error
        self.connected = set()

    def add(self, user, conversation, sends, stays=None):
        self.clients.append(Client(self, user, conversation, sends, stays))

    def start(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True, name="swarm")
        self.thread.start()
        return self

    async def _run(self):
        async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=200)) as self.http:
            staying = [asyncio.create_task(client.stay_connected()) for client in self.clients]
            staying += [asyncio.create_task(client.leave_in_time()) for client in self.clients if client.stays is not None]
            await asyncio.gather(*(client.send_until_stopped() for client in self.clients if client.sends),
                                 *(read_until_stopped(client) for client in self.clients if not client.sends),
                                 *(mark_until_stopped(client) for client in self.clients))
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

    def highest_in(self, conversation):
        return max(client.highest for client in self.clients if client.conversation == conversation)

    def begin_leaving(self):
        self.leaving_since = time.monotonic()

    def finish_leaving(self):
        """Waits until all clients that were to leave have left."""
        self.leaving_since -= 3600
        eventually(lambda: all(client.left for client in self.clients if client.stays is not None), within=10)

    def send(self, person, conversation, client_id):
        """Sends one message by REST. Returns its seq, or None."""
        fields = {"user": person.id, "conversation": conversation, "client_id": client_id}
        self.history.note("invoke", **fields)
        answer = person.rest.post("messages/", json={"conversation_id": conversation, "content": client_id, "client_id": client_id})
        if not answer.is_success:
            self.history.note("info", **fields)
            return None
        self.history.note("ok", **fields, seq=answer.json()["seq"], id=answer.json()["id"])
        return answer.json()["seq"]

    def pause_sending(self):
        """Pauses all clients until sending_paused is False, and waits for pending sends."""
        self.sending_paused = True
        eventually(lambda: not any(client.sending for client in self.clients), within=20)

    def have_received(self, sent):
        """Returns whether all clients have received the messages `sent`: (conversation, seq)."""
        return all(client.last_seq >= seq for id, seq in sent for client in self.clients if client.conversation == id and not client.left)

    def stop_sending(self):
        """Stops new sends; clients retry pending ones until they are acked."""
        self.quiet = True

    def stop(self):
        self.quiet = self.ending = True
        self.thread.join(30)
