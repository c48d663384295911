"""What REST reads cost, beside nginx that serves the same bytes as a file, both on core 0, with wrk as the client on core 1."""
import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import uuid

from servers import CLIENT_CORE, Parley, Process, fill, free_port, scratch, token

NGINX = """
daemon off; master_process off; pid {directory}/pid; error_log {directory}/log crit;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; open_file_cache max=16;
  server {{ listen 127.0.0.1:{port}; root {directory}; default_type application/json; }}
}}
"""
# Requests the paths in turn, each with its user's token.
SCRIPT = """
local paths, tokens, at = {%s}, {%s}, 0
local headers = {}
for i, text in ipairs(tokens) do headers[i] = {Authorization = "Bearer " .. text} end
request = function()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at], headers[(at - 1) %% #headers + 1])
end
"""


class Nginx(Process):
    def __init__(self, directory, body):
        port = free_port()
        folder = pathlib.Path(directory)
        os.chmod(folder, 0o755)
        (folder / "page").write_bytes(body)
        (folder / "conf").write_text(NGINX.format(directory=directory, port=port))
        super().__init__(["/usr/sbin/nginx", "-p", directory, "-c", folder / "conf"], port)


def wrk(server, paths, users, seconds, connections=32):
    """Requests a second, and the server's CPU in microseconds for each."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % (", ".join(f'"{path}"' for path in paths), ", ".join(f'"{token(user)}"' for user in users)))
        script.flush()
        cpu = server.cpu()
        text = subprocess.run(["taskset", "-c", CLIENT_CORE, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", script.name,
                               f"http://127.0.0.1:{server.port}/"], capture_output=True, text=True, check=True).stdout
        cpu = server.cpu() - cpu
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    requests = int(re.search(r"(\d+) requests in", text)[1])
    return float(re.search(r"Requests/sec: +([\d.]+)", text)[1]), 1e6 * cpu / requests


def rest(rounds=3, seconds=3, conversations=100, each=1000, options=()):
    """Reads of one user in 100 conversations of 1,000 messages of 128 bytes: requests a second on one core, CPU for each."""
    with scratch() as data, scratch() as files, contextlib.ExitStack() as stack:
        with Parley(data):
            pass  # makes the schema
        fill(pathlib.Path(data) / "parley.db", conversations * each, conversations, content="x" * 128)
        parley = stack.enter_context(Parley(data, "--rate-limits", "off", *options))
        base = "/api/messaging/"
        first = f"{base}conversations/{uuid.UUID(int=1)}/messages/"
        def pages(*places):
            return [f"{base}conversations/{uuid.UUID(int=n)}/messages/?before_id={uuid.UUID(int=(n << 64) + seq)}"
                    for n in range(1, conversations + 1) for seq in range(*places)]

        work = {
            "livez": ["/livez"],
            "newest page": [first],
            "newest page, each conversation": [f"{base}conversations/{uuid.UUID(int=n)}/messages/" for n in range(1, conversations + 1)],
            "an older page": pages(100, each, 90)[:1],
            "older pages": pages(100, each, 90),
            # None of them is requested twice while it is in memory.
            "walk of older pages": pages(each, 50, -1),
            "conversation list": [f"{base}conversations/?limit=50"],
            "unread count": [f"{base}messages/unread_count/"],
            "unread count of one": [f"{base}messages/unread_count/?conversation_id={uuid.UUID(int=1)}"],
        }
        page = subprocess.run(["curl", "-s", "-H", f"Authorization: Bearer {token('reader')}", f"http://127.0.0.1:{parley.port}{first}"],
                              capture_output=True, check=True).stdout
        nginx = stack.enter_context(Nginx(files, page))
        results = {name: [] for name in ("nginx", *work)}
        for path in work.values():
            wrk(parley, path, ["reader"], 1)  # delivery marks are written meanwhile
        for _ in range(rounds):
            results["nginx"].append(wrk(nginx, ["/page"], ["reader"], seconds))
            for name, paths in work.items():
                results[name].append(wrk(parley, paths, ["reader"], seconds))
    base = statistics.median(rate for rate, _ in results["nginx"])
    print(f"REST reads, {rounds} rounds of {seconds} s, 32 connections, a page of {len(page):,} bytes")
    for name, figures in results.items():
        rates = [rate for rate, _ in figures]
        print(f"  {name:32} {statistics.median(rates):9,.0f}/s ({min(rates):,.0f}-{max(rates):,.0f}), x nginx {statistics.median(rates) / base:.2f},"
              f" {statistics.median(cpu for _, cpu in figures):6.1f} us CPU", flush=True)
