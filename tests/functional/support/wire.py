"""HTTP by hand: what no client library would send, and streams that can be left at any point."""
import contextlib
import json
import socket


def exchange(port, data, timeout=60):
    """Sends raw bytes, returns all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        with contextlib.suppress(ConnectionError):  # it may refuse before it has read everything
            s.sendall(data)
        return read_all(s)


def read_all(s):
    out = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := s.recv(65536):
            out += piece
    return out


def request_bytes(method, path, headers=(), body=b"", host="127.0.0.1", close=True):
    lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host else []), *(f"{k}: {v}" for k, v in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Answer:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if first else 0
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def json(self):
        return json.loads(self.body)


def ask(port, method, path, headers=(), body=b"", **more):
    return Answer(exchange(port, request_bytes(method, path, headers, body, **more)))


# One streamed request in each dialect: path, body, and how the text of an event is found. `limit` tokens at most.
def openai_body(model, prompt, limit):
    return "/v1/completions", {"model": model, "prompt": prompt, "max_tokens": limit, "temperature": 0, "stream": True, "ignore_eos": True}


def chat_body(model, prompt, limit):
    messages = [{"role": "user", "content": prompt}]
    return "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": limit, "temperature": 0, "stream": True,
                                    "ignore_eos": True}


def ollama_body(model, prompt, limit):
    return "/api/generate", {"model": model, "prompt": prompt, "options": {"num_predict": limit, "temperature": 1, "seed": 1}}


def ollama_chat_body(model, prompt, limit):
    messages = [{"role": "user", "content": prompt}]
    return "/api/chat", {"model": model, "messages": messages, "options": {"num_predict": limit, "temperature": 1, "seed": 1}}


def anthropic_body(model, prompt, limit):
    return "/v1/messages", {"model": model, "max_tokens": limit, "messages": [{"role": "user", "content": prompt}], "stream": True}


def responses_body(model, prompt, limit):
    return "/v1/responses", {"model": model, "input": prompt, "max_output_tokens": limit, "temperature": 0, "stream": True, "ignore_eos": True}


DIALECTS = {"chat": chat_body, "responses": responses_body, "completions": openai_body, "ollama": ollama_body, "ollama chat": ollama_chat_body, "anthropic": anthropic_body}


def text_in(dialect, event):
    """The text that one event of a stream brings."""
    if dialect == "anthropic":
        return event.get("delta", {}).get("text", "") if event.get("type") == "content_block_delta" else ""
    if dialect == "responses":
        return event["delta"] if event.get("type") == "response.output_text.delta" else ""
    if dialect == "ollama":
        return event.get("response", "")
    if dialect == "ollama chat":
        return event.get("message", {}).get("content", "")
    choice = (event.get("choices") or [{}])[0]
    return choice.get("text", "") if dialect == "completions" else choice.get("delta", {}).get("content", "") or ""


def is_error(dialect, event):
    if not isinstance(event, dict):
        return False  # [DONE]
    if dialect == "anthropic":
        return event.get("type") == "error" and {"type", "message"} <= event["error"].keys()
    if dialect == "responses" and event.get("type") == "response.failed":
        return {"code", "message"} <= event["response"]["error"].keys()
    if dialect.startswith("ollama"):
        return isinstance(event.get("error"), str) and bool(event["error"])
    return {"message", "type", "param", "code"} <= event.get("error", {}).keys() if isinstance(event.get("error"), dict) else False


def is_end(dialect, event):
    """Whether this event claims that the answer is complete."""
    if event == "[DONE]":
        return True
    if dialect == "anthropic":
        return event.get("type") == "message_stop" or bool(event.get("delta", {}).get("stop_reason"))
    if dialect == "responses":
        return event.get("type") in ("response.completed", "response.incomplete")
    if dialect.startswith("ollama"):
        return event.get("done") is True
    return any(c.get("finish_reason") for c in event.get("choices", []))


def event_of(line):
    """The event of one line of SSE or NDJSON, if it has one."""
    if line.startswith("{"):
        return json.loads(line)
    if line.startswith("data: "):
        return "[DONE]" if line == "data: [DONE]" else json.loads(line[6:])
    return None


def events_of(response):
    """All events of a streamed answer that was read whole."""
    return [e for e in map(event_of, response.text.splitlines()) if e]


class Stream:
    """A streamed answer, event by event."""

    def __init__(self, server, dialect, model="ember", prompt="Once upon a time", limit=900, **headers):
        self.dialect = dialect
        path, body = DIALECTS[dialect](model, prompt, limit)
        self._context = server.http.stream("POST", path, json=body, headers=headers)
        self.response = self._context.__enter__()
        self._lines = self.response.iter_lines()

    def __iter__(self):
        return (e for e in map(event_of, self._lines) if e)

    def until_text(self):
        """Reads as far as the first piece of text; the events so far."""
        seen = []
        for event in self:
            seen.append(event)
            if text_in(self.dialect, event):
                return seen
        raise AssertionError(f"the stream ended without text: {seen}")

    def close(self):
        self._context.__exit__(None, None, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
