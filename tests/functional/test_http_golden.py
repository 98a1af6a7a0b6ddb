"""Every route, byte for byte on the way in: the transcripts in golden/*.http against a running server.

A transcript:
    ### what it shows
    METHOD /path
    header: value

    body
    ---
    STATUS
    header: value        (`*` stands for anything)

    shape of the body: JSON (support/shape.py), `text: ...`, or nothing; of a stream, one shape per event
"""
import fnmatch
import json
import pathlib

import pytest

from support.shape import differences
from support.wire import ask, event_of

FILES = sorted((pathlib.Path(__file__).parent / "golden").glob("*.http"))


def parse_block(text):
    head, _, body = text.strip("\n").partition("\n\n")
    first, *headers = head.split("\n")
    return first, [tuple(h.split(": ", 1)) for h in headers], body.strip("\n")


def transcripts(file):
    for part in file.read_text().split("### ")[1:]:
        name, _, rest = part.partition("\n")
        request, _, response = rest.partition("\n---\n")
        yield pytest.param(parse_block(request), parse_block(response), id=f"{file.stem}: {name.strip()}")


CASES = [case for file in FILES for case in transcripts(file)]


def events(answer):
    """The JSON documents of a body: one, or those of a stream; [DONE] as it stands."""
    text = answer.body.decode()
    if answer.headers.get("content-type", "").startswith("application/json"):
        return [json.loads(text)]
    return [e for e in map(event_of, text.splitlines()) if e]


def unchunked(answer):
    """The body of a chunked answer."""
    if answer.headers.get("transfer-encoding") == "chunked":
        rest, answer.body = answer.body, b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            count = int(size.split(b";")[0], 16)
            answer.body += rest[:count]
            rest = rest[count + 2 :] if count else b""
    return answer


@pytest.mark.parametrize("request_, response", CASES)
def test_transcript(server, request_, response):
    (line, headers, body), (status, wanted, shape) = request_, response
    method, path = line.split(" ")
    answer = unchunked(ask(server.port, method, path, headers, body.encode()))
    assert answer.status == int(status), (answer.status, answer.body[:2000])
    assert answer.headers.get("x-request-id"), answer.headers
    for name, value in wanted:
        assert fnmatch.fnmatchcase(answer.headers.get(name, "(absent)"), value), (name, answer.headers)
    if shape.startswith("text: "):
        assert fnmatch.fnmatchcase(answer.body.decode(), shape[6:]), answer.body
    elif not shape:
        assert answer.body == b"", answer.body
    else:
        shapes = [json.loads(s) for s in shape.split("\n\n")]
        found = events(answer)
        assert len(found) == len(shapes), found
        problems = [f"event {i} {d}" for i, (s, e) in enumerate(zip(shapes, found, strict=True)) for d in differences(s, e)]
        assert not problems, (problems, found)
