"""The smallest HTTP client: one GET, one answer, caps on everything."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discover.proto import http1
from discover.proto.malformed import Malformed


def read(data: bytes, *, cut: int = 4096, max_body: int = http1.MAX_BODY) -> http1.Response | Malformed:
    reader = http1.ResponseReader(max_body=max_body)
    for start in range(0, len(data), cut):
        if reader.feed(data[start : start + cut]) is not None:
            break
    return reader.end()


def good(data: bytes, *, cut: int = 4096, max_body: int = http1.MAX_BODY) -> http1.Response:
    response = read(data, cut=cut, max_body=max_body)
    assert isinstance(response, http1.Response)
    return response


def test_the_request_is_a_get_that_closes_and_carries_no_credentials() -> None:
    request = http1.encode_get("10.0.0.5", "/json/info")
    assert request.startswith(b"GET /json/info HTTP/1.1\r\nHost: 10.0.0.5\r\n")
    assert b"Connection: close\r\n" in request
    assert b"authorization" not in request.lower()
    assert request.endswith(b"\r\n\r\n")
    assert b"Host: 10.0.0.5:8080\r\n" in http1.encode_get("10.0.0.5", "/", port=8080)
    assert b"Host: [fe80::1]\r\n" in http1.encode_get("fe80::1", "/")


@pytest.mark.parametrize(
    ("host", "path"), [("a", "x"), ("a", "/a b"), ("a", "/\r\nX: y"), ("a\r\nX: y", "/"), ("", "/"), ("a", ""), ("a", "/é")]
)
def test_nothing_can_be_smuggled_into_it(host: str, path: str) -> None:
    with pytest.raises(ValueError, match="HTTP"):
        http1.encode_get(host, path)


@settings(max_examples=60)
@given(body=st.binary(max_size=400), cut=st.integers(1, 60))
def test_a_body_of_known_length_however_it_is_cut(body: bytes, cut: int) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nServer: tub\r\n\r\n%s" % (len(body), body)
    response = good(data, cut=cut)
    assert (response.status, response.server, response.body, response.truncated) == (200, "tub", body, False)


@settings(max_examples=60)
@given(chunks=st.lists(st.binary(min_size=1, max_size=90), max_size=6), cut=st.integers(1, 60))
def test_a_chunked_body_however_it_is_cut(chunks: list[bytes], cut: int) -> None:
    coded = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    response = good(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded, cut=cut)
    assert (response.body, response.truncated) == (b"".join(chunks), False)


def test_a_body_that_ends_with_the_stream_and_bare_newlines() -> None:
    response = good(b"HTTP/1.0 401\nWWW-Authenticate: Basic\n\nno")
    assert (response.status, response.headers["www-authenticate"], response.body) == (401, "Basic", b"no")


def test_the_reader_is_done_as_soon_as_the_length_says_so() -> None:
    reader = http1.ResponseReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n") is None
    assert isinstance(reader.feed(b"ab"), http1.Response)
    assert reader.done


def test_interim_answers_are_stepped_over() -> None:
    assert good(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").status == 204


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", b"short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort", b"short"),
    ],
)
def test_a_body_that_is_cut_short_is_said_to_be(data: bytes, body: bytes) -> None:
    response = good(data)
    assert (response.body, response.truncated) == (body, True)


@pytest.mark.parametrize("head", [b"", b"Content-Length: 999999999999\r\n"])
def test_the_cap_on_the_body_holds(head: bytes) -> None:
    response = good(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + b"x" * 5000, max_body=1000)
    assert (len(response.body), response.truncated) == (1000, True)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"400\r\n" + b"x" * 1024
    assert len(good(chunked, max_body=1000).body) == 1000


def test_the_reader_never_holds_more_than_its_caps() -> None:
    reader = http1.ResponseReader(max_body=1000)
    for _ in range(200):
        reader.feed(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000)
    assert isinstance(reader.result, Malformed)
    assert len(reader._buffer) <= http1.MAX_HEAD + 2001


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nServer: never ends",
        b"SSH-2.0-dropbear\r\n",
        b"\x00\x02\x01",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 300,
    ],
)
def test_other_protocols_and_broken_answers_are_malformed(data: bytes) -> None:
    assert isinstance(read(data), Malformed)


def test_another_protocol_is_recognised_at_its_first_bytes() -> None:
    assert isinstance(http1.ResponseReader().feed(b"\x00"), Malformed)
    assert isinstance(http1.ResponseReader().feed(b"HTML"), Malformed)
    assert http1.ResponseReader().feed(b"HT") is None


def test_headers_first_one_wins_and_broken_lines_are_left_out() -> None:
    response = good(b"HTTP/1.1 200 OK\r\nServer: a\r\nSERVER: b\r\n folded\r\nno colon\r\nX : y\r\n\r\n")
    assert dict(response.headers) == {"server": "a"}


def test_titles() -> None:
    assert http1.title(b"<html><TITLE lang='en'>\n WLED &amp; \n friends </TITLE>") == "WLED & friends"
    assert http1.title(b"<p>none") == ""


def test_json_scalars_are_flattened_one_level() -> None:
    body = json.dumps(
        {"ver": "0.15", "vid": 2412, "live": True, "leds": {"count": 30, "deep": {"x": 1}}, "l": [1], "n": None, "f": 1.5}
    ).encode()
    assert http1.json_scalars(body) == {"ver": "0.15", "vid": 2412, "live": True, "leds.count": 30, "f": "1.5"}


@pytest.mark.parametrize("body", [b"", b"[1]", b"3", b"{", b"[" * 100_000, b'{"a":' * 20_000, b"\xff\xfe"])
def test_json_that_is_no_object_gives_nothing(body: bytes) -> None:
    assert http1.json_scalars(body) == {}


def test_json_with_a_monstrous_number_or_too_many_keys() -> None:
    assert http1.json_scalars(b'{"a": %d}' % 10**300) == {"a": "overflow"}
    assert len(http1.json_scalars(json.dumps({str(n): n for n in range(500)}).encode())) == http1.MAX_JSON_VALUES
