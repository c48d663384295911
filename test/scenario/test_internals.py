"""Checks docs/internals/ against the code: the names exist, and the tables and messages are complete."""
import pathlib
import re
import sqlite3

import pytest

from postgres import Postgres
from server import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "docs" / "internals").glob("*.md"))
SOURCES = {path: path.read_text() for path in (ROOT / "src").rglob("*") if path.suffix in (".h", ".cc", ".def")}
WORDS = {path: set(re.findall(r"\w+", text)) for path, text in SOURCES.items()}
ALL_WORDS = set().union(*WORDS.values())


def has_member(owner, member):
    """Returns whether a file that defines the class, struct or enum `owner` also contains `member`."""
    defined = re.compile(rf"\b(class|struct|enum class)\s+(\w+::)*{owner}\b")
    return any(member in WORDS[path] and (f"{owner}::{member}" in text or defined.search(text))
               for path, text in SOURCES.items())


def unknown_names(text):
    prose = re.sub(r"^```(?!mermaid).*?^```", "", text, flags=re.S | re.M)
    for qualified in re.findall(r"\b[A-Za-z]\w*(?:::\w+)+", prose):
        parts = qualified.split("::")
        if not all(has_member(owner, member) for owner, member in zip(parts, parts[1:])):
            yield qualified
    for quoted in re.findall(r"`([^`\n]+)`", prose):
        if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*|k[A-Z]\w+", quoted) and quoted not in ALL_WORDS:
            yield quoted
        if re.fullmatch(r"[\w./-]+/([\w.-]+\.(cc|h|def|sql|py|md)|)", quoted) and not (ROOT / quoted).exists():
            yield quoted


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_name_in_docs_internals_exists(document):
    assert list(unknown_names(document.read_text())) == []


def test_the_check_finds_a_name_that_does_not_exist():
    text = "`Home::Ingest` and `Home::Offers`, `Feed` and `Feeding`, `src/hub/feed.h` and `src/hub/food.h`, `Feed::State::kGone`"
    assert list(unknown_names(text)) == ["Home::Offers", "Feed::State::kGone", "Feeding", "src/hub/food.h"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_in_docs_internals_have_targets(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), flags=re.M)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def documented_columns(engine):
    tables = {}
    for section in re.split(r"^### ", (ROOT / "docs/internals/schema.md").read_text(), flags=re.M)[1:]:
        rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|", section, flags=re.M)
        columns = {name: types[engine].strip() for name, *types in rows}
        tables[section.split()[0]] = {name: type for name, type in columns.items() if type}
    return {table: columns for table, columns in tables.items() if columns}


def test_the_sqlite_schema_is_documented(tmp_path):
    run("migrate", "--data-dir", str(tmp_path / "data"), directory=tmp_path)
    database = sqlite3.connect(tmp_path / "data" / "parley.db")
    names = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    real = {name: {column: type for _, column, type, *_ in database.execute(f"PRAGMA table_xinfo({name})")}
            for name in names if not name.startswith("sqlite_")}
    real = {name: {column: type.removesuffix(" GENERATED ALWAYS") for column, type in columns.items()}
            for name, columns in real.items()}
    assert documented_columns(0) == real


def test_the_postgresql_schema_is_documented(tmp_path):
    postgres = Postgres().start()
    try:
        run("migrate", directory=tmp_path, DATABASE_URL=postgres.url)
        rows = postgres.ask(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c "
            "ON c.oid = a.attrelid WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace "
            "AND a.attnum > 0 AND NOT a.attisdropped")
    finally:
        postgres.close()
    real = {}
    for line in rows.splitlines():
        table, column, type = line.split("|")
        real.setdefault(table, {})[column] = type
    assert documented_columns(1) == real


def test_every_bus_message_is_documented():
    header = (ROOT / "src/bus/bus_message.h").read_text()
    kinds = re.findall(r"\w+", re.search(r"using BusMessage =\s*std::variant<(.*?)>", header, flags=re.S)[1])
    document = (ROOT / "docs/internals/bus.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \w+ \|([^|]*)\|", document, flags=re.M)
    assert [(int(number), name) for number, name, _ in rows] == list(enumerate(kinds))
    source = (ROOT / "src/bus/bus_message.cc").read_text()
    for _, name, fields in rows:
        written = re.search(rf", {name}>\n{{(.*?)\n}}", source, flags=re.S)
        in_order = re.findall(r"on(?:\.Added)?\(m\.(\w+)\)", written[1]) if written else []
        assert re.findall(r"\w+", fields) == in_order, name
