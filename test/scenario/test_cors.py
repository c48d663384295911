"""CORS: which origins may read responses."""
import httpx
import pytest

from client import Person

APP = "https://app.example.com"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
def site(own_server):
    return own_server("--cors-allowed-origins", APP)


@pytest.mark.proves("CORS")
def test_a_preflight_returns_the_methods_and_headers_of_the_route(site):
    answer = httpx.options(f"{site.url}/api/messaging/conversations/", headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert {"GET", "POST"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert answer.headers["access-control-allow-headers"] == \
        "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-On-Behalf-Of"
    assert "Origin" in answer.headers["vary"]


@pytest.mark.proves("CORS")
def test_every_response_to_an_allowed_origin_has_cors_headers(site):
    alice = Person(site, "alice")
    good = alice.rest.get("conversations/", headers={"Origin": APP})
    errors = [httpx.get(f"{site.url}/api/messaging/conversations/", headers={"Origin": APP}),
              httpx.get(f"{site.url}/nowhere", headers={"Origin": APP}),
              httpx.get(f"{site.url}/api/messaging/conversations/", headers={"Origin": APP, "Host": "evil.example"}),
              alice.rest.post("messages/", content=b"x" * (2 << 20), headers={"Origin": APP})]
    assert [answer.status_code for answer in [good, *errors]] == [200, 401, 404, 400, 413]
    for answer in good, *errors:
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-expose-headers"] == "Link, Retry-After, RateLimit, RateLimit-Policy, ETag"
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example.com", "null", "http://localhost:3000"])
@pytest.mark.proves("CORS")
def test_an_origin_that_is_not_listed_is_never_reflected(site, origin):
    for answer in (httpx.options(f"{site.url}/api/messaging/conversations/", headers={**PREFLIGHT, "Origin": origin}),
                   httpx.get(f"{site.url}/livez", headers={"Origin": origin})):
        assert "access-control-allow-origin" not in answer.headers
        assert "Origin" in answer.headers["vary"]


def test_a_wildcard_origin_allows_no_credentials(own_server):
    server = own_server("--cors-allowed-origins", "*")
    answer = httpx.get(f"{server.url}/livez", headers={"Origin": APP})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_development_allows_origins_on_localhost(server):
    for origin in "http://localhost:3000", "http://127.0.0.1:5173", server.url:
        assert httpx.get(f"{server.url}/livez", headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
    assert "access-control-allow-origin" not in httpx.get(f"{server.url}/livez", headers={"Origin": APP}).headers


@pytest.mark.proves("access log, X-Request-ID")
def test_a_request_id_is_accepted_or_generated_returned_and_logged(own_server):
    server = own_server()
    given = httpx.get(f"{server.url}/nowhere?token=secret", headers={"X-Request-ID": "abc.1-2_3"})
    assert given.headers["x-request-id"] == "abc.1-2_3"
    made = httpx.get(f"{server.url}/a%20status=200", headers={"X-Request-ID": "x status=200"}).headers["x-request-id"]
    assert made.isalnum()
    assert server.stop() == 0
    line = next(line for line in server.log.splitlines() if "request_id=abc.1-2_3" in line)
    assert "status=404" in line and "client=127.0.0.1" in line and "secret" not in server.log
    forged = next(line for line in server.log.splitlines() if made in line)
    assert "path=/a%20status%3D200 status=404" in forged
