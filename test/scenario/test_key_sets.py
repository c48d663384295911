"""JWK sets from a file or a URL, key rotation while the server runs, and several issuers."""
import http.server
import json
import threading
import time

import jwt.algorithms
import pytest

from client import Rest, assert_closes_with, Socket
from deadline import eventually
from redis_server import Redis
from test_algorithms import KEYS, another, public_pem
from tokens import mint


def jwk(key, kid, **fields):
    name = type(key).__name__
    if "Ed25519" in name:
        algorithm = jwt.algorithms.OKPAlgorithm
    else:
        algorithm = jwt.algorithms.RSAAlgorithm if "RSA" in name else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **fields}


class Publisher:
    """Serves a key set, and counts the requests for it."""

    def __init__(self):
        publisher = self
        self.keys, self.requests, self.broken = [], 0, False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                publisher.requests += 1
                body = b"broken" if publisher.broken else json.dumps({"keys": publisher.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"


@pytest.fixture
def publisher():
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def status(server, token):
    return Rest(server, token).get("conversations/").status_code


@pytest.mark.proves("JWKS from file and URL, rotated")
def test_a_rotated_key_set_is_fetched_again_at_a_limited_rate(own_server, tmp_path, publisher):
    old, new = KEYS["ES256"], another(KEYS["ES256"])
    publisher.keys = [jwk(old, "old", use="sig", alg="ES256")]
    server = own_server("--auth-algorithm", "ES256", "--auth-jwks", publisher.url,
                        "--auth-jwks-cooldown", "2s", directory=tmp_path)
    of_old = mint("ann", key=old, algorithm="ES256", headers={"kid": "old"})
    of_new = mint("ann", key=new, algorithm="ES256", headers={"kid": "new"})
    assert status(server, of_old) == 200 and status(server, of_new) == 401
    publisher.keys = [jwk(old, "old"), jwk(new, "new")]
    eventually(lambda: status(server, of_new) == 200)
    publisher.keys = [jwk(new, "new")]
    requests, since = publisher.requests, time.monotonic()
    unknown = mint("ann", key=new, algorithm="ES256", headers={"kid": "unknown"})
    for _ in range(200):
        assert status(server, unknown) == 401
    eventually(lambda: status(server, of_old) == 401)
    assert publisher.requests - requests <= (time.monotonic() - since) / 2 + 1, "fetches are rate limited for all clients together"
    publisher.broken = True
    assert status(server, of_new) == 200, "an invalid key set leaves the keys unchanged"
    requests = publisher.requests
    status(server, unknown)
    eventually(lambda: publisher.requests > requests)
    assert status(server, of_new) == 200


@pytest.mark.proves("JWKS from file and URL, rotated")
def test_a_token_without_a_kid_is_tried_with_every_matching_key(own_server, tmp_path, publisher):
    first, second = KEYS["RS256"], another(KEYS["RS256"])
    publisher.keys = [jwk(KEYS["ES256"], "e"), jwk(first, "a"), jwk(second, "b"), {"kty": "oct", "k": "AAAA"},
                      jwk(another(first), "enc", use="enc"), "nonsense", {"kty": "RSA", "n": "!", "e": "AQAB"}]
    server = own_server("--auth-algorithm", "RS256", "--auth-jwks", publisher.url, directory=tmp_path)
    for key in first, second:
        assert status(server, mint("ann", key=key, algorithm="RS256")) == 200
    assert status(server, mint("ann", key=second, algorithm="RS256", headers={"kid": "a"})) == 401
    assert status(server, mint("ann", key=KEYS["ES256"], algorithm="ES256", headers={"kid": "e"})) == 401


@pytest.mark.proves("JWKS from file and URL, rotated")
def test_a_key_set_file_is_reloaded_when_it_changes(own_server, tmp_path):
    old, new = KEYS["EdDSA"], another(KEYS["EdDSA"])
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [jwk(old, "k")]}))
    server = own_server("--auth-algorithm", "EdDSA", "--auth-jwks", str(file), directory=tmp_path)
    of_old, of_new = (mint("ann", key=key, algorithm="EdDSA") for key in (old, new))
    assert status(server, of_old) == 200 and status(server, of_new) == 401
    file.write_text(json.dumps({"keys": [jwk(new, "k")]}))
    eventually(lambda: status(server, of_new) == 200)
    assert status(server, of_old) == 401
    file.write_text("broken")
    eventually(lambda: "loading key set failed" in server.log)
    assert status(server, of_new) == 200


@pytest.mark.proves("several issuers")
def test_several_issuers_have_separate_keys(own_server, tmp_path, publisher):
    from server import KEY
    (tmp_path / "a.pem").write_bytes(public_pem(KEYS["RS256"]))
    publisher.keys = [jwk(KEYS["ES256"], "e")]
    server = own_server(
        "--auth-issuers", f"https://a.example RS256 {tmp_path / 'a.pem'}",
        "--auth-issuers", f"https://b.example ES256 {publisher.url} chat", directory=tmp_path)
    of_a = dict(key=KEYS["RS256"], algorithm="RS256", iss="https://a.example")
    of_b = dict(key=KEYS["ES256"], algorithm="ES256", iss="https://b.example", aud="chat")
    assert status(server, mint("ann", **of_a)) == 200
    assert status(server, mint("ann", **of_b)) == 200
    assert status(server, mint("ann", key=KEY)) == 200, "the server's own key is still accepted"
    for wrong in ({**of_a, "iss": "https://b.example"}, {**of_b, "iss": "https://a.example"},
                  {**of_b, "aud": "other"}, {**of_a, "iss": "https://c.example"}, {**of_a, "iss": None},
                  dict(key=KEY, iss="https://a.example")):
        assert status(server, mint("ann", **wrong)) == 401, wrong


@pytest.mark.proves("several issuers")
def test_service_tokens_of_an_issuer_require_its_entry_to_allow_them(own_server, tmp_path):
    (tmp_path / "a.pem").write_bytes(public_pem(KEYS["RS256"]))
    (tmp_path / "b.pem").write_bytes(public_pem(KEYS["ES256"]))
    server = own_server("--auth-issuers", f"https://a.example RS256 {tmp_path / 'a.pem'}",
                        "--auth-issuers", f"https://b.example ES256 {tmp_path / 'b.pem'} service", directory=tmp_path)
    of_a = dict(key=KEYS["RS256"], algorithm="RS256", iss="https://a.example", scope="messaging:service")
    of_b = dict(key=KEYS["ES256"], algorithm="ES256", iss="https://b.example", scope="read messaging:service")

    def acts(token):
        return Rest(server, token, headers={"X-On-Behalf-Of": "ann"}).get("conversations/").status_code
    assert acts(mint("backend", **of_a)) == 403
    assert acts(mint("backend", **of_b)) == 200
    assert acts(mint("backend", scope="messaging:service")) == 200, "the main key's"
    assert status(server, mint("backend", **of_a)) == 200, "it is accepted as a user's token"


@pytest.mark.proves("several issuers")
def test_an_issuers_prefix_separates_its_users(own_server, tmp_path):
    (tmp_path / "a.pem").write_bytes(public_pem(KEYS["RS256"]))
    server = own_server("--auth-issuers", f"https://a.example RS256 {tmp_path / 'a.pem'} prefix=a|", directory=tmp_path)
    of_a = dict(key=KEYS["RS256"], algorithm="RS256", iss="https://a.example")
    upper = "0190B8A4-7C1E-7ABC-8DEF-0123456789AB"
    for user, whole in ("ann", "a|ann"), (upper, "a|" + upper.lower()):
        with Socket(server, token=mint(user, **of_a)) as socket:
            assert socket.receive()["data"]["user_id"] == whole
    ann = Rest(server, mint("ann"))
    talk = ann.post("conversations/", json={"type": "group", "participants": ["bob"]}).json()
    assert Rest(server, mint("ann", **of_a)).get(f"conversations/{talk['id']}/").status_code == 404


def test_several_issuers_without_a_prefix_log_a_warning_in_production(tmp_path):
    from server import KEY, run
    (tmp_path / "a.pem").write_bytes(public_pem(KEYS["RS256"]))
    entry = f"https://a.example RS256 {tmp_path / 'a.pem'}"
    for more, env, warned in (("", "production", True), (" prefix=a:", "production", False), ("", "development", False)):
        checked = run("config", "check", "--env", env, "--auth-secret-key", KEY, "--allowed-hosts", "chat.example",
                      "--auth-issuers", entry + more, directory=tmp_path)
        assert checked.returncode == 0, checked.stdout
        assert ("have no prefix=TEXT" in checked.stdout) == warned, checked.stdout


def test_keys_that_cannot_be_refreshed_expire(own_server, tmp_path, publisher):
    publisher.keys = [jwk(KEYS["ES256"], "k")]
    server = own_server("--auth-algorithm", "ES256", "--auth-jwks", publisher.url, "--auth-jwks-refresh", "1s",
                        "--auth-jwks-max-age", "4s", directory=tmp_path)
    token = mint("ann", key=KEYS["ES256"], algorithm="ES256", headers={"kid": "k"})
    assert status(server, token) == 200
    requests = publisher.requests
    publisher.broken = True
    assert eventually(lambda: publisher.requests > requests + 1)
    assert status(server, token) == 200, "the keys stay valid for a while"
    assert eventually(lambda: status(server, token) == 401)
    assert Rest(server, token).get("conversations/").json()["reason"] == "key_not_known"
    publisher.broken = False
    assert eventually(lambda: status(server, token) == 200)


def test_sockets_accept_tokens_of_a_key_set(own_server, tmp_path, publisher):
    publisher.keys = [jwk(KEYS["PS256"], "p")]
    server = own_server("--auth-algorithm", "PS256", "--auth-jwks", publisher.url, directory=tmp_path)
    with Socket(server, token=mint("ann", key=KEYS["PS256"], algorithm="PS256")) as socket:
        assert socket.receive()["type"] == "connection_established"
    with Socket(server, token=mint("ann", key=another(KEYS["PS256"]), algorithm="PS256")) as socket:
        assert_closes_with(socket, 4001)


def test_an_unusable_key_set_fails_the_start(tmp_path):
    from server import run
    (tmp_path / "empty.json").write_text('{"keys":[]}')
    for place in (str(tmp_path / "empty.json"), str(tmp_path / "none.json"), "http://keys.example/jwks.json",
                  "http://127.0.0.1:80@127.0.0.9/jwks.json", "https://user@keys.example/jwks.json"):
        for command in ["serve", "--port", "0"], ["config", "check"]:
            ended = run(*command, "--auth-algorithm", "ES256", "--auth-jwks", place, directory=tmp_path)
            assert ended.returncode == 2 and "key set" in ended.stdout, ended.stdout
        ended = run("config", "check", "--auth-issuers", f"https://a.example ES256 {place}", directory=tmp_path)
        assert ended.returncode == 2 and "key set" in ended.stdout, ended.stdout


# --- shared in the cache


@pytest.fixture
def node_with_keys(own_server, database, publisher):
    """Starts nodes of one store that fetch the publisher's key set, with a Redis for the cache."""
    cache = Redis().start()

    def make(*options, **variables):
        return own_server("--auth-algorithm", "ES256", "--auth-jwks", publisher.url, *options,
                          **{"DATABASE_URL": database.url, "REDIS_CACHE_URL": cache.url, **variables})

    make.cache = cache
    yield make
    cache.close()


def key_set_lookups(server, result):
    return server.metric("parley_cache_lookups_total", kind="key_set", result=result)


@pytest.mark.proves("JWKS from file and URL, rotated")
@pytest.mark.proves("cache in Redis")
def test_nodes_share_a_fetched_key_set(node_with_keys, publisher):
    publisher.keys = [jwk(KEYS["ES256"], "k")]
    token = mint("ann", key=KEYS["ES256"], algorithm="ES256", headers={"kid": "k"})
    first = node_with_keys()
    assert status(first, token) == 200 and publisher.requests == 1
    eventually(lambda: ":key_set:" in node_with_keys.cache.ask("KEYS", "*"))
    publisher.broken = True
    others = [node_with_keys() for _ in range(2)]
    assert publisher.requests == 1, "nothing is fetched, and a node starts while its issuer is broken"
    for node in others:
        assert status(node, token) == 200 and key_set_lookups(node, "hit") == 1
    publisher.broken = False
    new = another(KEYS["ES256"])
    publisher.keys = [jwk(new, "new")]
    of_new = mint("ann", key=new, algorithm="ES256", headers={"kid": "new"})
    eventually(lambda: status(others[0], of_new) == 200)
    assert publisher.requests == 2, "an unknown key is fetched, not looked up"
    assert status(others[0], token) == 401


@pytest.mark.proves("JWKS from file and URL, rotated")
@pytest.mark.proves("cache in Redis")
def test_nodes_together_refresh_a_key_set_about_as_often_as_one(node_with_keys, publisher):
    publisher.keys = [jwk(KEYS["ES256"], "k")]
    old, new = KEYS["ES256"], another(KEYS["ES256"])
    nodes = [node_with_keys("--auth-jwks-refresh", "10s") for _ in range(3)]
    started, requests = time.monotonic(), publisher.requests
    assert requests == 1
    publisher.keys = [jwk(new, "k2")]
    withdrawn = mint("ann", key=old, algorithm="ES256", headers={"kid": "k"})
    eventually(lambda: all(status(node, withdrawn) == 401 for node in nodes), within=20)
    assert publisher.requests <= 1 + 2 * ((time.monotonic() - started) / 9 + 1), "three nodes alone would fetch three times a period"


@pytest.mark.proves("cache in Redis")
def test_a_key_set_that_somebody_else_writes_to_redis_is_not_used(node_with_keys, publisher, own_server):
    publisher.keys = [jwk(KEYS["ES256"], "k")]
    cache, evil = node_with_keys.cache, another(KEYS["ES256"])
    node_with_keys()
    eventually(lambda: ":key_set:" in cache.ask("KEYS", "*"))
    name, = cache.ask("--scan", "--pattern", "*:key_set:*").splitlines()
    forged = json.dumps({"location": publisher.url, "fetched_at": "2026-01-01T00:00:00.000000Z", "keys": json.dumps({"keys": [jwk(evil, "k")]})})
    token = mint("ann", key=evil, algorithm="ES256", headers={"kid": "k"})
    for value in forged, '{"mac":"' + 43 * "A" + '","data":' + forged + "}", "\x80\x04\x88.", "7":
        cache.ask("SET", name, value)
        requests = publisher.requests
        node = node_with_keys()
        assert status(node, token) == 401
        assert key_set_lookups(node, "invalid") == 1 and publisher.requests == requests + 1
        node.stop()
    # An entry of another store, and of another location.
    other = own_server("--auth-algorithm", "ES256", "--auth-jwks", publisher.url, REDIS_CACHE_URL=cache.url)
    assert key_set_lookups(other, "miss") == 1
    eventually(lambda: len(cache.ask("--scan", "--pattern", "*:key_set:*").splitlines()) == 2)
    foreign, = set(cache.ask("--scan", "--pattern", "*:key_set:*").splitlines()) - {name}
    cache.ask("COPY", foreign, name, "REPLACE")
    assert key_set_lookups(node_with_keys(), "invalid") == 1


@pytest.mark.proves("cache in Redis")
def test_a_dead_cache_does_not_keep_a_key_set_from_being_fetched(node_with_keys, publisher):
    publisher.keys = [jwk(KEYS["ES256"], "k")]
    node_with_keys.cache.kill()
    node = node_with_keys()
    assert status(node, mint("ann", key=KEYS["ES256"], algorithm="ES256", headers={"kid": "k"})) == 200
    assert key_set_lookups(node, "unanswered") == 1
