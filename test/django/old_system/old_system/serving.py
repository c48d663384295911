"""The settings of the old system's servers: the guide's channel layer, and a key that Parley shares. Needs a full environment, such as
build/django-newest."""
import os

from .settings import *  # noqa: F401,F403
from .settings import DATABASES, INSTALLED_APPS

SECRET_KEY = os.environ["JWT_SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "old_system.urls"
ASGI_APPLICATION = "old_system.asgi.application"
INSTALLED_APPS = ["channels", *INSTALLED_APPS]
DATABASES["default"]["CONN_MAX_AGE"] = 600
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [os.environ.get("REDIS_URL", "redis://localhost:6379/0")],
            "capacity": 1500,
            "expiry": 60,
            "group_expiry": 86400,
        },
    },
}
