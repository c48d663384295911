"""A real Prometheus with deploy/prometheus scrapes two nodes, loads the rules and answers the queries of the Grafana dashboard."""
import json
import os
import re
import urllib.parse

import pytest
import yaml

from client import Person
from deadline import eventually, patient
from metrics import ROOT, scrape
from prometheus import DEPLOY, Prometheus, promtool
from server import Server

DASHBOARD = json.loads((ROOT / "deploy/grafana/parley-dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load((DEPLOY / "parley-rules.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
METRIC = re.compile(r"\bparley_[a-z0-9_]+")
# Absent here, as the nodes have no TLS.
ABSENT = {"parley_tls_certificate_expiry_timestamp_seconds"}


def queries():
    """Returns (panel, expression) of each query of the dashboard."""
    return [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def filled(expression):
    """The expression as Grafana sends it."""
    for name, value in ("$__rate_interval", "15s"), ("$job", "parley"), ("$instance", ".+"):
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


@pytest.fixture(scope="module")
def nodes(database, redis, tmp_path_factory):
    made = [Server(tmp_path_factory.mktemp(f"node-{number}"), "--rate-limits", "on", "--rate-limit-creates-per-second", 1, "--rate-limit-sends-per-second", 1000,
                   DATABASE_URL=database.url, REDIS_URL=redis.url) for number in range(2)]
    for server in made:
        server.start()
    yield made
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def prometheus(nodes):
    """Scrapes two nodes with traffic of each kind: over REST and sockets, between nodes, errors, resumes and refusals."""
    server = Prometheus([node.address for node in nodes]).start()
    one, two = nodes
    eventually(lambda: "bus is up" in one.log and "bus is up" in two.log)
    alice, bob, eager = Person(one, "alice"), Person(two, "bob"), Person(one, "eager")
    room = alice.rest.create_group(bob)

    for _ in range(3):
        with bob.connect(room, query={"since": 0}):
            alice.rest.send_message(room, "missed")
    with alice.connect(room) as a, bob.connect(room) as b:

        def talk():
            alice.rest.send_message(room, "over REST")
            a.send_message("over the socket")
            b.events(2)
            alice.rest.get("nowhere/")
            for _ in range(10):
                eager.rest.post("conversations/", json={"type": "group", "participants": ["bob"]})  # most are refused
            return True

        scrapes = 'min(count_over_time(up{job="parley"}[1m]))'
        eventually(lambda: talk() and (server.query(scrapes) or [(0, 0)])[0][1] >= 20, within=60, describe=server.log)
        eventually(lambda: talk() and server.query("parley_redis_memory_bytes"), within=20)
    yield server
    server.close()


@pytest.mark.proves("deploy/prometheus: alert rules")
def test_promtool_accepts_the_configuration_and_the_rules():
    for words in ("check", "config", DEPLOY / "prometheus.yml"), ("check", "rules", DEPLOY / "parley-rules.yml"):
        status, output = promtool(*words)
        assert status == 0 and "SUCCESS" in output, output


@pytest.mark.proves("deploy/prometheus: alert rules")
def test_each_alert_fires_in_its_unit_test():
    status, output = promtool("test", "rules", "test/prometheus/parley-rules-test.yml")
    assert status == 0, output
    tests = yaml.safe_load((ROOT / "test/prometheus/parley-rules-test.yml").read_text())["tests"]
    assert {one["alertname"] for case in tests for one in case.get("alert_rule_test", []) if one["exp_alerts"]} == ALERTS.keys()


@pytest.mark.proves("deploy/prometheus: alert rules")
def test_each_alert_has_its_section_in_the_runbook():
    text = (ROOT / "docs/alerts.md").read_text()
    sections = re.findall(r"^### (\w+)$", text, re.M)
    assert sorted(sections) == sorted(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.proves("deploy/prometheus: alert rules")
def test_prometheus_scrapes_the_nodes_and_evaluates_the_rules(prometheus, nodes):
    targets = prometheus.ask("targets")["activeTargets"]
    assert {target["labels"]["instance"] for target in targets} == {node.address for node in nodes}
    assert all(target["health"] == "up" for target in targets), targets
    loaded = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {rule.get("alert") or rule["record"] for rule in RULES}
    eventually(lambda: all(rule["health"] == "ok" for group in prometheus.ask("rules")["groups"] for rule in group["rules"]), within=10,
               describe=lambda: str(prometheus.ask("rules")))
    for rule in RULES:
        prometheus.query(rule["expr"])
    for rule in RULES:
        if "record" in rule:
            assert eventually(lambda: prometheus.query(rule["record"]), within=10, describe=lambda: f"{rule} has no data")
    assert [labels for labels, _ in prometheus.query('ALERTS{severity="critical"}')] == [], "these nodes are healthy"


@pytest.mark.proves("deploy/grafana: dashboard")
def test_prometheus_answers_each_query_of_the_dashboard_with_data(prometheus):
    assert len(queries()) > 50
    for panel, expression in queries():
        found = prometheus.query(filled(expression))
        assert found or ABSENT & set(METRIC.findall(expression)), f"{panel}: {expression} has no data"
    for busy in "Messages per second", "Bytes on the wire", "HTTP requests by route", "Commits and writes", "Bus messages", "Refused by rate limits":
        mine = [filled(expression).replace("[15s]", "[1m]") for panel, expression in queries() if panel == busy]
        assert sum(value for expression in mine for _, value in prometheus.query(expression)) > 0, busy


@pytest.mark.proves("deploy/grafana: dashboard")
def test_each_metric_of_dashboard_and_rules_exists(nodes):
    known = {name for family in scrape(nodes[0]).values() for name in family.names} | {rule["record"] for rule in RULES if "record" in rule}
    for expression in [expression for _, expression in queries()] + [rule["expr"] for rule in RULES]:
        for name in METRIC.findall(re.sub(r"instance:\w+:\w+", "", expression)):
            assert name in known, f"{name} in {expression}"
        for name in re.findall(r"instance:\w+:\w+", expression):
            assert name in known, f"{name} in {expression}"


@pytest.mark.proves("deploy/grafana: dashboard")
def test_the_dashboard_can_be_imported():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} overlaps another panel"
        taken |= cells
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Traffic", "Delivery", "Store", "Redis", "Channel layer (Django)", "Limits", "Process"]
    assert [(one["name"], one["type"]) for one in DASHBOARD["templating"]["list"]] == [
        ("datasource", "datasource"), ("job", "query"), ("instance", "query")]
    for panel in panels:
        for part in [panel, *panel.get("targets", [])] if panel["type"] != "row" else []:
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert DASHBOARD["id"] is None and DASHBOARD["uid"] == "parley", "an id is that of another Grafana's database"


def test_the_graph_page_of_prometheus_shows_a_query(prometheus, browser):
    """With PROMETHEUS_SCREENSHOT=file, writes the image of docs/operations.md."""
    page = browser.new_page(viewport={"width": 1000, "height": 960})
    expression = 'sum by (method, route) (rate(parley_http_request_seconds_count{job="parley"}[5s]))'
    page.goto(f"{prometheus.url}/classic/graph?g0.range_input=20s&g0.tab=0&g0.expr=" + urllib.parse.quote(expression))
    page.wait_for_selector(".rickshaw_graph svg path", timeout=patient(30_000), state="attached")
    page.wait_for_selector(".legend .line", timeout=patient(30_000))
    assert "route=" in page.inner_text(".legend")
    if "PROMETHEUS_SCREENSHOT" in os.environ:
        page.screenshot(path=os.environ["PROMETHEUS_SCREENSHOT"])
    page.close()
