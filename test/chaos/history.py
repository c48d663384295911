"""What clients saw, in the order in which they saw it: events that are only ever appended."""
import json
import threading
import time


class History:
    def __init__(self):
        self.events = []
        self.lock = threading.Lock()

    def note(self, what, **fields):
        """invoke | ok | fail | info (of a send), connect | recv | gap | close (of a connection), fault."""
        event = {"t": time.monotonic(), "what": what, **fields}
        with self.lock:
            self.events.append(event)

    def write(self, path):
        with open(path, "w") as out:
            for event in self.events:
                print(json.dumps(event), file=out)
