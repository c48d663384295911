"""Links, anchors and commands in the documents lead somewhere."""
import pathlib
import re

import pytest

from server import ROOT

DOCUMENTS = sorted(pathlib.Path(ROOT, "docs").glob("*.md")) + [pathlib.Path(ROOT, name) for name in ("README.md", "SECURITY.md", "ARCHITECTURE.md")]


def without_code(text):
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.M | re.S)


def anchors(path):
    """The anchors that headings get, as on the usual hosting pages."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)).strip().lower().replace(" ", "-") for heading in headings}


def broken_links(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text())):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        place = path.parent / file if file else path
        if not place.exists() or anchor and place.suffix == ".md" and anchor not in anchors(place):
            yield target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_anchors_of_a_document_have_targets(path):
    assert list(broken_links(path)) == []


def test_broken_links_and_anchors_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A *heading* (here)\n[1](#a-heading-here) [2](#none) [3](gone.md) [4](page.md#none) [5](page.md) `[6](gone.md)`\n")
    assert list(broken_links(page)) == ["#none", "gone.md", "page.md#none"]


def test_every_figure_of_docs_sizing_names_a_benchmark():
    text = pathlib.Path(ROOT, "docs/sizing.md").read_text()
    measured = text[text.index("## Measured"):text.index("## Compute")]
    [names] = re.findall(r"^NAMES = \{.* for f in \(([^)]*)\)\}$", pathlib.Path(ROOT, "bench/run.py").read_text(), flags=re.M)
    benchmarks = {f"./dev bench {name.strip()}" for name in names.split(",")}
    rows = [line for line in measured.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    assert len(rows) >= 10
    for row in rows:
        command = row.split("|")[-2].strip().strip("`")
        assert re.sub(r"( \w+=\w+)+$", "", command) in benchmarks, row


# Messages of the operating system, PostgreSQL, Kubernetes and nginx, and one that the source puts together.
OTHERS = {"Address already in use", "too many clients already", "client_max_body_size 11m", "unbound PersistentVolumeClaims",
          "executable file not found", "canceling statement due to lock timeout", "bus is down"}


def quoted_messages(text):
    """The parts of what a row quotes as text of a program, between values that vary."""
    for line in text.splitlines():
        if line.startswith("| "):
            for quoted in re.findall(r"`([a-z][^`{}/]* [^`{}/]*)`", line.split("|")[1]):
                yield from (part.strip() for part in re.split(r"…|: |=\S*", quoted) if " " in part.strip())


@pytest.mark.parametrize("name", ["troubleshooting.md", "kubernetes.md"])
def test_every_quoted_message_of_a_symptom_is_in_the_source(name):
    source = "".join(path.read_text() for path in pathlib.Path(ROOT, "src").rglob("*.*") if path.suffix in (".cc", ".h", ".def"))
    source = re.sub(r'"\s*\n\s*"', "", source)
    found = set(quoted_messages(pathlib.Path(ROOT, "docs", name).read_text()))
    assert len(found) >= 2
    assert [message for message in found - OTHERS if message not in source] == []


def test_every_dev_command_of_a_document_exists():
    cases = pathlib.Path(ROOT, "dev").read_text().partition("case $command in")[2]
    commands = {name for line in re.findall(r"^  ([\w-]+(?: \| [\w-]+)*)\)", cases, flags=re.M) for name in line.split(" | ")}
    for path in DOCUMENTS:
        for command in re.findall(r"\./dev ([a-z][\w-]*)", path.read_text()):
            assert command in commands, f"{path.name}: ./dev {command}"
