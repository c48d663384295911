"""Clients that connect and disconnect all the time, at a node without Redis: does memory grow?

Every connection is a user socket of another one of 20,000 users, of whom 400 share a conversation with one other. The resident memory is sampled each second. What grows without end shows as a slope that does
not fall with the time; a node that fills its bounded caches first shows one that does.
"""
import argparse
import asyncio
import contextlib
import pathlib
import statistics
import sys
import time

from servers import Parley, scratch, token

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "scenario"))
from postgres import Postgres  # noqa: E402

USERS, AT_ONCE = 20_000, 32
WARM_UP = 10  # seconds that the slope leaves out
UPGRADE = ("GET /ws/messaging/?token={} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"


def flapping(*arguments):
    """Memory of a node whose clients come and go, sampled each second: --minutes N, --store postgres|sqlite."""
    options = argparse.ArgumentParser(prog="bench flapping")
    options.add_argument("--minutes", type=float, default=1)
    options.add_argument("--store", choices=("postgres", "sqlite"), default="postgres")
    chosen = options.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        variables = {}
        if chosen.store == "postgres":
            database = Postgres().start()
            stack.callback(database.close)
            variables["DATABASE_URL"] = database.url
        node = stack.enter_context(Parley(stack.enter_context(scratch()), shards=2, **variables))
        for pair in range(200):
            node.group([f"user{pair}", f"user{pair + 200}"])
        samples, opened = asyncio.run(flap(node, chosen.minutes * 60))
    report(chosen, samples, opened)


def report(chosen, samples, opened):
    measured = [(at, rss) for at, rss in samples if at >= WARM_UP] or samples
    half = len(measured) // 2
    print(f"flapping on {chosen.store}, {chosen.minutes:g} minutes: {opened:,} connections,"
          f" RSS {samples[0][1] / 1e6:.1f} MB at first, {measured[0][1] / 1e6:.1f} after {WARM_UP} s,"
          f" {samples[-1][1] / 1e6:.1f} at last, {max(rss for _, rss in samples) / 1e6:.1f} at most;"
          f" slope {slope(measured) * 60 / 1e3:+.0f} kB/min"
          f" (first half {slope(measured[:half]) * 60 / 1e3:+.0f}, second half {slope(measured[half:]) * 60 / 1e3:+.0f})",
          flush=True)


def slope(samples):
    """Bytes a second, by least squares."""
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression([at for at, _ in samples], [rss for _, rss in samples]).slope


async def flap(node, seconds):
    began = time.monotonic()
    turn = iter(range(1 << 60))
    opened = 0

    async def client():
        nonlocal opened
        while time.monotonic() - began < seconds:
            number = next(turn) % USERS
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                await asyncio.wait_for(visit(node.port, f"user{number}", rude=number % 3 == 0), 10)
                opened += 1

    clients = [asyncio.create_task(client()) for _ in range(AT_ONCE)]
    samples = []
    while time.monotonic() - began < seconds:
        samples.append((time.monotonic() - began, node.rss()))
        await asyncio.sleep(1)
    await asyncio.gather(*clients)
    return samples, opened


async def visit(port, user, rude):
    """Connects, waits for the greeting, and leaves: with a close frame, or without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(UPGRADE.format(token(user)).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError(head.decode())
        await reader.readexactly(2)  # of the greeting
        if not rude:
            writer.write(CLOSE)
            await writer.drain()
            while await reader.read(65536):
                pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
