"""The guide's Django system (test/django/old_system) on a private PostgreSQL server: real migrations and a real ORM."""
import fcntl
import json
import os
import shutil
import subprocess

from deadline import patient
from server import ROOT

PROJECT = f"{ROOT}/test/django/old_system"
PLACE = f"{ROOT}/build/django-old"


def interpreter():
    """Returns the Python of the old system's environment, and installs the environment if its requirements changed."""
    stamp = f"{PLACE}/requirements.txt"
    os.makedirs(f"{ROOT}/build", exist_ok=True)
    with open(f"{ROOT}/build/django-old.lock", "w") as lock, open(f"{PROJECT}/requirements.txt") as file:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = file.read()
        if not (os.path.exists(stamp) and open(stamp).read() == wanted):
            shutil.rmtree(PLACE, ignore_errors=True)
            subprocess.run(["python3", "-m", "venv", PLACE], check=True)
            subprocess.run([f"{PLACE}/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
                            "-r", f"{PROJECT}/requirements.txt"], check=True)
            shutil.copy(f"{PROJECT}/requirements.txt", stamp)
    return f"{PLACE}/bin/python"


class OldSystem:
    """`users`: the type of the user ids, bigint or uuid."""

    def __init__(self, database, users="bigint", media=None):
        self.environment = {"PATH": os.environ["PATH"], "OLD_USERS": users, "OLD_PORT": str(database.port),
                            "PYTHONDONTWRITEBYTECODE": "1", **({"OLD_MEDIA": str(media)} if media else {})}
        self.console = None

    def manage(self, *arguments):
        done = subprocess.run([interpreter(), "manage.py", *arguments], cwd=PROJECT, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(120))
        assert done.returncode == 0, done.stdout
        return done.stdout

    def migrate(self):
        self.manage("migrate", "-v", "0")
        return self

    def run(self, code):
        """Runs Python in the old system; returns the value of its variable `out`."""
        if self.console is None:
            self.console = subprocess.Popen([interpreter(), "console.py"], cwd=PROJECT, env=self.environment, text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.console.stdin.write(json.dumps(code) + "\n")
        self.console.stdin.flush()
        answer = json.loads(self.console.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["out"]

    def value(self, expression):
        return self.run(f"out = {expression}")

    def close(self):
        if self.console:
            self.console.stdin.close()
            self.console.wait(patient(10))


FILL = """
import datetime, random
seeded = random.Random(7)
begin = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
people = User.objects.bulk_create([User(username=f"user-{{n}}") for n in range(40)])
people = list(User.objects.order_by("username"))
rooms = []
for n in range({rooms}):
    direct = n % 3 == 0
    rooms.append(Conversation(type="direct" if direct else "group", title=None if direct else f"Room {{n}}",
                              created_at=begin + datetime.timedelta(minutes=n)))
Conversation.objects.bulk_create(rooms)
members, messages = [], []
for n, room in enumerate(rooms):
    some = seeded.sample(people, 2 if room.type == "direct" else seeded.randint(2, 6))
    sent = room.created_at
    ids = []
    for number in range({messages}):
        sent += datetime.timedelta(seconds=seeded.choice([0, 1, 30]))  # some messages share their time
        sender = seeded.choice(some)
        read = sent + datetime.timedelta(seconds=9) if number < {messages} // 2 else None
        messages.append(Message(conversation=room, sender=sender, content=f"{{n}}.{{number}}", sent_at=sent, read_at=read,
                                metadata={{"n": number}}))
    room.last_message_at = sent
    for at, user in enumerate(some):
        read_at = room.created_at + (sent - room.created_at) / 2 if at % 2 == 0 else None
        members.append(ConversationParticipant(conversation=room, user=user, is_admin=at == 0, last_read_at=read_at,
                                               joined_at=room.created_at + datetime.timedelta(seconds=at)))
Conversation.objects.bulk_update(rooms, ["last_message_at"])
ConversationParticipant.objects.bulk_create(members, batch_size=2000)
Message.objects.bulk_create(messages, batch_size=2000)
files = [Attachment(file_name=f"f{{n}}.png", file_path=f"messaging/f{{n}}.png", file_url=f"/media/messaging/f{{n}}.png", file_size=9,
                    content_type="image/png", uploaded_by=message.sender, message=message) for n, message in enumerate(messages[:20])]
Attachment.objects.bulk_create(files)
out = len(messages)
"""


def fill(system, rooms=60, messages=100):
    return system.run(FILL.format(rooms=rooms, messages=messages))
