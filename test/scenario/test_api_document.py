"""The OpenAPI document of the server: /openapi.json and /docs."""
import httpx
import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from playwright.sync_api import expect

import api_document
from deadline import eventually
from server import Server, free_port


@pytest.mark.proves("/openapi.json, /docs")
def test_the_openapi_document_is_valid(server):
    OpenAPIV31SpecValidator(api_document.read(server)).validate()


def test_the_openapi_document_describes_every_route(server):
    document = api_document.read(server)
    ids = [each.described["operationId"] for each in api_document.operations(document)]
    assert len(ids) == len(set(ids)) > 25
    tags = {tag["name"] for tag in document["tags"]}
    for each in api_document.operations(document):
        assert each.described["summary"] and set(each.described["tags"]) <= tags, str(each)
        assert any(status.startswith("2") for status in each.described["responses"]), str(each)
        if each.needs_token:
            assert {"401", "403"} <= set(each.described["responses"]), str(each)


def test_openapi_examples_match_their_schemas(server):
    document = api_document.read(server)
    tried = 0
    for media in _media(document):
        if "example" in media:
            jsonschema_rs.Draft202012Validator({**media["schema"], "components": document["components"]}).validate(media["example"])
            tried += 1
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}).validate(example)
            tried += 1
    assert tried > 30


def _media(thing):
    if isinstance(thing, dict):
        for key, value in thing.items():
            if key == "content" and isinstance(value, dict):
                yield from (media for media in value.values() if isinstance(media, dict))
            yield from _media(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _media(value)


def test_the_openapi_document_has_the_limits_of_this_server(own_server):
    document = api_document.read(own_server("--limits-title-characters", 30))
    assert document["components"]["schemas"]["Conversation"]["properties"]["title"]["maxLength"] == 30


def test_production_omits_development_routes_from_the_openapi_document(own_server):
    server = own_server("--drain-delay", "0", DJANGO_ENV="production")
    document = api_document.read(server)
    assert "/dev/token" not in document["paths"] and "/" not in document["paths"]
    assert document["paths"]["/metrics"]["get"].get("security") != []
    assert httpx.get(f"{server.url}/docs").status_code == 200


def test_the_openapi_document_moves_to_the_admin_port_with_the_probes(tmp_path):
    port = free_port()
    server = Server(tmp_path, "--admin-port", port).start(ready=False)
    try:
        def document():
            try:
                return httpx.get(f"http://127.0.0.1:{port}/openapi.json").json()
            except httpx.TransportError:
                return None
        assert {"/livez", "/api/messaging/messages/"} <= set(eventually(document, within=20)["paths"])
        for path in "/openapi.json", "/docs":
            assert httpx.get(server.url + path).status_code == 404
    finally:
        server.close()


# --- the page, in a browser -------------------------------------------------------------------------------

@pytest.fixture
def page(server, browser):
    """The page, and the addresses that it requested."""
    context = browser.new_context()
    page = context.new_page()
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/docs")
    expect(page.get_by_test_id("route").first).to_be_visible()
    yield page
    assert page.errors == []
    context.close()


@pytest.mark.proves("/openapi.json, /docs")
def test_the_docs_page_shows_every_route_and_loads_nothing_from_other_hosts(page, server):
    wanted = {str(each) for each in api_document.operations(api_document.read(server))}
    shown = page.get_by_test_id("route").evaluate_all("all => all.map((each) => each.dataset.route)")
    assert set(shown) == wanted and len(shown) == len(wanted)
    assert len(page.asked) >= 2
    assert all(url.startswith((server.url, "data:")) for url in page.asked), page.asked


def test_the_docs_page_shows_fields_and_responses_of_a_route(page):
    route = page.locator('[data-route="POST /api/messaging/messages/"]')
    route.locator("summary").first.click()
    for text in "conversation_id", "client_id", "at most 64 characters", "Idempotency-Key", "hello bob", "client_id_reused":
        expect(route).to_contain_text(text)


def test_the_docs_page_search_filters_routes(page):
    page.get_by_label("Search").fill("unread")
    expect(page.locator('[data-route="GET /api/messaging/messages/unread_count/"]')).to_be_visible()
    expect(page.locator('[data-route="POST /api/messaging/presence/"]')).to_be_hidden()
    page.get_by_label("Search").fill("")
    expect(page.locator('[data-route="POST /api/messaging/presence/"]')).to_be_visible()
