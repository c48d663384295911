"""Both systems on one PostgreSQL and one Redis: the guide's Django system with Daphne and Uvicorn, and nodes of Parley."""
import concurrent.futures
import os
import re
import signal
import time
import types
from collections import Counter

from django_project import Serving, python_of
from old_system import PROJECT, OldSystem
from postgres import Postgres
from redis_server import Redis
from server import KEY, Server, run

SERVERS = ("daphne", "uvicorn")
# A traceback to its last line; not one that another traceback follows as its consequence.
TRACEBACK = re.compile(r"^Traceback .*\n(?:[ \n].*\n|\n)*\S.*$(?!\n\n(?:During handling|The above exception))", re.MULTILINE)
NODE_OPTIONS = ("--drain-delay", "1", "--timeout-graceful-shutdown", "15")

FILL = """
users = User.objects.bulk_create([User(username=f"user-{{n:05}}") for n in range({clients})])
users = list(User.objects.order_by("username"))
rooms = Conversation.objects.bulk_create([Conversation(type="group", title=f"Room {{n}}") for n in range({rooms})])
ConversationParticipant.objects.bulk_create([
    ConversationParticipant(conversation=rooms[n % {rooms}], user=user, is_admin=n < {rooms}) for n, user in enumerate(users)])
out = [(user.pk, str(rooms[n % {rooms}].pk)) for n, user in enumerate(users)]
"""


class Sides:
    """`environment`: the name of the Django environment (test/django/NAME.txt)."""

    def __init__(self, directory, environment="newest"):
        self.directory = str(directory)
        self.database, self.redis = Postgres().start(), Redis().start()
        self.old = OldSystem(self.database).migrate()
        self.nodes = []
        self.servers = [self._serve(kind, environment) for kind in SERVERS]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Serving.start, self.servers))

    def _serve(self, kind, environment):
        project = types.SimpleNamespace(python=python_of(environment), directory=PROJECT)
        return Serving(project, kind, (), {**self.old.environment, "PYTHONPATH": PROJECT, "JWT_SECRET_KEY": KEY, "REDIS_URL": self.redis.url,
                                           "DJANGO_SETTINGS_MODULE": "old_system.serving"}, application="old_system.asgi:application")

    def fill(self, clients, rooms):
        """Makes users and conversations. Returns (user id, conversation id) of each client."""
        return [tuple(one) for one in self.old.run(FILL.format(clients=clients, rooms=rooms))]

    def migrate(self, *options):
        done = run("migrate", *options, directory=self.directory, DATABASE_URL=self.database.url)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start_nodes(self, count):
        for number in range(count):
            node = Server(f"{self.directory}/node-{number}", *NODE_OPTIONS, DATABASE_URL=self.database.url, REDIS_URL=self.redis.url)
            os.makedirs(node.directory, exist_ok=True)
            self.nodes.append(node.start())

    def stop_nodes(self):
        """Stops all nodes. Each must exit with status 0."""
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            assert node.wait() == 0, node.log[-3000:]

    def metric(self, name, **labels):
        return sum(node.metric(f"parley_{name}", **labels) for node in self.nodes)

    def exceptions(self):
        """The last lines of the tracebacks in the logs of Django's servers, each with its number."""
        return Counter(part.rsplit("\n", 1)[1] for server in self.servers for part in TRACEBACK.findall(server.log))

    def stored(self):
        """The messages as Django's ORM reads them: {content: [(id, when it was sent, of time.monotonic())]}."""
        found, offset = {}, time.time() - time.monotonic()
        for id, content, sent in self.old.value("[(str(m.id), m.content, m.sent_at.timestamp()) for m in Message.objects.all()]"):
            found.setdefault(content, []).append((id, sent - offset))
        return found

    def close(self):
        for server in self.servers:
            server.stop(signal.SIGKILL)
        for node in self.nodes:
            node.close()
        self.old.close()
        self.redis.close()
        self.database.close()
