"""What clients saw, in the order in which they saw it: events that are only ever appended."""
import json
import threading
import time


class History:
    def __init__(self):
        self.events = []
        self.lock = threading.Lock()

    def note(self, what, **fields):
        """invoke | ok | fail | info (of a send), connect | recv | change | gap | close (of a connection), read | mark | mark-seen
        (each with `began` where it is an answer that must not be older than the question), left, resume, fault."""
        with self.lock:
            self.events.append({"t": time.monotonic(), "what": what, **fields})

    def write(self, path):
        with open(path, "w") as out:
            for event in self.events:
                print(json.dumps(event), file=out)
