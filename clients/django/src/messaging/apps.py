from __future__ import annotations

from django.apps import AppConfig


class MessagingAppConfig(AppConfig):
    name = "messaging"
    verbose_name = "Messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from messaging import checks, migration_guard

        checks.register()
        migration_guard.connect()
        _prefer_own_runserver()


def _prefer_own_runserver() -> None:
    """Django's runserver serves no WebSockets. Ours replaces it wherever `messaging` stands in INSTALLED_APPS, but
    not the one of another app, such as Daphne's."""
    from django.core.management import get_commands

    commands = get_commands()
    if commands.get("runserver") in ("django.core", "django.contrib.staticfiles"):
        commands["runserver"] = "messaging"
