"""The request that Parley receives: target and header fields, made from a scope."""

from __future__ import annotations

import re
from typing import List, Optional
from urllib.parse import quote

from django.conf import settings

from .types import Headers, HeaderSource, Scope

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"expect"))
_SET_BY_PROXY = frozenset((b"forwarded", b"content-length"))
_TARGET = re.compile(rb"/[!-~]*")  # printable ASCII: nothing that could end the request line
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_FORBIDDEN_IN_VALUE = re.compile(rb"[\r\n\0]")


class BadRequest(ValueError):
    """The request cannot be passed on; the text is the detail of a problem."""


def path_of(scope: Scope) -> str:
    """The decoded path below `root_path`."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path[len(root):] if root and path.startswith(root + "/") else path


def target_of(scope: Scope) -> bytes:
    """The request target for Parley, which is served at the root."""
    raw = scope.get("raw_path")
    root = str(scope.get("root_path") or "").encode("ascii", "replace")
    if raw:
        target = bytes(raw).split(b"?", 1)[0]
        target = target[len(root):] if root and target.startswith(root + b"/") else target
    else:
        target = quote(path_of(scope), safe="/:@!$&'()*+,;=~-._").encode("ascii")
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    if not _TARGET.fullmatch(target):
        raise BadRequest("The request target is not valid.")
    return target


def headers_of(scope: Scope) -> Headers:
    """The fields to pass on: without those of this connection, with the client's address and scheme."""
    incoming: HeaderSource = scope["headers"]
    dropped = HOP_BY_HOP | _connection_options(incoming)
    kept: Headers = []
    for name, value in incoming:
        name = name.lower()
        plain = name.replace(b"_", b"-")
        if plain in dropped or plain in _SET_BY_PROXY or plain.startswith(b"x-forwarded-"):
            continue
        if not _NAME.fullmatch(name) or _FORBIDDEN_IN_VALUE.search(value):
            raise BadRequest("A header field is not valid.")
        kept.append((name, value))
    if settings.USE_X_FORWARDED_HOST:
        host = _value(incoming, b"x-forwarded-host")
        if host is not None and not _FORBIDDEN_IN_VALUE.search(host):
            kept = [field for field in kept if field[0] != b"host"] + [(b"host", host)]
    kept.append((b"x-forwarded-proto", b"https" if is_secure(scope) else b"http"))
    client = scope.get("client")
    if client and client[0]:
        kept.append((b"x-forwarded-for", str(client[0]).encode("latin-1", "replace")))
    return kept


def is_secure(scope: Scope) -> bool:
    """Whether the client used HTTPS, by the rule of Django's `request.is_secure()`."""
    secure_header = settings.SECURE_PROXY_SSL_HEADER
    if secure_header:
        meta_name, secure_value = secure_header
        name = meta_name[len("HTTP_"):] if meta_name.startswith("HTTP_") else meta_name
        value = _value(scope["headers"], name.replace("_", "-").lower().encode())
        if value is not None:
            return value.split(b",", 1)[0].strip() == str(secure_value).encode()
    return scope.get("scheme") in ("https", "wss")


def content_length(scope: Scope) -> Optional[int]:
    """The declared length of the request's body, or None. Transfer-Encoding overrides it (RFC 9112 section 6.3)."""
    values = {value.strip() for name, value in scope["headers"] if name.lower() == b"content-length"}
    if not values or _value(scope["headers"], b"transfer-encoding") is not None:
        return None
    value = values.pop()
    if values or not re.fullmatch(rb"[0-9]{1,18}", value):
        raise BadRequest("Content-Length is not valid.")
    return int(value)


def _connection_options(headers: HeaderSource) -> "frozenset[bytes]":
    """The fields that the Connection field names."""
    options: List[bytes] = []
    for name, value in headers:
        if name.lower() == b"connection":
            options += [option.strip().lower() for option in value.split(b",")]
    return frozenset(options) - {b"host", b"authorization", b"origin"}


def _value(headers: HeaderSource, name: bytes) -> Optional[bytes]:
    return next((value.strip() for found, value in headers if found.lower() == name), None)
