"""REST and WebSocket clients for scenarios."""
import json
import socket as sockets
import time
import uuid

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from deadline import patient
from tokens import mint

MESSAGE_FIELDS = {
    "id", "conversation_id", "seq", "sender_id", "content", "content_type", "sent_at", "delivered_at",
    "read_at", "edited_at", "deleted_at", "reply_to", "reactions", "attachments", "metadata", "client_id"}
FRAME_CONVERSATION_FIELDS = {
    "id", "type", "title", "participants", "participant_count", "created_at", "last_message_at",
    "metadata", "seq"}
CONVERSATION_FIELDS = FRAME_CONVERSATION_FIELDS | {"unread_count", "last_message"}
NO_ID = "01890000-0000-7000-8000-000000000000"  # well formed, and the id of no object


class Person:
    def __init__(self, server, user, **claims):
        self.server, self.id = server, user
        self.token = mint(user, **claims)
        self.rest = Rest(server, self.token)

    def connect(self, conversation=None, **options):
        """Opens a socket of one conversation, or the user socket, and waits until it is established."""
        socket = Socket(self.server, conversation, token=self.token, **options)
        socket.established = socket.receive()
        assert socket.established["type"] == "connection_established", socket.established
        return socket


class Rest(httpx.Client):
    def __init__(self, server, token=None, headers=None):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        super().__init__(base_url=f"{server.url}/api/messaging/", headers=headers, timeout=patient(15),
                         follow_redirects=False, trust_env=False, verify=False)
        getattr(server, "clients", set()).add(self)

    def create_group(self, *others, **fields):
        answer = self.post("conversations/", json={
            "type": "group", "participants": [person.id for person in others], **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def send_message(self, conversation, content, **fields):
        answer = self.post("messages/", json={
            "conversation_id": conversation["id"], "content": content, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def history(self, conversation, **query):
        answer = self.get(f"conversations/{conversation['id']}/messages/", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def everything_in(self, conversation):
        """Returns all messages of the conversation, oldest first, read page by page."""
        messages, seen = [], 0
        while True:
            page = self.history(conversation, after_seq=seen, limit=100)
            messages += page["messages"]
            if not page["has_more"]:
                return messages
            seen = messages[-1]["seq"]


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class Socket:
    """A WebSocket connection. Frames that a wait skips are kept, in order, for later waits."""

    def __init__(self, server, conversation=None, token=None, query=None, headers=None, patience=15,
                 stalls=False, **options):
        """A socket that `stalls` reads only on request, and has small receive buffers."""
        path = "/ws/messaging/"
        if conversation:
            path += f"conversations/{conversation if isinstance(conversation, str) else conversation['id']}/"
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if query:
            path += "?" + str(httpx.QueryParams(query))
        raw = sockets.socket()
        if stalls:
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        self.raw = raw if stalls else None
        raw.connect(("127.0.0.1", server.port))
        self.patience = patience
        self.conversation = conversation
        self.kept = []
        self.connection = connect(
            f"ws://{server.address}{path}", sock=raw, additional_headers=headers, max_size=None,
            compression=None, ping_interval=None, proxy=None, max_queue=1 if stalls else None,
            open_timeout=patient(15), close_timeout=patient(5), legacy=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.raw:
            self.raw.shutdown(sockets.SHUT_RDWR)  # no closing handshake: the connection may be full
        else:
            self.connection.close()

    # --- frames out -----------------------------------------------------------------------------

    def send(self, type, **fields):
        self.send_text(json.dumps({"type": type, **fields}))

    def send_text(self, text):
        try:
            self.connection.send(text)
        except ConnectionClosed as closed:
            raise self._closed(closed) from None

    def ask(self, type, **fields):
        """Sends a command with a ref and returns the ack or error with the same ref."""
        ref = uuid.uuid4().hex
        self.send(type, ref=ref, **fields)
        return self.wait_for(lambda frame: frame.get("ref") == ref)

    def send_message(self, content, **fields):
        """Sends a message and returns the data of its ack."""
        answer = self.ask("message", content=content, **fields)
        assert answer["type"] == "ack", answer
        return answer["data"]

    # --- frames in ------------------------------------------------------------------------------

    def receive(self, within=None):
        """Returns the next frame."""
        if self.kept:
            return self.kept.pop(0)
        return self._read(within)

    def wait_for(self, wanted, within=None):
        """Returns the first frame of that type (or that the given function accepts); other frames are kept for later waits."""
        likes = wanted if callable(wanted) else lambda frame: frame["type"] == wanted
        for at, frame in enumerate(self.kept):
            if likes(frame):
                return self.kept.pop(at)
        deadline = time.monotonic() + patient(within or self.patience)
        while True:
            frame = self._read_until(deadline)
            if likes(frame):
                return frame
            self.kept.append(frame)

    def events(self, count):
        """Returns the next `count` durable events."""
        return [self.wait_for(lambda frame: "seq" in frame) for _ in range(count)]

    def seen_before(self, wanted):
        """Returns all frames up to the wanted one, which is the last."""
        passed = []
        while not passed or not wanted(passed[-1]):
            passed.append(self.receive())
        return passed

    def end(self, within=None):
        """Reads until the server closes. Returns the close code and the last frame before the close."""
        last = None
        try:
            while True:
                last = self.receive(within)
        except Closed as closed:
            return closed.code, last

    def _read(self, within=None):
        return self._read_until(time.monotonic() + patient(within or self.patience))

    def _read_until(self, deadline):
        try:
            text = self.connection.recv(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            raise AssertionError(f"no frame arrived; kept so far: {self.kept}") from None
        except ConnectionClosed as closed:
            raise self._closed(closed) from None
        assert isinstance(text, str), "the server sends text frames only"
        return json.loads(text)

    @staticmethod
    def _closed(closed):
        return Closed(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else Closed(1006, "cut")


def assert_closes_with(socket, code, reconnect=None):
    """Checks that the last frame of the server has the code and reason of its close frame."""
    closed_with, last = socket.end()
    assert closed_with == code
    assert last and last["type"] == "disconnect", last
    assert last["data"]["code"] == code
    assert isinstance(last["data"]["reason"], str)
    assert isinstance(last["data"]["reconnect"], bool)
    assert isinstance(last["data"]["delay_ms"], int) and last["data"]["delay_ms"] >= 0
    if reconnect is not None:
        assert last["data"]["reconnect"] is reconnect


RESERVED = {"type", "title", "status", "detail", "code", "error", "fields", "reason", "messages", "instance"}


def assert_problem(answer, status, code=None, field=None, reason=None):
    """Checks that the response is a problem document; returns its body."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "error"} <= set(body), body
    assert body["status"] == status
    assert body["error"] == body["detail"]
    assert isinstance(body["code"], str) and body["code"]
    if code:
        assert body["code"] == code, body
    if body["code"] == "token_not_valid":
        assert body["reason"] and body["messages"][0]["message"], body
    if reason:
        assert body["reason"] == reason, body
    if field:
        assert field in body["fields"], body
        if field not in RESERVED:
            assert body[field] == body["fields"][field], body
        assert all(isinstance(text, str) for texts in body["fields"].values() for text in texts)
    return body
