"""Refuses migrations that would drop or change tables and columns of a database that Parley has taken over."""

from __future__ import annotations

from typing import Any, List, Tuple

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.operations import (
    AddField, AlterField, AlterModelTable, CreateModel, DeleteModel, RemoveField, RenameField, RenameModel)
from django.db.models.signals import pre_migrate

TABLES = frozenset((
    "messaging_conversation", "messaging_conversation_participant", "messaging_message", "messaging_attachment"))
PARLEYS_OWN_TABLE = "parley_meta"  # exists in a database that Parley uses

_DESTRUCTIVE_FORWARDS = (DeleteModel, RenameModel, AlterModelTable, RemoveField, RenameField, AlterField)
_DESTRUCTIVE_BACKWARDS = (CreateModel, AddField, RenameModel, AlterModelTable, RenameField, AlterField)


def connect() -> None:
    pre_migrate.connect(_on_pre_migrate, dispatch_uid="messaging.migration_guard")


def _on_pre_migrate(**event: Any) -> None:
    """Comes once for each app with models, each time with the whole plan."""
    plan: List[Tuple[Migration, bool]] = event.get("plan") or []
    if not plan or getattr(settings, "MESSAGING_MANAGED_TABLES", False):
        return
    connection = connections[event["using"]]
    if PARLEYS_OWN_TABLE not in connection.introspection.table_names():
        return
    dangers = dangerous_operations(plan, event.get("apps"))
    if dangers:
        raise CommandError(
            "Parley uses this database, and these migrations would change its tables: " + ", ".join(dangers)
            + ". Remove them, or set managed = False in the Meta of the models. To migrate anyway, stop Parley"
            " and set MESSAGING_MANAGED_TABLES = True.")


def dangerous_operations(plan: List[Tuple[Migration, bool]], apps: Any) -> List[str]:
    """`app.migration: operation` for each operation of the plan that changes a table of Parley."""
    found = []
    for migration, backwards in plan:
        kinds = _DESTRUCTIVE_BACKWARDS if backwards else _DESTRUCTIVE_FORWARDS
        for operation in migration.operations:
            if isinstance(operation, kinds) and _touches(migration.app_label, operation, apps):
                found.append(f"{migration.app_label}.{migration.name}: {operation.describe()}")
    return found


def _touches(app_label: str, operation: Any, apps: Any) -> bool:
    name = getattr(operation, "model_name", None) or getattr(operation, "old_name", None) or operation.name
    options = getattr(operation, "options", None) or {}
    try:
        meta = apps.get_model(app_label, name)._meta
        return meta.db_table in TABLES and meta.managed
    except (LookupError, AttributeError):
        return (options.get("db_table") or f"{app_label}_{name.lower()}") in TABLES
