"""System checks: `manage.py check` finds what would make messaging fail or lose data."""

from __future__ import annotations

from typing import Any, List

from django.apps import apps
from django.conf import settings
from django.core import checks

from messaging import backend, project
from messaging.migration_guard import TABLES
from messaging.proxy.target import BadUrl, Target

SHORTEST_KEY = 32  # bytes, of an HS key in production


def register() -> None:
    checks.register(check_url)
    checks.register(check_key, checks.Tags.security, deploy=True)
    checks.register(check_models, checks.Tags.models)


def check_url(**_: Any) -> List[checks.CheckMessage]:
    url = backend.parley_url()
    if url is not None:
        try:
            Target.parse(url, backend.ca_file())
        except BadUrl as error:
            return [checks.Error(str(error), id="messaging.E001")]
    return []


def check_key(**_: Any) -> List[checks.CheckMessage]:
    jwt = project.jwt_settings()
    if jwt.get("ALGORITHM", "HS256") in project.SYMMETRIC and len(project.signing_key().encode()) < SHORTEST_KEY:
        return [checks.Warning(
            f"The key that signs tokens is shorter than {SHORTEST_KEY} bytes; Parley refuses it in production.",
            hint="Set SIMPLE_JWT['SIGNING_KEY'] or SECRET_KEY to a longer one.", id="messaging.W002")]
    if jwt.get("USER_ID_CLAIM", "user_id") not in ("user_id", "sub"):
        return [checks.Warning(
            f"Tokens name the user in the claim {jwt['USER_ID_CLAIM']!r}; Parley reads user_id or sub.", id="messaging.W003")]
    return []


def check_models(**_: Any) -> List[checks.CheckMessage]:
    """Managed models on tables that Parley extends: a migration of theirs could drop Parley's columns."""
    if getattr(settings, "MESSAGING_MANAGED_TABLES", False):
        return []
    return [
        checks.Warning(
            f"{model._meta.label} manages the table {model._meta.db_table}, which Parley extends.",
            hint="Set managed = False in its Meta once Parley has taken the database over.",
            obj=model, id="messaging.W004")
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table in TABLES
    ]
