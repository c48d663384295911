"""A Django process with cache aliases of django-redis. Run by the interpreter of build/django-NAME:

    python django_cache.py '{"alias": {"LOCATION": "redis://…", "KEY_PREFIX": "parley", "OPTIONS": {…}}}'

Reads commands from standard input, one JSON list a line: [alias, method, argument…], such as ["alias", "set", "key", 1]. Prints what the
method returned."""
import json
import sys

import django
from django.conf import settings

aliases = {name: {"BACKEND": "django_redis.cache.RedisCache", **alias} for name, alias in json.loads(sys.argv[1]).items()}
settings.configure(CACHES={"default": next(iter(aliases.values())), **aliases})
django.setup()

from django.core.cache import caches  # noqa: E402

for line in sys.stdin:
    alias, method, *arguments = json.loads(line)
    try:
        print(json.dumps({"returned": getattr(caches[alias], method)(*arguments)}), flush=True)
    except Exception as error:  # also of a value that JSON cannot hold
        print(json.dumps({"raised": f"{type(error).__name__}: {error}"}), flush=True)
