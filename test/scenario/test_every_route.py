"""Checks that apply to every route, run against every route of the server's OpenAPI document."""
import json

import httpx
import pytest

import api_document
from client import NO_ID, assert_problem
from deadline import patient
from tokens import mint

JSON = "application/json"


@pytest.fixture
def document(server):
    return api_document.read(server)


@pytest.fixture
def ask(server):
    """ask(operation, ...) sends the request, with a valid token unless `token` is given, and returns the response."""
    token = mint("backend", scope="messaging:service")  # a service may use every route
    with httpx.Client(base_url=server.url, timeout=patient(15), trust_env=False) as client:
        def ask(method, url, token=token, **request):
            headers = dict(request.pop("headers", {}))
            if token:
                headers["Authorization"] = f"Bearer {token}"
            return client.request(method, url, headers=headers, **request)
        yield ask


def of_users(document):
    found = [each for each in api_document.operations(document) if each.needs_token]
    assert len(found) > 20
    return found


def with_json(document):
    found = [each for each in api_document.operations(document) if each.body[0] == JSON]
    assert len(found) > 10
    return found


def test_every_route_without_a_token_returns_401(document, ask):
    for each in of_users(document):
        for token, code in (None, "not_authenticated"), ("not.a.token", "token_not_valid"):
            answer = ask(each.method, each.url, token=token)
            assert_problem(answer, 401, code)
            assert answer.headers["www-authenticate"].startswith("Bearer"), str(each)


def test_another_method_returns_405_with_the_allowed_methods(document, ask):
    for path in document["paths"]:
        there = [each for each in api_document.operations(document) if each.path == path]
        methods = {each.method for each in there}
        allowed = methods | ({"HEAD"} if "GET" in methods else set())
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
            answer = ask(method, there[0].url)
            assert answer.status_code == 405, f"{method} {path}"
            assert set(answer.headers["allow"].split(", ")) == allowed, f"{method} {path}"


def test_a_method_override_header_is_ignored(document, ask):
    for each in api_document.operations(document):
        if each.method == "GET" and "{id}" in each.path:
            answer = ask("GET", each.url, headers={"X-HTTP-Method-Override": "DELETE"})
            assert answer.status_code == ask("GET", each.url).status_code, str(each)


def test_head_is_answered_as_get_without_a_body(document, ask):
    for each in api_document.operations(document):
        if each.method != "GET":
            continue
        got, head = ask("GET", each.url), ask("HEAD", each.url)
        assert head.status_code == got.status_code, str(each)
        assert head.content == b"", str(each)
        assert head.headers.get("content-type") == got.headers.get("content-type"), str(each)


def test_the_trailing_slash_is_optional(document, ask):
    for each in of_users(document):
        bare = each.url.rstrip("/")
        for query in "", "?x=1":
            with_slash, without = ask(each.method, f"{bare}/{query}"), ask(each.method, bare + query)
            assert with_slash.status_code == without.status_code != 404 or "{" in each.path, str(each)
            assert with_slash.status_code == without.status_code, str(each)
            assert without.status_code not in (301, 302, 307, 308), str(each)


def test_a_malformed_id_returns_400_and_an_unknown_id_404(document, ask):
    found = [each for each in of_users(document) if "{id}" in each.path]
    assert len(found) > 10
    for each in found:
        request = {"json": each.example} if each.body[0] == JSON else {}
        assert_problem(ask(each.method, each.path.replace("{id}", "no-uuid"), **request), 400, "invalid_field", field="id")
        assert_problem(ask(each.method, each.url, **request), 404, "not_found")


def test_a_body_of_another_media_type_returns_415(document, ask):
    for each in with_json(document):
        for headers in {"Content-Type": "text/plain"}, {}, {"Content-Type": "application/x-www-form-urlencoded"}:
            answer = ask(each.method, each.url, content=json.dumps(each.example), headers=headers)
            assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "{}{}", "[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40,
                                  '{"a":NaN}', "{'a':1}", '{"a":1,}', "\ufeff{}", "{\x00}"], ids=lambda text: repr(text[:12]))
def test_a_body_that_is_not_a_json_object_returns_400(document, ask, text):
    for each in with_json(document):
        answer = ask(each.method, each.url, content=text, headers={"Content-Type": JSON})
        assert_problem(answer, 400, "bad_json")


def test_a_body_over_the_limit_returns_413(document, ask):
    big = b'{"a":"' + b"x" * (1 << 20) + b'"}'
    for each in with_json(document):
        answer = ask(each.method, each.url, content=big, headers={"Content-Type": JSON})
        assert_problem(answer, 413, "too_large")


def test_a_missing_required_field_is_named(document, ask):
    for each in with_json(document):
        for field in each.body[1].get("required", []):
            rest = {name: value for name, value in each.example.items() if name != field}
            answer = ask(each.method, each.url, json=rest)
            assert_problem(answer, 400, "invalid_field", field=field)


def bounds(document, schema):
    """Yields a value just beyond each bound of a field's schema."""
    schema = api_document.follow(document, schema)
    most = schema.get("maxLength")
    if most:
        yield "x" * (most + 1)
    if schema.get("minLength") == 1:
        yield ""
    most = schema.get("maxItems")
    if most is not None and most < 10_000:
        yield [schema_example(document, schema["items"])] * (most + 1)
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "enum" in schema:
        yield "none of these"
    if "pattern" in schema:
        yield "a\u0000b"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    for kind, other in {"string": [1], "array": "text", "object": [1], "integer": "1.5"}.items():
        if kind in kinds:
            yield other


def schema_example(document, schema):
    schema = api_document.follow(document, schema)
    return NO_ID if schema.get("format") == "uuid" else "someone"


@pytest.mark.proves("/openapi.json, /docs")
def test_values_beyond_the_bounds_of_the_document_are_rejected(document, ask):
    tried = 0
    for each in with_json(document):
        for field, schema in each.body[1]["properties"].items():
            for value in bounds(document, schema):
                answer = ask(each.method, each.url, json={**each.example, field: value})
                assert answer.status_code == 400, f"{each} {field}={str(value)[:40]!r}: {answer.text}"
                assert field in answer.json()["fields"], f"{each} {field}={str(value)[:40]!r}: {answer.text}"
                tried += 1
    assert tried > 40


def test_query_parameters_beyond_their_bounds_are_rejected(document, ask):
    tried = 0
    for each in of_users(document):
        for parameter in each.described.get("parameters", []):
            parameter = api_document.follow(document, parameter)
            schema = api_document.follow(document, parameter["schema"])
            wrong = {"integer": ["text", "1.5", "-1"]}.get(schema.get("type"), [])
            wrong += ["no-uuid"] if schema.get("format") == "uuid" else ["perhaps"] if "enum" in schema else []
            for value in wrong if parameter["in"] == "query" else []:
                answer = ask(each.method, each.url, params={parameter["name"]: value})
                assert_problem(answer, 400, "invalid_field", field=parameter["name"])
                tried += 1
    assert tried > 10


def test_an_unknown_subpath_of_a_route_returns_404(document, ask):
    for path in document["paths"]:
        assert_problem(ask("GET", path.replace("{id}", "x").rstrip("/") + "/no/such/path/"), 404, "not_found")
