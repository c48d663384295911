"""What a request must not look like (RFC 9112, request smuggling): one 400, and the connection ends."""
import socket

import pytest

from deadline import patient

HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/messaging/messages/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"

BAD = {
    "content-length and transfer-encoding":
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}",
    "a hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a space in it": POST + b"Content-Length: 1 2\r\n\r\n{}",
    "an empty length": POST + b"Content-Length: \r\n\r\n{}",
    "a length over 2^64": POST + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "another coding": POST + b"Transfer-Encoding: gzip\r\n\r\n{}",
    "chunked not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two transfer-encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a folded header": HEAD + b"X-A: 1\r\n 2\r\n\r\n",
    "a first header that is folded": b"GET /livez HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "a space before the colon": HEAD + b"X-A : 1\r\n\r\n",
    "a space in a name": HEAD + b"X A: 1\r\n\r\n",
    "no colon": HEAD + b"X-A\r\n\r\n",
    "an empty name": HEAD + b": 1\r\n\r\n",
    "NUL in a value": HEAD + b"X-A: a\0b\r\n\r\n",
    "a control in a value": HEAD + b"X-A: a\x01b\r\n\r\n",
    "DEL in a value": HEAD + b"X-A: a\x7fb\r\n\r\n",
    "a bare CR in a value": HEAD + b"X-A: a\rb\r\n\r\n",
    "bare LF as line end": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "bare LF in the section": HEAD + b"X-A: 1\nX-B: 2\r\n\r\n",
    "two Hosts": HEAD + b"Host: evil.example\r\n\r\n",
    "two equal Hosts": HEAD + b"Host: localhost\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "absolute form against Host": b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the target": b"GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tab after the method": b"GET\t/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another protocol": b"GET /livez HTTP/2.0\r\nHost: localhost\r\n\r\n",
    "a version of junk": b"GET /livez HTTP/1.1x\r\nHost: localhost\r\n\r\n",
    "lower case http": b"GET /livez http/1.1\r\nHost: localhost\r\n\r\n",
    "a chunk size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a signed chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a space before": POST + b"Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n",
    "a chunk size over 2^64": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "an empty chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n",
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "a bare LF after a chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
}


def answers(server, request):
    """Everything that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), patient(15)) as connection:
        connection.sendall(request)
        got = b""
        while part := connection.recv(65536):
            got += part
    return got


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused_once_and_nothing_after_it_is_read(server, name):
    got = answers(server, BAD[name] + SMUGGLED)
    status = got.split(b" ", 2)[1] if got else b"closed"
    assert status in (b"400", b"501", b"505"), got[:300]
    assert got.count(b"HTTP/1.1 ") == 1, got
    assert b"onnection: close" in got


@pytest.mark.parametrize("request_text", [
    HEAD + b"\r\n", b"GET /livez HTTP/1.1\r\nhOST:localhost\r\n\r\n",
    HEAD + b"X-A:\r\n\r\n", HEAD + b"X-A: \t a b \r\n\r\n", HEAD + b"X-A: caf\xc3\xa9\r\n\r\n",
    HEAD + b"Content-Length: 2\r\n\r\n{}",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
    HEAD + b"Transfer-Encoding: Chunked\r\n\r\n002\r\n{}\r\n0\r\n\r\n"])
def test_what_is_allowed_is_answered_and_the_connection_goes_on(server, request_text):
    got = answers(server, request_text + HEAD + b"Connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 ") == 2, got
