"""docs/performance.md from docs/performance.json: the marked blocks of the document and its charts. The prose around the blocks is written
by hand. test_performance_document.py compares both files."""
import json
import pathlib
import re
import statistics

import svg

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT, IMAGES = ROOT / "docs" / "performance.md", ROOT / "docs" / "images"
TITLES = {"raw": "raw epoll", "raw_websocket": "raw WebSocket", "parley": "Parley", "centrifugo": "Centrifugo", "ws": "Node ws",
          "socketio": "Socket.IO", "guide": "the guide's stack", "guide_daphne": "the guide's stack, Daphne"}


def median(results, part, peer, figure):
    """None if it was not measured."""
    rounds = results.get("parts", {}).get(part, {}).get(peer, {}).get("rounds", [])
    values = [one[figure] for one in rounds if one.get(figure) is not None]
    return statistics.median(values) if values else None


def rounded(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return "–"
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def beside_raw(results, part, figure):
    base = median(results, part, "raw", figure)

    def cell(peer):
        value = median(results, part, peer, figure)
        if value is None or base is None or peer == "raw":
            return rounded(value)
        return f"{rounded(value)} ({value / base:.2f})" if value / base < 10 else f"{rounded(value)} ({value / base:,.0f})"
    return cell


def beside_raw_websocket(results, part, figure):
    """The ratio to the server that delivers as many bytes as Parley; None, for no row, if that was not measured."""
    base = median(results, part, "raw_websocket", figure)

    def cell(peer):
        value = median(results, part, peer, figure)
        return "–" if value is None or peer == "raw" else f"{value / base:,.2f}"
    return cell if base else None


def plain(results, part, figure):
    return lambda peer: rounded(median(results, part, peer, figure))


def kept_up(results):
    def cell(peer):
        value, late = median(results, "keepup", peer, "deliveries_per_s"), median(results, "keepup", peer, "p99_ms")
        return rounded(value) + (f" at p99 {rounded(late)} ms" if late and late > 50 else "")
    return cell


def in_rooms(limit):
    """A peer that kept to the limit at no rate gets the lowest rate that was tried."""
    def row(results):
        def cell(peer):
            value = median(results, "rooms", peer, f"messages_per_s_{limit}")
            if value != 0:
                return rounded(value)
            rounds = results["parts"]["rooms"][peer]["rounds"]
            return f"less than {rounded(min(one['rate'] for turn in rounds for one in turn['tries']))}"
        return cell
    return row


ROWS = [
    ("fan-out to 1,000: µs of CPU per delivery (× raw)", lambda results: beside_raw(results, "fanout_1000", "us_per_delivery")),
    ("fan-out to 100: µs of CPU per delivery (× raw)", lambda results: beside_raw(results, "fanout_100", "us_per_delivery")),
    ("fan-out to 1,000: × raw WebSocket, with the bytes of Parley's event", lambda results: beside_raw_websocket(results, "fanout_1000", "us_per_delivery")),
    ("bytes per delivery", lambda results: plain(results, "fanout_1000", "bytes_per_delivery")),
    ("most deliveries per second to 1,000, p99 ≤ 50 ms", kept_up),
    ("500 conversations of two: messages per second, p99 ≤ 50 ms", in_rooms(50)),
    ("the same, p99 ≤ 25 ms", in_rooms(25)),
    ("the same, at full load: each client sends when its last message is acknowledged", lambda results: plain(results, "rooms", "closed_loop_per_s")),
    ("idle connection: bytes of memory", lambda results: plain(results, "idle", "bytes_per_connection")),
    ("connects per second, with token and subscription", lambda results: plain(results, "idle", "connects_per_s")),
]


def measured_peers(results):
    return [peer for peer in TITLES if any(peer in by_peer for by_peer in results.get("parts", {}).values())]


def table(results):
    names = measured_peers(results)
    lines = ["| work | " + " | ".join(TITLES[peer] for peer in names) + " |", "|---" * (len(names) + 1) + "|"]
    for title, row in ROWS:
        cell = row(results)
        if cell:
            lines.append(f"| {title} | " + " | ".join(cell(peer) for peer in names) + " |")
    return "\n".join(lines)


def conditions(results):
    """The machine, the versions, and when each part was measured."""
    machine, versions = results["machine"], results["versions"]
    lines = [f"* Machine: {machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, {machine['system']}, Linux {machine['kernel']}."]
    named = [f"Parley {versions['parley']}", f"Centrifugo {versions['centrifugo']}", f"ws {versions['ws']}", f"socket.io {versions['socketio']}"]
    if "node" in versions:
        named.append(f"Node.js {versions['node']}")
    lines.append(f"* Versions: {', '.join(named)}; {versions['guide']}.")
    for part, by_peer in sorted(results["parts"].items()):
        marks = {(one["date"], one["commit"], one["seconds"]) for one in by_peer.values()}
        repeats = max(len(one["rounds"]) for one in by_peer.values())
        spelled = "; ".join(f"{date}, commit {commit}, {repeats} × {seconds:g} s" for date, commit, seconds in sorted(marks))
        lines.append(f"* `{part}`: {spelled}.")
    return "\n".join(lines)


GROWTH = {"connections": "idle connections", "connections_nodes": "idle connections over six nodes", "conversations": "conversations in the store", "participants": "participants of one conversation",
          "history": "messages in one conversation", "nodes": "nodes"}
FIGURES = {"send_us": "send, µs", "connect_us": "connect, µs", "bytes_each": "bytes of memory per connection",
           "idle_ms": "without messages, ms of CPU per second", "memory_mb": "memory of the server, MB",
           "list_20_us": "list of 20 conversations, µs", "unread_us": "unread count, µs", "newest_page_us": "page of the newest 50, µs",
           "middle_page_us": "page of 50 from the middle, µs", "oldest_page_us": "page of the oldest 50, µs", "start_s": "start of the server, s",
           "messages_per_s": "messages/s", "nodes_us": "Parley, µs per message", "postgres_us": "PostgreSQL, µs per message",
           "redis_us": "Redis, µs per message", "ack_p50_ms": "ack p50, ms"}


def growth(results):
    """A table for each part: a row for each amount."""
    tables = []
    for part, title in GROWTH.items():
        one = results.get("growth", {}).get(part)
        if not one or not one["rows"]:
            continue
        figures = [figure for figure in FIGURES if any(figure in row for row in one["rows"])]
        lines = [f"| {title} | " + " | ".join(FIGURES[figure] for figure in figures) + " |", "|---" * (len(figures) + 1) + "|"]
        for row in one["rows"]:
            lines.append(f"| {row['amount']:,} | " + " | ".join(rounded(row.get(figure)) for figure in figures) + " |")
        tables.append("\n".join([*lines, "", f"`./dev bench growth part={part}`, {one['date']}, commit {one['commit']}, {one['seconds']:g} s each."]))
        if growth_chart(part)(results):
            tables.append(f"![Cost by {title}](images/performance-growth-{part.replace('_', '-')}.svg)")
    return "\n\n".join(tables)


BLOCKS = {"peers": table, "conditions": conditions, "growth": growth}


def bars(title, part, figure):
    def draw(results):
        rows = [(TITLES[peer], median(results, part, peer, figure), peer == "parley") for peer in measured_peers(results)]
        return svg.bars(title, rows) if any(value for _, value, _ in rows) else None
    return draw


def growth_lines(results):
    """CPU of a send by everything that grows."""
    series = {title: [(row["amount"], row["send_us"]) for row in results.get("growth", {}).get(part, {}).get("rows", []) if row.get("send_us")]
              for part, title in GROWTH.items()}
    series = {title: line for title, line in series.items() if line}
    return svg.lines("µs of CPU per message sent to 10 members, as amounts grow", series, "amount") if series else None


def growth_chart(part):
    """The figures of one part that are microseconds."""
    def draw(results):
        rows = results.get("growth", {}).get(part, {}).get("rows", [])
        series = {title.removesuffix(", µs"): [(row["amount"], row[figure]) for row in rows if row.get(figure)]
                  for figure, title in FIGURES.items() if figure.endswith("_us")}
        series = {title: line for title, line in series.items() if line}
        return svg.lines(f"µs of CPU as the {GROWTH[part]} grow", series, GROWTH[part]) if series else None
    return draw


CHARTS = {
    **{f"performance-growth-{part.replace('_', '-')}.svg": growth_chart(part) for part in GROWTH},
    "performance-growth.svg": growth_lines,
    "performance-fanout.svg": bars("µs of CPU per delivery to 1,000 subscribers (less is better)", "fanout_1000", "us_per_delivery"),
    "performance-rooms.svg": bars("messages/s in 500 conversations of two, p99 ≤ 50 ms", "rooms", "messages_per_s_50"),
    "performance-idle.svg": bars("bytes of memory per idle connection (less is better)", "idle", "bytes_per_connection"),
}


def filled(text, results):
    """The document with its blocks as the results give them. Errors: ValueError for a block that it does not have."""
    for name, render in BLOCKS.items():
        pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)"
        text, count = re.subn(pattern, lambda found: found[1] + render(results) + "\n" + found[2], text, flags=re.S)
        if count != 1:
            raise ValueError(f"docs/performance.md has {count} blocks named {name}")
    return text


def charts(results):
    """{file name: text} of the charts whose parts are measured."""
    drawn = {name: draw(results) for name, draw in CHARTS.items()}
    return {name: text for name, text in drawn.items() if text}


def write(file):
    results = json.loads(file.read_text())
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), results))
    for name, text in charts(results).items():
        (IMAGES / name).write_text(text)
    print(table(results))
