"""A schema change is additive for one version: nodes of the version before must go on reading and writing. `./dev upgrade` runs both
versions on one schema; this test refuses statements that cannot be additive."""
import pathlib
import re

import pytest

from server import ROOT

FILES = sorted(pathlib.Path(ROOT).glob("src/store/*/migrations/*.sql"))
RELEASED = re.compile(r"^-- Released with \d+\.\d+\.\d+\.$", re.MULTILINE)
NAME = r'"?(\w+)"?'

# Each pattern matches the start of a statement: what it does to a table that the version before uses.
REFUSED = {
    r"DROP (?!TRIGGER\b)": "drops",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\bRENAME\b": "renames",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\bDROP (?!DEFAULT|NOT NULL)": "drops",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\b(?:SET DATA )?TYPE\b": "changes a type",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\bSET NOT NULL\b": "requires a value",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\bADD (?:CONSTRAINT|UNIQUE|CHECK|PRIMARY|FOREIGN|EXCLUDE)\b": "adds a constraint",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\bADD (?:COLUMN )?(?!.*\bDEFAULT\b).*\bNOT NULL\b": "requires a value",
    rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} .*\bADD (?:COLUMN )?.*\b(?:UNIQUE|PRIMARY KEY|CHECK)\b": "adds a constraint",
    rf"CREATE UNIQUE INDEX .*? ON (?:ONLY )?{NAME}": "adds a constraint",
}


def statements(sql):
    """Yields the statements without comments, each on one line; those of ALTER TABLE with one action each."""
    plain = re.sub(r"--[^\n]*", "", sql)
    plain = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", plain, flags=re.DOTALL)  # bodies of functions
    for statement in (" ".join(one.split()) for one in plain.split(";")):
        table = re.match(rf"ALTER TABLE (?:IF EXISTS |ONLY )*{NAME} ", statement, re.IGNORECASE)
        if table:
            for action in re.split(r", (?=(?:ADD|ALTER|DROP|RENAME)\b)", statement[table.end():], flags=re.IGNORECASE):
                yield table[0] + action
        elif statement:
            yield statement


def not_additive(sql):
    """What the statements do that the version before could not bear: (what, statement)."""
    if RELEASED.search(sql):
        return []
    found, made = [], set()
    for statement in statements(sql):
        created = re.match(rf"CREATE (?:TEMP(?:ORARY)? )?TABLE (?:IF NOT EXISTS )?{NAME}", statement, re.IGNORECASE)
        if created:
            made.add(created[1].lower())
        for pattern, what in REFUSED.items():
            match = re.match(pattern, statement, re.IGNORECASE)
            if match and not (match.groups() and match[1].lower() in made):
                found.append((what, statement))
                break
    return found


@pytest.mark.proves("rolling upgrade")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_a_migration_is_additive(path):
    found = not_additive(path.read_text())
    if path.parent.parent.name == "sqlite":  # one process opens the file
        found = [one for one in found if not one[1].startswith("DROP INDEX ")]
    assert not found, "see docs/internals/schema.md#migrations"


@pytest.mark.parametrize("sql", [
    "DROP TABLE parley_seen;",
    "DROP INDEX parley_message_seq;",
    "-- a comment\nALTER TABLE messaging_message DROP COLUMN content;",
    "ALTER TABLE messaging_message RENAME COLUMN content TO body;",
    "ALTER TABLE messaging_message RENAME TO messages;",
    "ALTER TABLE messaging_message ALTER COLUMN content TYPE bytea;",
    "ALTER TABLE messaging_message\n  ALTER content SET DATA TYPE bytea;",
    "ALTER TABLE messaging_message ALTER COLUMN client_id SET NOT NULL;",
    "ALTER TABLE messaging_message ADD COLUMN shard int NOT NULL;",
    "alter table messaging_message add shard int not null;",
    "ALTER TABLE messaging_message ADD one int NOT NULL DEFAULT 0, ADD two int NOT NULL;",
    "ALTER TABLE messaging_message ADD CONSTRAINT short CHECK (length(content) < 9);",
    "ALTER TABLE messaging_message ADD COLUMN number int UNIQUE;",
    "CREATE UNIQUE INDEX one ON messaging_message (content);",
], ids=str)
def test_a_statement_that_is_not_additive_is_refused(sql):
    assert not_additive(sql)
    assert not_additive("CREATE TABLE parley_new (id int);" + sql)
    assert not not_additive("-- Released with 0.1.0.\n" + sql)


@pytest.mark.parametrize("sql", [
    "CREATE TABLE parley_new (id int NOT NULL); CREATE UNIQUE INDEX one ON parley_new (id); ALTER TABLE parley_new ADD x int NOT NULL;",
    "ALTER TABLE messaging_message ADD COLUMN shard int NOT NULL DEFAULT 0;",
    "ALTER TABLE messaging_message ADD COLUMN shard int;",
    "ALTER TABLE messaging_message ALTER COLUMN content DROP NOT NULL;",
    "CREATE INDEX parley_new ON messaging_message (content); UPDATE messaging_message SET content = 'DROP TABLE x';",
    "CREATE TEMPORARY TABLE some ON COMMIT DROP AS SELECT 1;",
], ids=str)
def test_an_additive_statement_is_accepted(sql):
    assert not not_additive(sql)
