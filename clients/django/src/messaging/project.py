"""What Parley has to know of a project: options named `section.key`, from the project's settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Union
from urllib.parse import quote

from django.conf import settings

from messaging import binary

Value = Union[str, int, bool, List[str]]
Options = Dict[str, Value]

SYMMETRIC = ("HS256", "HS384", "HS512")
_REMOVED = ("PARLEY_BIN", "PARLEY_URL", "DATABASE_URL", "PORT")  # they mean the project's server, not Parley


def options() -> Options:
    """All options that follow from the settings, for a Parley that shares the project's database and Redis."""
    found: Options = {"env": "production" if os.environ.get("DJANGO_ENV") == "production" else "development"}
    found.update(_hosts())
    found.update(_tokens())
    found.update(_database())
    found.update(_redis())
    found.update(_channel_layer())
    found.update(_cache())
    found["compat.guide"] = "on"
    return found


def development_environment(program: str, folder: Path) -> Dict[str, str]:
    """The environment of a Parley that has its own data, and the project's key, hosts and channel layer."""
    found: Options = {**_hosts(), **_tokens(), **_channel_layer(), "compat.guide": "on"}
    found.update({"access_log": "off", "log_level": "warning", "shards": 1})
    public_key = jwt_settings().get("VERIFYING_KEY")
    if "auth.public_key" in found and public_key:
        file = folder / "jwt_public_key.pem"
        file.write_text(str(public_key))
        found["auth.public_key"] = str(file)
    known = binary.options(program)
    environment = {name: value for name, value in os.environ.items() if name not in _REMOVED}
    environment["DJANGO_ENV"] = "development"
    for name, value in found.items():
        if name in known:
            environment.setdefault("PARLEY_" + name.upper().replace(".", "_"), _text(value))
    return environment


def jwt_settings() -> Mapping[str, Any]:
    return dict(getattr(settings, "SIMPLE_JWT", None) or {})


def signing_key() -> str:
    """SimpleJWT's SIGNING_KEY, else JWT_SECRET_KEY, else SECRET_KEY."""
    key = jwt_settings().get("SIGNING_KEY") or getattr(settings, "JWT_SECRET_KEY", None)
    return str(key or os.environ.get("JWT_SECRET_KEY") or settings.SECRET_KEY)


def _text(value: Value) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _hosts() -> Options:
    hosts = [str(host) for host in settings.ALLOWED_HOSTS]
    if not hosts and settings.DEBUG:
        hosts = [".localhost", "127.0.0.1", "[::1]"]
    found: Options = {"allowed_hosts": hosts} if hosts else {}
    prefixes = getattr(settings, "MESSAGING_API_PREFIXES", None)
    if prefixes:
        found["api_prefixes"] = [str(prefix) for prefix in prefixes]
    return found


def _tokens() -> Options:
    jwt = jwt_settings()
    algorithm = str(jwt.get("ALGORITHM") or "HS256")
    found: Options = {"auth.algorithm": algorithm}
    if algorithm in SYMMETRIC:
        found["auth.secret_key"] = signing_key()
    elif jwt.get("JWK_URL"):
        found["auth.jwks"] = str(jwt["JWK_URL"])
    else:
        found["auth.public_key"] = "jwt_public_key.pem"
    if jwt.get("ISSUER"):
        found["auth.issuer"] = str(jwt["ISSUER"])
    if isinstance(jwt.get("AUDIENCE"), str):
        found["auth.audience"] = str(jwt["AUDIENCE"])
    leeway = jwt.get("LEEWAY")
    if leeway:
        found["auth.leeway"] = int(leeway.total_seconds() if hasattr(leeway, "total_seconds") else leeway)
    return found


def _database() -> Options:
    database = settings.DATABASES.get("default", {})
    if not str(database.get("ENGINE", "")).endswith(("postgresql", "postgis")):
        return {}
    user, password = (quote(str(database.get(name) or ""), safe="") for name in ("USER", "PASSWORD"))
    login = user + (f":{password}" if password else "")
    host, port = str(database.get("HOST") or ""), str(database.get("PORT") or "")
    where = f"{host}:{port}" if port else host
    query = ""
    if host.startswith("/"):  # the folder of a Unix socket
        where, query = "", f"?host={quote(host, safe='')}" + (f"&port={port}" if port else "")
    at = f"{login}@" if login else ""
    return {"database.url": f"postgresql://{at}{where}/{quote(str(database.get('NAME') or ''), safe='')}{query}"}


def _redis() -> Options:
    hosts = layer_hosts()
    url = os.environ.get("REDIS_URL") or (hosts[0] if hosts else "")
    return {"redis.url": url} if url else {}


def layer() -> Mapping[str, Any]:
    """The default channel layer if it is one of channels_redis, else an empty mapping."""
    found: Mapping[str, Any] = (getattr(settings, "CHANNEL_LAYERS", None) or {}).get("default", {})
    return found if str(found.get("BACKEND", "")).startswith("channels_redis.") else {}


def layer_hosts() -> List[str]:
    """The Redis URLs of the channel layer. Hosts written as dictionaries have no URL here."""
    hosts = layer().get("CONFIG", {}).get("hosts", ["redis://localhost:6379"]) if layer() else []
    urls = []
    for host in [hosts] if isinstance(hosts, str) else hosts:
        if isinstance(host, str):
            urls.append(host)
        elif isinstance(host, (tuple, list)):
            urls.append(f"redis://{host[0]}:{host[1]}")
        elif isinstance(host, dict) and isinstance(host.get("address"), str):
            urls.append(host["address"])
    return urls


def _channel_layer() -> Options:
    if not layer():
        return {}
    config = layer().get("CONFIG", {})
    found: Options = {"channel_layer.backend": str(layer()["BACKEND"]), "channel_layer.hosts": layer_hosts()}
    if config.get("prefix") is not None:
        found["channel_layer.prefix"] = str(config["prefix"])
    for name in ("capacity", "expiry", "group_expiry", "serializer_format"):
        if config.get(name) is not None:
            found[f"channel_layer.{name}"] = config[name]
    capacities = config.get("channel_capacity")
    if isinstance(capacities, dict):
        found["channel_layer.channel_capacity"] = [
            f"{pattern}={capacity}" for pattern, capacity in capacities.items() if isinstance(pattern, str)]
    keys = config.get("symmetric_encryption_keys")
    if keys:
        found["channel_layer.symmetric_encryption_keys"] = [str(key) for key in keys]
    return found


def _cache() -> Options:
    cache = settings.CACHES.get("default", {})
    if not str(cache.get("BACKEND", "")).startswith("django_redis."):
        return {}
    given = cache.get("OPTIONS", {})
    location = cache.get("LOCATION", "")
    found: Options = {"cache.location": str(location if isinstance(location, str) else location[0])}
    for option, name in (("SOCKET_CONNECT_TIMEOUT", "socket_connect_timeout"), ("SOCKET_TIMEOUT", "socket_timeout")):
        if given.get(option) is not None:
            found[f"cache.{name}"] = given[option]
    pool = given.get("CONNECTION_POOL_KWARGS", {})
    if pool.get("max_connections"):
        found["cache.max_connections"] = int(pool["max_connections"])
    found["cache.compressor"] = "zlib" if "zlib" in str(given.get("COMPRESSOR", "")) else "none"
    if "IGNORE_EXCEPTIONS" in given:
        found["cache.ignore_exceptions"] = bool(given["IGNORE_EXCEPTIONS"])
    if cache.get("KEY_PREFIX"):
        found["cache.key_prefix"] = str(cache["KEY_PREFIX"])
    return found
