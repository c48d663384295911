"""The settings of a project with real-time messaging: channel layer, cache and ASGI application."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, TypeVar

Settings = TypeVar("Settings", bound=Dict[str, Any])

CHANNEL_LAYER_REDIS = "redis://localhost:6379/0"
CACHE_REDIS = "redis://localhost:6379/1"


class MessagingConfig:
    """Settings for three environments: `development`, `production` and `test`.

    Methods that take an environment use `DJANGO_ENV`, else `development`, if it is not given.
    """

    @staticmethod
    def get_installed_apps() -> List[str]:
        return ["channels", "messaging"]

    @staticmethod
    def get_asgi_application() -> str:
        """The value of `ASGI_APPLICATION`."""
        return "messaging.asgi.application"

    @staticmethod
    def get_channel_layers(environment: Optional[str] = None) -> Dict[str, Any]:
        """The value of `CHANNEL_LAYERS`."""
        environment = _environment(environment)
        if environment == "test":
            return {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
        config: Dict[str, Any] = {"hosts": [os.environ.get("REDIS_URL") or CHANNEL_LAYER_REDIS]}
        if environment == "production":
            config.update(capacity=1500, expiry=60, group_expiry=86400)
        return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}

    @staticmethod
    def get_caches(environment: Optional[str] = None) -> Dict[str, Any]:
        """The value of `CACHES`."""
        environment = _environment(environment)
        if environment == "test":
            return {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        options: Dict[str, Any] = {"CLIENT_CLASS": "django_redis.client.DefaultClient"}
        if environment == "production":
            options.update(
                SOCKET_CONNECT_TIMEOUT=5,
                SOCKET_TIMEOUT=5,
                CONNECTION_POOL_KWARGS={"max_connections": 100},
                COMPRESSOR="django_redis.compressors.zlib.ZlibCompressor",
                IGNORE_EXCEPTIONS=True,
            )
        location = os.environ.get("REDIS_URL") or CACHE_REDIS
        return {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "OPTIONS": options}}

    @staticmethod
    def get_websocket_url_patterns() -> List[Any]:
        """Routes for a `URLRouter` of Channels, in a project that has consumers of its own."""
        from django.urls import re_path

        from messaging import asgi

        application: Any = asgi.messaging_application
        return [re_path(r"^ws/messaging/", application)]

    @staticmethod
    def get_dependencies() -> List[str]:
        """The requirements of the messaging system, as `pip install` takes them."""
        return [
            "channels>=4.0.0",
            "channels-redis>=4.1.0",
            "django-redis>=5.2.0",
            "djangorestframework>=3.14.0",
            "PyJWT>=2.6.0",
        ]

    @classmethod
    def configure_django_settings(cls, settings: Settings) -> Settings:
        """Completes the settings in place and returns them: `configure_django_settings(globals())`.

        Appends the missing apps, and sets `ASGI_APPLICATION`, `CHANNEL_LAYERS`, `CACHES` and
        `WEBSOCKET_URL`. Assign your own values to them after the call.
        """
        installed = list(settings.get("INSTALLED_APPS", ()))
        named = {_package(app) for app in installed}
        settings["INSTALLED_APPS"] = installed + [app for app in cls.get_installed_apps() if app not in named]
        settings["ASGI_APPLICATION"] = cls.get_asgi_application()
        settings["CHANNEL_LAYERS"] = cls.get_channel_layers()
        settings["CACHES"] = cls.get_caches()
        settings["WEBSOCKET_URL"] = os.environ.get("WEBSOCKET_URL") or "ws://localhost:8000"
        return settings


def _environment(given: Optional[str]) -> str:
    return given or os.environ.get("DJANGO_ENV") or "development"


def _package(app: str) -> str:
    """`messaging` for `messaging.apps.MessagingAppConfig`: both install the same app."""
    return app.split(".apps.")[0]
