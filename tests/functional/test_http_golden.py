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
from support.wire import ask

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
    kind = answer.headers.get("content-type", "")
    text = answer.body.decode()
    if kind.startswith("text/event-stream"):
        return [json.loads(d) if d != "[DONE]" else d for line in text.split("\n") if line.startswith("data: ") for d in [line[6:]]]
    if kind.startswith("application/x-ndjson"):
        return [json.loads(line) for line in text.split("\n") if line]
    return [json.loads(text)]


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
        if len(shapes) > 1 and shapes[1] == "...":  # first, any of the same, last ones
            end = len(shapes) - 3
            found = [found[0], next(e for e in found[1:]), *found[len(found) - end :]] if end else found[:2]
            shapes = [shapes[0], *shapes[2:]]
        assert len(found) == len(shapes), found
        problems = [f"event {i} {d}" for i, (s, e) in enumerate(zip(shapes, found, strict=True)) for d in differences(s, e)]
        assert not problems, (problems, found)
