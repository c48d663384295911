"""`parley bench`: measures a server, checks every delivery, and says by its exit status whether all arrived."""
import contextlib
import json
import pathlib
import re
import shlex
import signal
import ssl
import subprocess
import time

import httpx
import pytest

from deadline import eventually, patient
from relay import Relay
from server import BINARY, KEY, ROOT, environment
from tls_check import make_certificates

SHORT = ["--seconds", "1", "--rate", "50"]


def bench(directory, *arguments, **variables):
    """Runs the command; returns its exit code, output and errors."""
    done = subprocess.run([BINARY, "bench", *map(str, arguments)], cwd=directory, env=environment(**variables), text=True,
                          capture_output=True, timeout=patient(60))
    return done.returncode, done.stdout, done.stderr


@pytest.mark.proves("bench")
@pytest.mark.parametrize(("scenario", "options", "receivers"), [
    ("fanout", ["--size", "5"], 5), ("rooms", ["--rooms", "3"], 2), ("send", ["--rooms", "3"], 1), ("slow", ["--size", "6"], 3)])
def test_a_scenario_counts_every_delivery(own_server, tmp_path, scenario, options, receivers):
    server = own_server()
    code, out, err = bench(tmp_path, scenario, "--url", server.url, *SHORT, *options, "--json", "r.json", "--html", "r.html")
    assert code == 0, out + err
    report = json.loads((tmp_path / "r.json").read_text())
    [step] = report["steps"]
    assert report["schema"] == "parley-bench/1" and not report["faulty"] and not any(step["faults"].values())
    assert step["ack"]["count"] >= 40
    assert step["delivery"]["count"] == step["ack"]["count"] * receivers
    page = (tmp_path / "r.html").read_text()
    assert page.count("<svg") == 3 and "<script" not in page and "http://www" not in page
    assert "nothing was lost, repeated or reordered" in out


def test_connect_opens_every_connection_and_reports_handshake_latency(own_server, tmp_path):
    code, out, err = bench(tmp_path, "connect", "--url", own_server().url, "--rooms", 3, "--size", 5, "--json", "r.json", "--html", "r.html")
    assert code == 0, out + err
    report = json.loads((tmp_path / "r.json").read_text())
    [step] = report["steps"]
    assert report["connections"] == step["ready"] == step["connect"]["count"] == 15
    assert step["sent"] == 0 and not any(step["faults"].values())
    assert "15 connections ready in " in out and "p99" in out
    assert (tmp_path / "r.html").read_text().count("<svg") == 2


def test_connect_opens_connections_at_the_given_rate(own_server, tmp_path):
    code, out, err = bench(tmp_path, "connect", "--url", own_server().url, "--rooms", 2, "--size", 5, "--rate", 20, "--json", "r.json")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert step["connect_seconds"] >= 0.45  # the tenth is due after 9/20 s


@pytest.mark.parametrize(("scenario", "options", "receivers"), [
    ("fanout", ["--size", "5"], 5), ("rooms", ["--rooms", "5", "--size", "3"], 3), ("slow", ["--size", "6"], 3)])
def test_threads_share_the_connections_of_a_scenario_and_count_every_delivery(own_server, tmp_path, scenario, options, receivers):
    server = own_server()
    code, out, err = bench(tmp_path, scenario, "--url", server.url, *SHORT, *options, "--threads", 3, "--json", "r.json")
    assert code == 0, out + err
    report = json.loads((tmp_path / "r.json").read_text())
    [step] = report["steps"]
    assert report["threads"] == 3 and step["ready"] == report["connections"] and not any(step["faults"].values())
    assert step["ack"]["count"] >= 40 and step["delivery"]["count"] == step["ack"]["count"] * receivers
    assert [second["ready"] for second in step["timeline"]] == [report["connections"]]
    assert sum(second["sent"] for second in step["timeline"]) == step["sent"]


@pytest.mark.parametrize(("scenario", "options"), [
    ("connect", []), ("connect", ["--rate", "200"]), ("resume", ["--rate", "60", "--away", "0.5"]), ("history", SHORT), ("post", SHORT)])
def test_threads_run_every_kind_of_scenario_without_a_fault(own_server, tmp_path, scenario, options):
    code, out, err = bench(tmp_path, scenario, "--url", own_server().url, "--rooms", 3, "--size", 5, *options, "--threads", 2, "--json", "r.json")
    assert code == 0, out + err
    report = json.loads((tmp_path / "r.json").read_text())
    [step] = report["steps"]
    assert step["ready"] == report["connections"] and not any(step["faults"].values())
    assert step["resumed"] == (12 if scenario == "resume" else 0)  # all but a sender in each room


@pytest.fixture
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    make_certificates(directory)
    return directory


def answers(url, certificates):
    try:
        return httpx.get(f"{url}/readyz", verify=ssl.create_default_context(cafile=certificates / "ca.pem"), timeout=patient(2)).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("scenario", ["fanout", "resume", "post"])
def test_bench_speaks_tls(own_server, certificates, tmp_path, scenario):
    server = own_server("--ssl-certfile", certificates / "chain.pem", "--ssl-keyfile", certificates / "key.pem", ready=False)
    url = f"https://localhost:{server.port}"
    eventually(lambda: answers(url, certificates), within=20, describe=lambda: server.log)
    words = [scenario, "--url", url, "--rate", 50, "--size", 3, "--rooms", 2, *(["--away", 1] if scenario == "resume" else ["--seconds", 1])]
    code, out, err = bench(tmp_path, *words, "--ca-file", certificates / "ca.pem", "--json", "r.json")
    assert code == 0, out + err
    assert json.loads((tmp_path / "r.json").read_text())["steps"][0]["ack"]["count"] >= 40
    code, out, err = bench(tmp_path, *words)  # without the authority
    assert code == 1 and "certificate" in err


def test_connect_counts_refused_connections_as_faults(own_server, tmp_path):
    server = own_server("--limit-concurrency", 8)
    process = subprocess.Popen([BINARY, "bench", "connect", "--url", server.url, "--rooms", "1", "--size", "20", "--seconds", "2", "--json", "r.json"],
                               cwd=tmp_path, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = process.communicate(timeout=patient(60))
    assert process.returncode == 1, out
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert step["faults"]["failed_connects"] > 0 and step["faults"]["never_ready"] > 0
    assert step["ready"] + step["faults"]["never_ready"] == 20
    assert "503" in step["first_error"]


def test_resume_counts_what_clients_missed_and_finds_no_fault(own_server, tmp_path):
    server = own_server()
    code, out, err = bench(tmp_path, "resume", "--url", server.url, "--rooms", 3, "--size", 4, "--rate", 60, "--away", 1,
                           "--json", "r.json", "--html", "r.html")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert step["resumed"] == step["catch_up"]["count"] == 9  # without a sender in each room
    assert step["acked"] > 60 and not any(step["faults"].values())
    # The measured time can begin or end between a message's ack and its deliveries.
    assert abs(step["delivered"] - 4 * step["acked"]) <= 4 * 3
    assert server.metric("parley_resumes_total") >= 9
    assert "9 of them had all that they missed after" in out
    assert (tmp_path / "r.html").read_text().count("<svg") == 4


@pytest.mark.parametrize(("scenario", "kinds"), [
    ("history", {"newest_page", "older_page", "conversations", "unread_count"}), ("post", set())])
def test_a_rest_scenario_times_every_request(own_server, tmp_path, scenario, kinds):
    server = own_server()
    code, out, err = bench(tmp_path, scenario, "--url", server.url, *SHORT, "--rooms", 3, "--messages", 120, "--json", "r.json")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert set(step.get("kinds", {})) == kinds
    assert step["ack"]["count"] >= 40 and step["delivery"]["count"] == 0
    assert sum(kind["count"] for kind in step.get("kinds", {}).values()) == (step["ack"]["count"] if kinds else 0)
    assert all(kind["count"] > 0 for kind in step.get("kinds", {}).values())


def test_an_answer_with_an_error_counts_as_refused(own_server, tmp_path):
    server = own_server("--rate-limits", "on")
    code, out, _ = bench(tmp_path, "post", "--url", server.url, "--rooms", 1, "--rate", 300, "--seconds", 2)
    assert code == 1
    assert "FAULT refused: " in out and "HTTP/1.1 429" in out and "FAULT unacknowledged" not in out


@contextlib.contextmanager
def delayed(port, seconds):
    relay = Relay(port)
    relay.delay = seconds
    try:
        yield relay
    finally:
        relay.close()


def test_requests_that_could_not_be_sent_are_shown_and_are_not_the_generators_delay(own_server, tmp_path):
    with delayed(own_server().port, 0.02) as slow:  # a request takes 40 to 80 ms
        code, out, err = bench(tmp_path, "post", "--url", f"http://{slow.address}", "--rooms", 1, "--rate", 40, "--seconds", 6,
                               "--json", "r.json", "--html", "r.html")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    text = f"{step['unsent']} more requests were due and could not be sent: latencies do not include them"
    assert step["unsent"] > 30 and not step["kept_up"] and text in out and text in (tmp_path / "r.html").read_text()
    assert step["send_delay"]["p50_ms"] < step["ack"]["p50_ms"], "an answer is late by the wait for earlier ones, its request is not"


def test_a_connection_over_rest_is_ready_when_tls_is_established(own_server, certificates, tmp_path):
    server = own_server("--ssl-certfile", certificates / "chain.pem", "--ssl-keyfile", certificates / "key.pem", ready=False)
    eventually(lambda: answers(f"https://localhost:{server.port}", certificates), within=20, describe=lambda: server.log)
    with delayed(server.port, 0.05) as slow:
        code, out, err = bench(tmp_path, "post", "--url", f"https://localhost:{slow.port}", "--rooms", 2, "--rate", 4, "--seconds", 1,
                               "--ca-file", certificates / "ca.pem", "--json", "r.json")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert step["connect"]["count"] == 2 and step["connect"]["min_ms"] >= 100  # a flight in each direction


@pytest.mark.proves("bench")
@pytest.mark.parametrize("threads", [1, 2])
def test_self_test_counts_exactly_what_a_misbehaving_server_did(tmp_path, threads):
    code, out, err = bench(tmp_path, "--self-test", "--threads", threads)
    assert code == 0, out + err
    assert "FAIL" not in out and out.count("  ok  ") == 14
    assert "ok    loses each 7th message: lost 150, seq_lost 150\n" in out and "all counts are exact" in out


@contextlib.contextmanager
def running(directory, *arguments, **variables):
    """A benchmark that runs until it gets a signal; yields its process, whose output and errors are one text."""
    process = subprocess.Popen([BINARY, "bench", *map(str, arguments)], cwd=directory, env=environment(**variables), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_with_what_was_measured_and_deletes_its_conversations(own_server, tmp_path, name):
    server, number = own_server(), getattr(signal, name)
    with running(tmp_path, "rooms", "--url", server.url, "--rooms", 3, "--rate", 50, "--seconds", 600, "--json", "r.json") as process:
        eventually(lambda: server.metric("parley_messages_total") > 80, within=30)  # the warm-up has 50
        process.send_signal(number)
        out, _ = process.communicate(timeout=patient(20))
    assert process.returncode == 128 + number, out
    assert "interrupted after" in out and "nothing was lost, repeated or reordered" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["interrupted"] and not report["faulty"] and 0 < report["steps"][0]["ack"]["count"] < 10_000
    eventually(lambda: server.log.count("method=DELETE path=/api/messaging/conversations/") == 3)


def test_a_signal_while_conversations_are_created_deletes_those_that_were(own_server, tmp_path):
    server = own_server()
    with running(tmp_path, "rooms", "--url", server.url, "--rooms", 4_000, "--size", 1) as process:
        eventually(lambda: server.log.count("method=POST path=/api/messaging/conversations/") > 5, within=30)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=patient(40))
    assert process.returncode == 130 and "interrupted" in out, out
    created = server.log.count("method=POST path=/api/messaging/conversations/")
    eventually(lambda: server.log.count("method=DELETE path=/api/messaging/conversations/") == created)


def test_a_signal_removes_the_server_that_bench_started_and_its_directory(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with running(tmp_path, "fanout", "--size", 4, "--seconds", 600, TMPDIR=str(scratch)) as process:
        [child] = eventually(lambda: children(process.pid) if list(scratch.glob("*/data/parley.db")) else [], within=20)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=patient(40))
    assert process.returncode == 130
    assert not pathlib.Path(f"/proc/{child}").exists() and list(scratch.iterdir()) == []


def test_a_second_signal_ends_the_command_at_once(own_server, tmp_path):
    server = own_server()
    with running(tmp_path, "rooms", "--url", server.url, "--rooms", 3, "--rate", 50, "--seconds", 600) as process:
        eventually(lambda: server.metric("parley_messages_total") > 10, within=30)
        server.process.send_signal(signal.SIGSTOP)  # what is under way and the conversations cannot be ended
        try:
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=patient(2)) == -signal.SIGTERM
        finally:
            server.process.send_signal(signal.SIGCONT)


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_nodes_measures_deliveries_between_two_nodes(own_server, database, redis, tmp_path):
    pair = [own_server(DATABASE_URL=database.url, REDIS_URL=redis.url) for _ in range(2)]
    urls = [word for node in pair for word in ("--url", node.url)]
    code, out, err = bench(tmp_path, "nodes", *urls, *SHORT, "--rooms", 4, "--json", "r.json")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    assert step["delivery"]["count"] == 2 * step["ack"]["count"]
    assert all(node.metric("parley_messages_total") > 0 for node in pair)


def test_without_a_url_bench_runs_a_server_of_its_own(tmp_path):
    code, out, err = bench(tmp_path, "idle", "--connections", 20, "--seconds", 1, "--json", "r.json")
    assert code == 0, out + err
    assert "started a server at http://127.0.0.1:" in err and "bytes of resident memory" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["own_server"] and report["connections"] == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.json"]


def test_the_cpu_time_of_the_own_server_is_reported_by_thread(tmp_path):
    code, out, err = bench(tmp_path, "rooms", "--rooms", 10, "--rate", 200, "--seconds", 2, "--json", "r.json")
    assert code == 0, out + err
    [step] = json.loads((tmp_path / "r.json").read_text())["steps"]
    cpu, threads = step["cpu"], step["cpu"]["threads"]
    assert "shard-0" in threads and threads["shard-0"]["us_per_message"] > 0
    assert cpu["seconds"] == pytest.approx(sum(thread["seconds"] for thread in threads.values()), abs=0.001 * (len(threads) + 1))
    assert cpu["us_per_message"] == pytest.approx(cpu["seconds"] * 1e6 / step["acked"], rel=0.05)
    assert cpu["us_per_delivery"] == pytest.approx(cpu["us_per_message"] * step["acked"] / step["delivered"], rel=0.05)
    assert "CPU of the server: " in out and "    shard-0 " in out


@pytest.mark.parametrize("width", [400, 800])
def test_the_page_fits_a_window_and_shows_whole_labels(own_server, browser, tmp_path, width):
    code, out, err = bench(tmp_path, "fanout", "--url", own_server().url, "--size", 40, "--rate", 100, "--seconds", 2, "--html", "r.html")
    assert code == 0, out + err
    page = browser.new_page(viewport={"width": width, "height": 1000})
    page.goto(f"file://{tmp_path}/r.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.querySelectorAll('pre')].every(each => each.scrollWidth <= each.clientWidth)")
    outside = page.evaluate("""[...document.querySelectorAll("svg text")].filter(text => {
        const [inner, outer] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()]
        return inner.left < outer.left || inner.right > outer.right || inner.bottom > outer.bottom
    }).map(text => text.textContent)""")
    labels = page.evaluate("[...document.querySelectorAll('svg text')].map(text => text.textContent)")
    page.close()
    assert outside == []
    assert "99.99 %" in labels and "4,000" in labels and not [label for label in labels if "e+" in label]
    assert "<th>p99.9" in (tmp_path / "r.html").read_text()


def commands_of_the_document():
    """Each line of a shell block of docs/bench.md."""
    blocks = re.findall(r"```sh\n(.*?)```", pathlib.Path(ROOT, "docs", "bench.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", commands_of_the_document())
def test_the_commands_of_the_document_run(request, own_server, tmp_path, line):
    """As they are written, but with servers that exist, for a second."""
    words = shlex.split(line.replace("$JWT_SECRET_KEY", KEY))
    assert words.pop(0) == "parley" and words.pop(0) == "bench"
    if "http://" in line:
        database, redis = request.getfixturevalue("database"), request.getfixturevalue("redis")
        words = [own_server(DATABASE_URL=database.url, REDIS_URL=redis.url).url if word.startswith("http://") else word for word in words]
    if "--seconds" in words:
        at = words.index("--seconds")
        del words[at:at + 2]
    if "--max-p99" in words:
        words[words.index("--max-p99") + 1] = "0.01"  # a search that is soon over
        words += ["--rate", "8", "--size", "2"]
    code, out, err = bench(tmp_path, *words, *([] if "--self-test" in words else ["--seconds", "1"]), JWT_SECRET_KEY=KEY)
    assert code == 0, out + err


def test_a_search_reports_the_steps_and_the_highest_rate(own_server, tmp_path):
    server = own_server()
    code, out, err = bench(tmp_path, "fanout", "--url", server.url, "--size", 2, "--search", "--max-p99", "0.01", "--rate", 8, "--seconds", 1,
                           "--json", "r.json")
    assert code == 0, out + err
    report = json.loads((tmp_path / "r.json").read_text())
    assert [step["rate"] for step in report["steps"]][:2] == [8, 4]
    assert not report["steps"][0]["kept_up"] and "is over 0.01 ms" in report["steps"][0]["why"]


def test_the_conversations_of_a_benchmark_are_deleted(own_server, tmp_path):
    server = own_server()
    assert bench(tmp_path, "rooms", "--url", server.url, *SHORT, "--rooms", 2)[0] == 0

    def deleted():
        return [line for line in server.log.splitlines() if "method=DELETE path=/api/messaging/conversations/" in line]

    eventually(lambda: len(deleted()) == 2)
    assert all("status=204" in line for line in deleted())


def test_a_server_that_is_killed_makes_the_exit_status_1(own_server, tmp_path):
    server = own_server()
    process = subprocess.Popen([BINARY, "bench", "fanout", "--url", server.url, "--seconds", "30", "--size", "4"], cwd=tmp_path,
                               env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    eventually(lambda: server.metric("parley_messages_total") > 0, within=20)
    server.kill()
    out, _ = process.communicate(timeout=patient(30))
    assert process.returncode == 1
    assert "FAULT lost_connections: " in out


def test_a_refused_token_is_reported(own_server, tmp_path):
    code, out, err = bench(tmp_path, "fanout", "--url", own_server().url, "--token-key", "x" * 40)
    assert code == 1
    assert "401" in err and "token_not_valid" in err


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "bench takes one scenario: fanout, rooms"), (["dance"], "bench takes one scenario"),
    (["fanout", "--rate", "many"], "--rate: 'many' is not a number"), (["fanout", "--rate", "nan"], "--rate: 'nan' is not a number"),
    (["fanout", "--seconds", "nan"], "--seconds: 'nan' is not a number"), (["idle", "--rate", "5"], "--rate: this scenario sends nothing"),
    (["fanout", "--search=1"], "--search takes no value"), (["--self-test=1"], "--self-test takes no value"), (["fanout", "--bytes", "1"], "--bytes: '1' is not a number from 64"),
    (["nodes", "--url", "http://127.0.0.1:1"], "nodes needs --url at least 2 times"),
    (["fanout", "--url", "ftp://x"], "'ftp://x' is not an http or https URL"), (["fanout", "--token-key", "short"], "at least 32 bytes"),
    (["fanout", "--self-test"], "--self-test takes no scenario"), (["idle", "--search"], "sends nothing"), (["connect", "--search"], "sends nothing"), (["resume", "--search"], "no highest rate"),
    (["fanout", "--threads", "0"], "--threads: '0' is not a number from 1 to 64"), (["fanout", "--threads", "65"], "--threads: '65' is not a number from 1 to 64"),
    (["--self-test", "--threads", "x"], "--threads: 'x' is not a number"), (["resume", "--size", "1"], "resume needs a receiver"), (["history", "--messages", "5"], "--messages: '5' is not a number from 100"), (["fanout", "--frobnicate"], "frobnicate")])
def test_wrong_options_are_refused(tmp_path, arguments, message):
    code, _, err = bench(tmp_path, *arguments)
    assert code == 2
    assert message in err


def test_more_connections_than_open_files_are_refused_with_the_limit(own_server, tmp_path):
    server = own_server()
    done = subprocess.run(["sh", "-c", 'ulimit -n 200; exec "$@"', "sh", BINARY, "bench", "idle", "--url", server.url, "--connections", "150"],
                          cwd=tmp_path, env=environment(), text=True, capture_output=True, timeout=patient(60))
    assert done.returncode == 1
    assert "150 connections need more open files than a process may have (200): raise the limit (ulimit -Hn)" in done.stderr
    assert "POST path=/api/messaging/conversations/" not in server.log


def test_an_unreachable_server_is_reported(tmp_path):
    code, _, err = bench(tmp_path, "fanout", "--url", "http://127.0.0.1:1")
    assert code == 1
    assert "http://127.0.0.1:1: " in err and "connect" in err.lower()
