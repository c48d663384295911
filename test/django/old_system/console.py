"""Runs Python against the old system's ORM. Each line of standard input is a JSON string with code; the answer is one JSON
line: the value of the variable `out` after the code, or {"error": text}."""
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "old_system.settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from messaging import models  # noqa: E402

names = {"User": get_user_model(), "connection": connection, "transaction": transaction, "models": models,
         **{name: getattr(models, name) for name in ("Conversation", "ConversationParticipant", "Message", "Attachment")}}
for line in sys.stdin:
    names["out"] = None
    try:
        exec(json.loads(line), names)
        print(json.dumps({"out": names["out"]}, default=str), flush=True)
    except Exception as error:  # the test decides what an error means
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
