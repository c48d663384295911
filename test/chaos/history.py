"""An append-only log of what clients sent and received, in order."""
import json
import threading
import time


class History:
    def __init__(self):
        self.events = []
        self.lock = threading.Lock()

    def note(self, what, **fields):
        """Appends invoke | ok | fail | info (of a send), connect | recv | change | gap | close (of a connection), read | mark |
        mark-seen (each with `began`, the time of the request, if its response must not be older), left, resume, or fault."""
        with self.lock:
            self.events.append({"t": time.monotonic(), "what": what, **fields})

    def write(self, path):
        with open(path, "w") as out:
            for event in self.events:
                print(json.dumps(event), file=out)
