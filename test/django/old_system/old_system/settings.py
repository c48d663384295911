"""A Django project as the guide describes it, before Parley: the messaging tables of its own migrations.

OLD_USERS selects the user model: `bigint` (Django's own) or `uuid`."""
import os

SECRET_KEY = "the old system serves nothing"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "accounts", "messaging"]
AUTH_USER_MODEL = {"bigint": "accounts.NumberedUser", "uuid": "accounts.UuidUser"}[os.environ["OLD_USERS"]]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": os.environ["OLD_PORT"], "USER": "parley", "NAME": "postgres"}}
MEDIA_ROOT = os.environ.get("OLD_MEDIA", "/nonexistent")
