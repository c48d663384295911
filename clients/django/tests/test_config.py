"""The helper's values are the guide's, to the letter."""

import os
import unittest
from unittest import mock

from messaging.config import MessagingConfig

DEVELOPMENT_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": ["redis://localhost:6379/0"],
        },
    },
}
DEVELOPMENT_CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": "redis://localhost:6379/1",
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
        }
    }
}
PRODUCTION_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": ["redis://localhost:6379/0"],
            "capacity": 1500,
            "expiry": 60,
            "group_expiry": 86400,
        },
    },
}
PRODUCTION_CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": "redis://localhost:6379/1",
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "SOCKET_CONNECT_TIMEOUT": 5,
            "SOCKET_TIMEOUT": 5,
            "CONNECTION_POOL_KWARGS": {"max_connections": 100},
            "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor",
            "IGNORE_EXCEPTIONS": True,
        }
    }
}
TEST_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
TEST_CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


def environment(**variables):
    return mock.patch.dict(os.environ, variables, clear=True)


class Values(unittest.TestCase):
    def test_each_environment_has_the_guides_values(self):
        for name, layers, caches in (
            ("development", DEVELOPMENT_LAYERS, DEVELOPMENT_CACHES),
            ("production", PRODUCTION_LAYERS, PRODUCTION_CACHES),
            ("test", TEST_LAYERS, TEST_CACHES),
        ):
            with self.subTest(name), environment(DJANGO_ENV=name):
                self.assertEqual(MessagingConfig.get_channel_layers(), layers)
                self.assertEqual(MessagingConfig.get_caches(), caches)
            with self.subTest(f"{name} as an argument"), environment(DJANGO_ENV="other"):
                self.assertEqual(MessagingConfig.get_channel_layers(name), layers)
                self.assertEqual(MessagingConfig.get_caches(environment=name), caches)

    def test_development_is_the_default(self):
        with environment():
            self.assertEqual(MessagingConfig.get_channel_layers(), DEVELOPMENT_LAYERS)
            self.assertEqual(MessagingConfig.get_caches(), DEVELOPMENT_CACHES)

    def test_redis_url_is_taken_in_development_and_production(self):
        for name in ("development", "production"):
            with self.subTest(name), environment(DJANGO_ENV=name, REDIS_URL="redis://redis:6379/0"):
                config = MessagingConfig.get_channel_layers()["default"]["CONFIG"]
                self.assertEqual(config["hosts"], ["redis://redis:6379/0"])
                self.assertEqual(MessagingConfig.get_caches()["default"]["LOCATION"], "redis://redis:6379/0")

    def test_names(self):
        self.assertEqual(MessagingConfig.get_installed_apps(), ["channels", "messaging"])
        self.assertEqual(MessagingConfig.get_asgi_application(), "messaging.asgi.application")
        self.assertEqual(MessagingConfig.get_dependencies(), [
            "channels>=4.0.0", "channels-redis>=4.1.0", "django-redis>=5.2.0", "djangorestframework>=3.14.0", "PyJWT>=2.6.0"])


class ConfigureDjangoSettings(unittest.TestCase):
    def test_completes_the_dictionary_and_returns_it(self):
        settings = {"INSTALLED_APPS": ["django.contrib.auth"], "DEBUG": True}
        with environment():
            self.assertIs(MessagingConfig.configure_django_settings(settings), settings)
        self.assertEqual(settings, {
            "DEBUG": True,
            "INSTALLED_APPS": ["django.contrib.auth", "channels", "messaging"],
            "ASGI_APPLICATION": "messaging.asgi.application",
            "CHANNEL_LAYERS": DEVELOPMENT_LAYERS,
            "CACHES": DEVELOPMENT_CACHES,
            "WEBSOCKET_URL": "ws://localhost:8000",
        })

    def test_installs_no_app_twice(self):
        settings = {"INSTALLED_APPS": ("messaging.apps.MessagingAppConfig", "channels")}
        with environment():
            MessagingConfig.configure_django_settings(settings)
        self.assertEqual(list(settings["INSTALLED_APPS"]), ["messaging.apps.MessagingAppConfig", "channels"])

    def test_websocket_url_comes_from_the_environment(self):
        with environment(WEBSOCKET_URL="wss://chat.example.org"):
            settings = MessagingConfig.configure_django_settings({})
        self.assertEqual(settings["WEBSOCKET_URL"], "wss://chat.example.org")
