"""Finds what is wrong between a project and its Parley."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from uuid import uuid4

import jwt
from django.conf import settings
from django.db import connections
from django.db.utils import Error as DatabaseError

import messaging
from messaging import checks, project
from messaging.backend import ca_file
from messaging.migration_guard import PARLEYS_OWN_TABLE
from messaging.proxy.application import api_prefixes
from messaging.proxy.http1 import BadResponse, Body, Head, NoResponse, read_head, request_head
from messaging.proxy.problems import Problem
from messaging.proxy.target import BadUrl, Target, TlsFailed
from messaging.proxy.websocket import Refused, open_link

CLOCK_TOLERANCE = 2.0  # seconds; Parley's Date has whole seconds
TIMEOUT = 5.0  # seconds for each request
OLDEST_REDIS = (6, 0)


class Finding(NamedTuple):
    severity: str  # error or warning
    text: str


class Answer(NamedTuple):
    status: int
    headers: Head
    problem: Dict[str, Any]


def error(text: str) -> Finding:
    return Finding("error", text)


def warning(text: str) -> Finding:
    return Finding("warning", text)


async def of_server(url: Optional[str]) -> List[Finding]:
    if url is None:
        return [error("PARLEY_URL is not set, and no Parley of this project runs.")]
    try:
        target = Target.parse(url, ca_file())
        asked_at = time.time()
        ready = await _get(target, "/readyz")
        answered_at = time.time()
    except (BadUrl, TlsFailed) as bad:
        return [error(str(bad))]
    except (OSError, asyncio.TimeoutError):
        return [error(f"No server answers at {url}: start Parley, or correct PARLEY_URL.")]
    except (BadResponse, NoResponse):
        return [error(f"The server at {url} does not speak HTTP/1.1.")]
    version = ready.problem.get("version")
    if not version:
        return [error(f"The server at {url} is not Parley, or serves its probes on the admin port only (HTTP {ready.status}).")]
    findings = [] if ready.status == 200 else [error(f"Parley is not ready: {ready.problem}.")]
    findings += _version(str(version)) + _clock(ready, (asked_at + answered_at) / 2)
    for prefix in api_prefixes():
        findings += await _prefix_and_key(target, prefix)
    return findings + await _hosts(target)


def _version(version: str) -> List[Finding]:
    if version.split(".")[:2] != messaging.__version__.split(".")[:2]:
        return [warning(f"Parley has version {version}, parley-django {messaging.__version__}: use the same.")]
    return []


def _clock(answer: Answer, now: float) -> List[Finding]:
    date = answer.headers.value(b"date")
    if not date:
        return []
    ahead = parsedate_to_datetime(date.decode("ascii", "replace")).timestamp() + 0.5 - now
    return _skew("Parley", ahead)


def _skew(whose: str, ahead: float) -> List[Finding]:
    if abs(ahead) <= CLOCK_TOLERANCE:
        return []
    direction = "ahead of" if ahead > 0 else "behind"
    return [error(f"The clock of {whose} is {abs(ahead):.0f} s {direction} this machine's: tokens and events can be refused.")]


async def _prefix_and_key(target: Target, prefix: str) -> List[Finding]:
    """A message that does not exist is 404 with a valid token and 401 with any other."""
    path = f"{prefix}/messages/{uuid4()}/"
    anonymous = await _get(target, path)
    if anonymous.problem.get("code") != "not_authenticated":
        return [error(f"Parley does not serve the API under {prefix}/ (HTTP {anonymous.status}): set its api_prefixes.")
                if anonymous.status == 404 else _refusal(f"GET {prefix}/", anonymous)]
    token, findings = make_token()
    if token:
        answer = await _get(target, path, ("authorization", f"Bearer {token}"))
        if answer.status == 401:
            reason = answer.problem.get("reason") or answer.problem.get("detail")
            findings = [error(f"Parley refuses a token signed with this project's key ({reason}): compare SIMPLE_JWT or SECRET_KEY"
                              " with Parley's auth.* options.")]
        elif answer.problem.get("code") not in ("not_found", "unknown_user"):
            findings = [_refusal(f"GET {prefix}/messages/", answer)]
    return findings


def _refusal(what: str, answer: Answer) -> Finding:
    code = answer.problem.get("code")
    if code == "https_required":
        return error("Parley does not trust this machine as a proxy: add its address to forwarded_allow_ips.")
    return error(f"{what} returns HTTP {answer.status} {code or ''}: {answer.problem.get('detail', '')}")


def make_token() -> Tuple[Optional[str], List[Finding]]:
    """A token as SimpleJWT would issue it, for a user that does not exist."""
    options = project.jwt_settings()
    algorithm = str(options.get("ALGORITHM") or "HS256")
    if algorithm not in project.SYMMETRIC and not options.get("SIGNING_KEY"):
        return None, [warning(f"The project has no {algorithm} key to sign a token with: the key is not checked.")]
    now = int(time.time())
    claims = {"user_id": str(uuid4()), "token_type": "access", "jti": uuid4().hex, "iat": now, "exp": now + 60}
    for setting, claim in (("ISSUER", "iss"), ("AUDIENCE", "aud")):
        if options.get(setting):
            claims[claim] = options[setting]
    try:
        return jwt.encode(claims, project.signing_key(), algorithm=algorithm), []
    except Exception as failure:  # PyJWT raises errors of several libraries for a bad key
        return None, [error(f"The project's {algorithm} key cannot sign a token: {failure}.")]


async def _hosts(target: Target) -> List[Finding]:
    """Each host that Django serves must be served by Parley, over HTTP and as the Origin of a WebSocket."""
    findings = []
    for host in _names():
        answer = await _get(target, f"{api_prefixes()[0]}/conversations/", host=host)
        if answer.problem.get("code") == "bad_host":
            findings.append(error(f"Parley does not serve the host {host}: add it to its allowed_hosts."))
            continue
        scope = {"type": "websocket", "path": "/ws/messaging/", "raw_path": b"/ws/messaging/", "query_string": b"",
                 "scheme": "wss", "subprotocols": [], "client": None,
                 "headers": [(b"host", host.encode()), (b"origin", f"https://{host}".encode())]}
        try:
            (_, writer), _ = await asyncio.wait_for(open_link(target, scope), TIMEOUT)
            writer.close()
        except Refused as refused:
            if refused.status == 403 and b"foreign_origin" not in refused.body:
                continue  # with compat.guide, for want of a token: the Origin was accepted
            findings.append(error(f"Parley refuses a WebSocket from https://{host} (HTTP {refused.status}): see its allowed_hosts."))
        except (Problem, asyncio.TimeoutError):
            findings.append(error("Parley does not answer a WebSocket handshake."))
    return findings


def _names() -> List[str]:
    """ALLOWED_HOSTS as host names: a wildcard stands for one of its subdomains, `*` for any name."""
    hosts = settings.ALLOWED_HOSTS or (["localhost"] if settings.DEBUG else [])
    return ["any.example" if host == "*" else "www" + host if host.startswith(".") else host for host in hosts]


async def _get(target: Target, path: str, *fields: Tuple[str, str], host: Optional[str] = None) -> Answer:
    """Raises OSError, asyncio.TimeoutError, NoResponse or BadResponse."""
    headers = [(b"host", (host or (_names() or [target.host])[0]).encode()), (b"x-forwarded-proto", b"https"), (b"connection", b"close")]
    headers += [(name.encode(), value.encode()) for name, value in fields]
    reader, writer = await target.connect()
    try:
        writer.write(request_head("GET", path.encode(), headers))
        head = await asyncio.wait_for(read_head(reader), TIMEOUT)
        text = b""
        async for piece in Body(reader, head, "GET").pieces():
            text += piece
    finally:
        writer.close()
    try:
        problem = json.loads(text)
    except ValueError:
        problem = {}
    return Answer(head.status, head, problem if isinstance(problem, dict) else {})


def of_project() -> List[Finding]:
    findings = [warning(f"{message.msg}") for message in checks.check_key() + checks.check_models()]
    if os.environ.get("DJANGO_ENV") == "production" and not settings.SECURE_PROXY_SSL_HEADER:
        findings.append(warning("SECURE_PROXY_SSL_HEADER is not set: behind a proxy that ends TLS, Parley refuses requests as plain HTTP."))
    return findings + _database() + _redis()


def _database() -> List[Finding]:
    connection = connections["default"]
    if connection.vendor != "postgresql":
        return []
    try:
        tables = set(connection.introspection.table_names())
    except DatabaseError as failure:
        return [error(f"The project's database does not answer: {str(failure).strip()}")]
    if PARLEYS_OWN_TABLE in tables:
        return []
    if "messaging_conversation" in tables:
        return [error("The project's database has the tables of the original messaging system, which Parley has not taken over:"
                      " run parley migrate.")]
    return [warning("Parley does not use the project's database: it has no table parley_meta.")]


def _redis() -> List[Finding]:
    findings = []
    for url in project.layer_hosts():
        findings += _redis_server(url)
    return findings


def _redis_server(url: str) -> List[Finding]:
    import redis  # channels_redis brings it

    shown = re.sub(r"//[^/@]*@", "//", url)
    client: Any = redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT)
    try:
        asked_at = time.time()
        seconds, micros = client.time()
        answered_at = time.time()
        version = str(client.info("server")["redis_version"])
        nodes = client.pubsub_numsub("parley:nodes")[0][1]
    except redis.RedisError as failure:
        return [error(f"The Redis of the channel layer, {shown}, does not answer: {failure}")]
    finally:
        client.close()
    findings = _skew(f"Redis at {shown}", seconds + micros / 1e6 - (asked_at + answered_at) / 2)
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        findings.append(error(f"Redis at {shown} has version {version}; 6.0 is the oldest that works."))
    if not nodes:
        findings.append(warning(f"No Parley is connected to the channel layer's Redis, {shown}: set Parley's redis.url to it."))
    return findings
