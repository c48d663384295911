"""The models describe the original tables, and no migration touches these."""

import unittest
from unittest import mock

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, migrations, models
from django.db.migrations import Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.test import override_settings

from messaging import checks, migration_guard

COLUMNS = {
    "messaging_conversation": {"id", "type", "title", "created_at", "last_message_at", "metadata"},
    "messaging_conversation_participant": {"id", "conversation_id", "user_id", "joined_at", "is_admin", "last_read_at"},
    "messaging_message": {"id", "conversation_id", "sender_id", "content", "content_type", "sent_at", "delivered_at", "read_at", "metadata"},
    "messaging_attachment": {"id", "file_name", "file_path", "file_url", "file_size", "content_type", "uploaded_by_id", "uploaded_at",
                             "message_id", "metadata"},
}


def migration(*operations):
    made = Migration("0002_change", "messaging")
    made.operations = list(operations)
    return made


class Models(unittest.TestCase):
    def test_tables_and_columns_are_the_original_ones(self):
        found = {model._meta.db_table: {field.column for field in model._meta.local_fields}
                 for model in apps.get_app_config("messaging").get_models()}
        self.assertEqual(found, COLUMNS)

    def test_they_are_not_managed_and_have_no_migrations(self):
        self.assertFalse(any(model._meta.managed for model in apps.get_app_config("messaging").get_models()))
        loader = MigrationLoader(None)
        self.assertIn("messaging", loader.unmigrated_apps)
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        self.assertNotIn("messaging", detector.changes(graph=loader.graph, trim_to_apps={"messaging"}, convert_apps=None))

    def test_migrate_creates_no_table(self):
        call_command("migrate", run_syncdb=True, verbosity=0)
        self.assertFalse(set(COLUMNS) & set(connection.introspection.table_names()))


class Check(unittest.TestCase):
    def test_a_managed_model_of_such_a_table_is_a_warning(self):
        self.assertEqual(checks.check_models(), [])
        model = apps.get_model("messaging", "MessageModel")
        with mock.patch.object(model._meta, "managed", True):
            [found] = checks.check_models()
            self.assertEqual((found.id, found.obj), ("messaging.W004", model))
            with override_settings(MESSAGING_MANAGED_TABLES=True):
                self.assertEqual(checks.check_models(), [])

    def test_a_url_that_is_no_address_is_an_error(self):
        for url in ("localhost:8001", "http://", "http://a:b", "http://a/path", "unix:relative", "ftp://a"):
            with self.subTest(url), override_settings(PARLEY_URL=url):
                [found] = checks.check_url()
                self.assertEqual(found.id, "messaging.E001")
        for url in (None, "http://127.0.0.1:8001", "https://chat.example/", "unix:/run/parley.sock", "http://[::1]:8001"):
            with self.subTest(url), override_settings(PARLEY_URL=url):
                self.assertEqual(checks.check_url(), [])

    def test_a_short_key_or_an_unknown_claim_is_a_warning(self):
        self.assertEqual(checks.check_key(), [])
        for jwt, identifier in (({"SIGNING_KEY": "short"}, "messaging.W002"), ({"USER_ID_CLAIM": "uid"}, "messaging.W003")):
            with override_settings(SIMPLE_JWT=jwt):
                self.assertEqual([found.id for found in checks.check_key()], [identifier])
        with override_settings(SIMPLE_JWT={"ALGORITHM": "RS256", "SIGNING_KEY": "PEM"}):
            self.assertEqual(checks.check_key(), [])


class Guard(unittest.TestCase):
    def setUp(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE parley_meta (key text)")
        self.addCleanup(self.drop)

    def drop(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS parley_meta")

    def plan(self, *operations, backwards=False):
        return [(migration(*operations), backwards)]

    def emit(self, plan, past):
        migration_guard._on_pre_migrate(plan=plan, using="default", apps=past)

    def test_destructive_migrations_are_refused(self):
        past = ProjectState()
        past.add_model(ModelState(
            "messaging", "MessageModel", [("id", models.UUIDField(primary_key=True)), ("content", models.TextField())],
            {"db_table": "messaging_message"}))
        for operation in (migrations.DeleteModel("MessageModel"), migrations.RemoveField("MessageModel", "content"),
                          migrations.AlterField("MessageModel", "content", models.CharField(max_length=9)),
                          migrations.RenameField("MessageModel", "content", "text"), migrations.RenameModel("MessageModel", "Other"),
                          migrations.AlterModelTable("MessageModel", "other")):
            with self.subTest(operation), self.assertRaisesRegex(CommandError, "messaging.0002_change"):
                self.emit(self.plan(operation), past.apps)

    def test_harmless_migrations_pass(self):
        self.emit(self.plan(migrations.AddField("MessageModel", "pinned", models.BooleanField(null=True))), ProjectState().apps)
        self.emit(self.plan(migrations.DeleteModel("Other")), ProjectState().apps)
        self.emit(self.plan(migrations.DeleteModel("MessageModel")), apps)  # not managed: nothing is dropped
        self.emit([], apps)

    def test_going_back_before_the_tables_is_refused(self):
        created = migrations.CreateModel("MessageModel", [("id", models.UUIDField(primary_key=True))], {"db_table": "messaging_message"})
        with self.assertRaises(CommandError):
            self.emit(self.plan(created, backwards=True), ProjectState().apps)
        self.emit(self.plan(created), ProjectState().apps)

    def test_a_database_without_parley_is_left_alone(self):
        self.drop()
        self.emit(self.plan(migrations.DeleteModel("message")), ProjectState().apps)

    def test_the_guard_can_be_switched_off(self):
        with override_settings(MESSAGING_MANAGED_TABLES=True):
            self.emit(self.plan(migrations.DeleteModel("message")), ProjectState().apps)
        with self.assertRaises(CommandError):
            self.emit(self.plan(migrations.DeleteModel("message")), ProjectState().apps)

    def test_migrate_calls_the_guard(self):
        with mock.patch.object(migration_guard, "dangerous_operations", return_value=["x"]) as found:
            with self.assertRaisesRegex(CommandError, "Parley uses this database"):
                call_command("migrate", verbosity=0)
        self.assertTrue(found.called)
