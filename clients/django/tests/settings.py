SECRET_KEY = "the key of the package's own tests, long enough for HS256"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "channels", "messaging"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
MESSAGING_MODELS = True
ASGI_APPLICATION = "messaging.asgi.application"
