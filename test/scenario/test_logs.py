"""Log lines in both formats: request and session ids, traces, hostile values, and the bounds of the log."""
import http.server
import json
import os
import re
import signal
import threading

import httpx
import pytest

from client import Person, Rest
from deadline import SANITIZED, eventually, patient
from log_lines import lines
from server import KEY
from test_algorithms import KEYS
from test_failing_fsync import shim  # noqa: F401, fixture
from test_key_sets import jwk
from tokens import mint

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(params=["text", "json"])
def logging_server(request, own_server):
    """Makes servers that log in one of the formats."""
    return lambda *options, **variables: own_server("--log-format", request.param, *options, **variables)


def only(server, message, **fields):
    return eventually(lambda: lines(server, message, **fields), describe=lambda: f"no line {fields} in:\n{server.log}")[0]


@pytest.mark.proves("access log, X-Request-ID")
def test_the_line_of_a_request_has_its_ids_in_both_formats(logging_server):
    server = logging_server()
    answer = httpx.get(f"{server.url}/nowhere?token=secret", headers={"X-Request-ID": "mine-1", "traceparent": TRACEPARENT})
    assert answer.headers["x-request-id"] == "mine-1"
    line = only(server, "request", request_id="mine-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]) and line["level"] == "info"
    assert (line["method"], line["path"], line["user"], line["client"]) == ("GET", "/nowhere", "-", "127.0.0.1")
    assert str(line["status"]) == "404" and int(line["micros"]) >= 0
    assert line["trace_id"] == TRACE and re.fullmatch("[0-9a-f]{16}", line["span_id"]) and line["span_id"] != PARENT
    assert "session" not in line
    if "json" in server.command:
        assert isinstance(line["status"], int) and isinstance(line["micros"], int)


@pytest.mark.proves("W3C trace context")
@pytest.mark.parametrize("sent, wanted", [
    (TRACEPARENT, TRACE), (f"cc-{TRACE}-{PARENT}-01-later", TRACE), (None, None), ("", None), (f"ff-{TRACE}-{PARENT}-01", None),
    (f"00-{TRACE.upper()}-{PARENT}-01", None), (f"00-{'0' * 32}-{PARENT}-01", None), (f"00-{TRACE}-{'0' * 16}-01", None),
    (f"{TRACEPARENT}-x", None), (TRACEPARENT[:-1], None), ("x status=200 \"", None), ("\xff\xfe", None)])
def test_a_valid_traceparent_is_continued_and_any_other_value_starts_a_trace(server, sent, wanted):
    headers = {} if sent is None else {"traceparent": sent.encode("latin-1")}
    answer = httpx.get(f"{server.url}/nowhere", headers={**headers, "tracestate": "a=\xff".encode("latin-1")})
    assert answer.status_code == 404
    line = only(server, "request", request_id=answer.headers["x-request-id"])
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"]) and re.fullmatch("[0-9a-f]{16}", line["span_id"])
    assert (line["trace_id"] == wanted) if wanted else (line["trace_id"] != TRACE)


def test_two_traceparent_headers_are_ignored(server):
    answer = httpx.get(f"{server.url}/nowhere", headers=[("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)])
    assert only(server, "request", request_id=answer.headers["x-request-id"])["trace_id"] != TRACE


@pytest.mark.proves("session ids in the log")
def test_the_lines_of_a_socket_share_its_session_id(logging_server):
    server = logging_server()
    alice, bob = Person(server, "alice"), Person(server, "bob")
    room = alice.rest.create_group(bob)
    headers = {"traceparent": TRACEPARENT, "X-Request-ID": "socket-1"}
    with alice.connect(room, headers=headers), bob.connect(room):
        pass
    closed = only(server, "socket closed", user="alice")
    opened = only(server, "request", status=101, request_id="socket-1")
    assert re.fullmatch("[0-9a-f]{16}", closed["session"])
    for name in "session", "request_id", "trace_id", "span_id", "client":
        assert opened[name] == closed[name], name
    assert opened["path"].rstrip("/") == closed["path"] == f"/ws/messaging/conversations/{room['id']}"
    assert (closed["request_id"], closed["trace_id"], str(closed["code"])) == ("socket-1", TRACE, "1000")
    assert only(server, "socket closed", user="bob")["session"] != closed["session"]


@pytest.mark.proves("hostile values in the log")
def test_hostile_values_cannot_forge_a_field_or_a_line(logging_server):
    server = logging_server()
    user = 'eve" status=200 level=error \\ \u202e\u009b grüße'
    evil = f"{server.url}/a%0aINFO%20x%22,%22status%22:200\u2028?x=1"
    answers = [httpx.get(evil, headers={"Authorization": "Bearer " + mint(user, key=KEY), "X-Request-ID": b"a\" b=c\xff",
                                        "traceparent": b"00-\x1b[31m", "User-Agent": "x\x07"})]
    answers.append(Rest(server, mint(user, key=KEY)).get("conversations/"))
    for answer in answers:
        line = only(server, "request", request_id=answer.headers["x-request-id"])
        assert str(line["status"]) == str(answer.status_code) and line["level"] == "info"
        assert answer.headers["x-request-id"].isalnum()
    if answers[1].status_code == 200:
        assert "grüße" in line["user"] and line["user"].startswith('eve" status=200 level=error \\')
    assert server.stop() == 0
    assert len(lines(server)) > 3, "each line can be parsed"
    for character in "\x1b", "\x07", "\u202e", "\u2028", "\u009b":
        assert character not in server.log


@pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be loaded first")
def test_a_failed_request_is_logged_without_the_access_log(logging_server, shim, tmp_path):  # noqa: F811
    switch = tmp_path / "the disk fails"
    server = logging_server("--no-access-log", LD_PRELOAD=shim, FAILING_FSYNC=str(switch))
    alice, bob = Person(server, "alice"), Person(server, "bob")
    room = alice.rest.create_group(bob)
    switch.touch()
    answer = alice.rest.post("messages/", json={"conversation_id": room["id"], "content": "x"},
                             headers={"X-Request-ID": "lost-1", "traceparent": TRACEPARENT})
    assert answer.status_code == 503
    line = only(server, "request failed", request_id="lost-1")
    assert line["level"] == "warning" and line["user"] == "alice" and line["trace_id"] == TRACE
    assert (line["method"], line["route"], str(line["status"])) == ("POST", "/api/messaging/messages", "503")
    eventually(lambda: not server.ready())
    assert not lines(server, "request") and not lines(server, "request failed", route="/readyz")


@pytest.mark.proves("session ids in the log")
@pytest.mark.skipif(SANITIZED, reason="a sanitizer wants to be loaded first")
def test_a_failed_command_is_logged_with_its_session(logging_server, shim, tmp_path):  # noqa: F811
    switch = tmp_path / "the disk fails"
    server = logging_server(LD_PRELOAD=shim, FAILING_FSYNC=str(switch))
    alice, bob = Person(server, "alice"), Person(server, "bob")
    room = alice.rest.create_group(bob)
    with alice.connect(room, headers={"traceparent": TRACEPARENT}) as a:
        switch.touch()
        assert a.ask("message", content="lost")["data"]["code"] == "outcome_unknown"
        failed = only(server, "command failed", code="outcome_unknown")
        os.remove(switch)
        eventually(server.ready)
        assert a.ask("message", content="")["type"] == "error", "an error of the client is not logged"
    closed = only(server, "socket closed", user="alice")
    assert failed["level"] == "warning" and failed["trace_id"] == TRACE
    assert all(failed[name] == closed[name] for name in ("session", "request_id", "span_id", "user", "path"))
    assert len(lines(server, "command failed")) == 1


@pytest.mark.proves("repeated and too many log lines")
def test_repeated_errors_become_one_line_with_their_count(logging_server, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("")
    server = logging_server("--config", file)
    file.write_text("nonsense = 1\n")
    for number in range(6):
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(lines(server, "reloading")) == number + 1)
    assert server.stop() == 0
    failed = lines(server, "reload failed, previous configuration kept")
    assert len(failed) == 2 and {line["level"] for line in failed} == {"error"}
    assert "repeated" not in failed[0] and failed[1] == {**failed[0], "time": failed[1]["time"], "repeated": failed[1]["repeated"]}
    assert int(failed[1]["repeated"]) == 5


@pytest.mark.proves("repeated and too many log lines")
def test_lines_per_second_are_bounded_and_the_bound_can_change(logging_server, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("log_lines_per_second = 3\n")
    server = logging_server("--config", file)
    with httpx.Client(base_url=server.url, timeout=patient(10)) as client:
        for number in range(100):
            client.get(f"/bounded/{number}")
        eventually(lambda: server.metric("parley_log_dropped_total") >= 50)
        report = only(server, "log lines dropped: more than log_lines_per_second")
        assert report["level"] == "warning" and int(report["lines"]) > 0
        assert len([line for line in lines(server, "request") if line["path"].startswith("/bounded/")]) < 50
        file.write_text("log_lines_per_second = 0\n")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: lines(server, "reloaded"))
        for number in range(100):
            client.get(f"/unbounded/{number}")
    eventually(lambda: len([line for line in lines(server, "request") if line["path"].startswith("/unbounded/")]) == 100)


@pytest.mark.proves("signals")
def test_the_log_level_changes_at_run_time(logging_server, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('log_level = "error"\n')
    server = logging_server("--config", file)
    httpx.get(f"{server.url}/before")
    file.write_text('log_level = "info"\n')
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: lines(server, "reloaded"))
    httpx.get(f"{server.url}/after")
    assert only(server, "request", path="/after")
    assert not lines(server, "request", path="/before")


@pytest.mark.proves("W3C trace context")
def test_fetching_a_key_set_sends_a_traceparent(own_server):
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers.get_all("traceparent"))
            body = ('{"keys": [%s]}' % json.dumps(jwk(KEYS["ES256"], "k"))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as publisher:
        threading.Thread(target=publisher.serve_forever, daemon=True).start()
        own_server("--auth-algorithm", "ES256", "--auth-jwks", f"http://127.0.0.1:{publisher.server_port}/keys")
        publisher.shutdown()
    assert seen and all(len(one) == 1 and re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", one[0]) for one in seen)
