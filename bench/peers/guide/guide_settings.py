"""The guide's settings for production, with logs of errors only."""
from old_system.serving import *  # noqa: F401,F403

DEBUG = False
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}}
