"""docs/performance.md is what docs/performance.json gives, and each peer of ./dev bench peers is complete and pinned."""
import ast
import json
import re
import sys
import types

import pytest

from server import ROOT

sys.path.insert(0, f"{ROOT}/bench")
import peer_report  # noqa: E402
import peer_works  # noqa: E402
import svg  # noqa: E402

FOLDERS = peer_report.ROOT / "bench" / "peers"
RESULTS = json.loads((peer_report.ROOT / "docs" / "performance.json").read_text())


def test_the_rate_at_full_load_is_the_measured_one_also_below_the_first_rate_of_the_search(monkeypatch):
    report = {"delivered": 400, "sent": 200, "seconds": 2, "undelivered": 0, "errors": 0, "lost_connections": 0, "p99_ms": 10, "cpu": 1}
    monkeypatch.setattr(peer_works, "load", lambda server, members, **plan: report)
    server = types.SimpleNamespace(dialect="guide", members=lambda groups, sends: [])
    assert peer_works.small_rooms(server, 0, peer_works.QUICK)["closed_loop_per_s"] == 100 < peer_works.SLOWEST


def registered():
    """The names in PEERS of bench/peers.py, which needs no installed peer to be read."""
    tree = ast.parse((FOLDERS.parent / "peers.py").read_text())
    [peers] = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "PEERS"]
    return [key.value for key in peers.keys]


def test_the_performance_document_is_the_one_its_results_give():
    text = peer_report.DOCUMENT.read_text()
    assert text == peer_report.filled(text, RESULTS), "run ./dev bench peers report"


def test_the_performance_charts_are_those_their_results_give():
    for name, drawn in peer_report.charts(RESULTS).items():
        assert (peer_report.IMAGES / name).read_text() == drawn, f"{name}: run ./dev bench peers report"
        assert f"images/{name}" in peer_report.DOCUMENT.read_text()


def test_every_peer_is_in_the_report_and_has_a_folder():
    assert registered() == list(peer_report.TITLES)
    assert sorted(registered()) == sorted(folder.name for folder in FOLDERS.iterdir() if folder.name != "__pycache__")


@pytest.mark.parametrize("name", registered())
def test_a_peer_documents_its_tuning_and_versions(name):
    text = (FOLDERS / name / "README.md").read_text()
    assert "Tuning" in text and ("ersion" in text or "pins" in text)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FOLDERS.glob("*/package.json")))
def test_a_node_peer_pins_all_of_its_packages(name):
    folder = FOLDERS / name
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    lock = (folder / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert packages[""]["dependencies"] == wanted
    for package, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), package
        assert packages[f"node_modules/{package}"]["version"] == version
    assert all("integrity" in package for path, package in packages.items() if path)
    assert not any("resolved" in package for package in packages.values()), "the lock file names a registry's host"
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text()


def test_the_go_peer_is_pinned():
    assert re.fullmatch(r"\S+@v\d+\.\d+\.\d+\n", (FOLDERS / "centrifugo" / "module.txt").read_text())


def test_a_table_has_a_dash_for_what_was_not_measured():
    results = {"parts": {"fanout_1000": {"raw": {"rounds": [{"us_per_delivery": 2.0}]},
                                         "parley": {"rounds": [{"us_per_delivery": 3.0}, {"us_per_delivery": 9.0}, {"us_per_delivery": 3.2}]}}}}
    rows = peer_report.table(results).splitlines()
    assert rows[0] == "| work | raw epoll | Parley |"
    assert rows[2] == "| fan-out to 1,000: µs of CPU per delivery (× raw) | 2 | 3.2 (1.60) |"
    assert rows[3].endswith("| – | – |")


def test_a_table_names_the_lowest_rate_tried_where_none_kept_to_the_limit():
    results = {"parts": {"rooms": {"parley": {"rounds": [{"messages_per_s_50": 8_912.0, "messages_per_s_25": 0, "tries": [
        {"rate": 8_912.0, "p99_ms": 49.0}, {"rate": 5_400.0, "p99_ms": 43.0}]}]}}}}
    text = peer_report.table(results)
    assert "p99 ≤ 50 ms | 8,910 |" in text and "| the same, p99 ≤ 25 ms | less than 5,400 |" in text


def test_a_document_without_a_block_is_refused():
    with pytest.raises(ValueError, match="0 blocks named peers"):
        peer_report.filled("# Performance\n", RESULTS)


def test_a_chart_has_a_bar_for_each_value_and_a_dash_for_a_missing_one():
    drawn = svg.bars("title", [("one", 10, True), ("other", 2_500_000, False), ("none", None, False)])
    assert drawn.count("<rect") == 3  # the page and two bars
    assert ">2.5 M</text>" in drawn and ">–</text>" in drawn


def test_a_table_of_growth_has_a_row_for_each_amount():
    results = {"growth": {"history": {"date": "2026-01-02", "commit": "abc", "seconds": 1, "rows": [
        {"amount": 10_000, "send_us": 101.4, "start_s": 0.05}, {"amount": 100_000, "send_us": 1234.5}]}}}
    text = peer_report.growth(results).splitlines()
    assert text[0] == "| messages in one conversation | send, µs | start of the server, s |"
    assert text[2:4] == ["| 10,000 | 101 | 0.05 |", "| 100,000 | 1,230 | – |"]


def test_growth_has_a_chart_for_each_part_with_its_microseconds():
    results = {"growth": {"history": {"date": "2026-01-02", "commit": "abc", "seconds": 1, "rows": [
        {"amount": 10_000, "send_us": 101.4, "newest_page_us": 90, "start_s": 0.05}, {"amount": 100_000, "send_us": 120}]}}}
    assert "![Cost by messages in one conversation](images/performance-growth-history.svg)" in peer_report.growth(results)
    drawn = peer_report.charts(results)
    assert set(drawn) == {"performance-growth-history.svg", "performance-growth.svg"}
    assert drawn["performance-growth-history.svg"].count("<circle") == 3 and "page of the newest 50" in drawn["performance-growth-history.svg"]


def test_a_chart_of_lines_has_a_point_for_each_measurement():
    drawn = svg.lines("title", {"one": [(10, 5), (100, 6)], "other": [(10, 50)]}, "amount")
    assert drawn.count("<circle") == 3 and drawn.count("<polyline") == 2


def test_a_search_ends_near_the_highest_rate_that_holds():
    for limit in 90, 1_000, 5_300:
        tried = []
        peer_works.search(lambda rate: tried.append(rate) or rate <= limit, 1_000, steps=14)
        assert 0.94 * limit <= max(rate for rate in tried if rate <= limit)


def test_a_search_does_not_repeat_known_rates():
    tried = []
    peer_works.search(lambda rate: tried.append(rate) or rate <= 700, 5_000, steps=6, outside=1_000)
    assert tried and max(tried) < 1_000
    tried.clear()
    peer_works.search(tried.append, 5_000, steps=6, inside=1_000, outside=1_050)
    assert tried == []
