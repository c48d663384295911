"""All clients of a run, in one thread. The caller's thread moves them and waits for them."""
import asyncio
import threading
import time

from chatter import Chatter
from deadline import eventually
from replay import replay_all


class Crowd:
    """`addresses`: {place: [host:port]}. `pause`: mean seconds between two messages of a client."""

    def __init__(self, addresses, ledger, places, seed=1, pause=2.0):
        self.addresses, self.ledger, self.seed, self.pause = addresses, ledger, seed, pause
        self.quiet = self.paused = self.ending = False
        self.clients = [Chatter(self, user, conversation) for user, conversation in places]
        self.loop = None

    def start(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True, name="crowd")
        self.thread.start()
        self.wait_until_settled()
        return self

    async def _run(self):
        self.loop = asyncio.get_running_loop()
        staying = [asyncio.create_task(client.stay_connected()) for client in self.clients]
        await asyncio.gather(*(client.chat() for client in self.clients))
        self.sent_all = True
        while not self.ending:
            await asyncio.sleep(0.05)
        await asyncio.gather(*(client.socket.close() for client in self.clients if client.socket is not None), return_exceptions=True)
        for task in staying:
            task.cancel()
        await asyncio.gather(*staying, return_exceptions=True)

    sent_all = False

    def _in_loop(self, work, within=60):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)

    def wait_until_settled(self, within=60):
        eventually(lambda: all(client.settled for client in self.clients), within=within,
                   describe=lambda: f"{sum(not client.settled for client in self.clients)} clients are not connected: {self.ledger.lost}")

    def chat(self, seconds):
        """Lets them chat for this time, and longer on a busy machine: until each client has sent a message."""
        before = [client.sent for client in self.clients]
        time.sleep(seconds)
        eventually(lambda: all(client.sent > sent for client, sent in zip(self.clients, before)), within=120,
                   describe=lambda: f"a client sent nothing: {self.ledger.lost}")

    def wait_until_silent(self):
        """Waits for the last deliveries of Django: until none has come for 2 s."""
        def received():
            return sum(len(receptions) for receptions in list(self.ledger.receptions.values()))

        def silent():
            before = received()
            time.sleep(2)
            return received() == before
        eventually(silent, within=60)

    def move(self, clients, place):
        """Moves these clients at the same time, and waits until they are connected there and have read the history."""
        async def everyone():
            await asyncio.gather(*(client.move(place) for client in clients))
        self._in_loop(everyone())
        self.wait_until_settled()

    def replay(self):
        """Reads the whole conversation of each client from Parley, as a resume from 0. Returns {user: [(seq, content)]}."""
        return self._in_loop(replay_all(self), within=180)

    def pause_sending(self):
        self.paused = True
        eventually(lambda: not any(client.sending.locked() for client in self.clients), within=30)

    def resume_sending(self):
        self.paused = False

    def stop_sending(self):
        self.quiet = True
        eventually(lambda: self.sent_all, within=60, describe=lambda: "sends without an ack")

    def stop(self):
        self.quiet = self.ending = True
        self.thread.join(30)
