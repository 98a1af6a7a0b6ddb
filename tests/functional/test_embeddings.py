"""Vectors in every dialect that has them, of every pooling: equal to each other and to transformers."""
import base64
import json
import math
import struct

import pytest
from huggingface_hub import InferenceClient

from support import bert
from support import server as servers

SHARED = servers.ROOT / ".." / "shared" / "fixtures" / "models"
NEAR = 3e-3  # llama.cpp approximates GELU in 16 bits
TEXTS = ["the old keeper", "a ship", "where is it?"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """A server with an embedding model beside ember, which generates as well."""
    folder = tmp_path_factory.mktemp("models")
    server = servers.Server("--keep-alive", "10m")
    server.import_model(bert.make(folder / "mean.gguf", pooling=1, outputs=0), "mean")
    yield server
    server.stop()


def post(server, path, **body):
    headers = body.pop("headers", None)
    answer = server.http.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def openai(server, **more):
    return [d["embedding"] for d in post(server, "/v1/embeddings", **{"model": "mean", "input": TEXTS, **more})["data"]]


def rows(server, **more):
    return [e["embedding"] for e in post(server, "/embeddings", **{"model": "mean", "input": TEXTS, **more})]


def close(found, expected, within=1e-4):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a == pytest.approx(b, abs=within, rel=within)


def unit(vector):
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def test_all_dialects_give_the_same(vectors):
    expected = openai(vectors)
    assert all(math.hypot(*v) == pytest.approx(1, abs=1e-4) for v in expected)
    close(post(vectors, "/embed", inputs=TEXTS), expected)
    close(post(vectors, "/api/embed", model="mean", input=TEXTS)["embeddings"], expected)
    close([unit(post(vectors, "/api/embeddings", model="mean", prompt=t)["embedding"]) for t in TEXTS], expected)
    close([e[0] for e in rows(vectors)], expected)
    close([post(vectors, "/embed", inputs=t)[0] for t in TEXTS], expected)
    packed = post(vectors, "/v1/embeddings", model="mean", input=TEXTS, encoding_format="base64")["data"]
    close([struct.unpack("<16f", base64.b64decode(d["embedding"])) for d in packed], expected, 1e-6)


def test_hugging_face_client(vectors):
    found = InferenceClient(model=f"{vectors.url}/embed").feature_extraction(TEXTS[0], normalize=False, truncate=True)
    close([unit(found[0].tolist())], openai(vectors)[:1])


def test_tokens_in_place_of_text(vectors):
    ids = [post(vectors, "/tokenize", model="mean", content=t, add_special=True)["tokens"] for t in TEXTS]
    close(openai(vectors, input=ids), openai(vectors))
    close(post(vectors, "/embed", inputs=ids), openai(vectors))
    close(post(vectors, "/embed", inputs=ids[0]), openai(vectors)[:1])


def test_dimensions_cut_and_make_unit_again(vectors):
    whole = openai(vectors)
    close(openai(vectors, dimensions=4), [unit(v[:4]) for v in whole])
    close(post(vectors, "/embed", inputs=TEXTS, dimensions=4), [unit(v[:4]) for v in whole])
    raw = post(vectors, "/embed", inputs=TEXTS, normalize=False)
    close(post(vectors, "/embed", inputs=TEXTS, normalize=False, dimensions=4), [v[:4] for v in raw])
    beyond = vectors.http.post("/v1/embeddings", json={"model": "mean", "input": "a", "dimensions": 17})
    assert beyond.status_code == 400 and beyond.json()["error"]["param"] == "dimensions" and "16" in beyond.text


def test_poolings_are_of_the_same_vectors(vectors):
    plain = {"embd_normalize": -1}
    each = rows(vectors, pooling="none", **plain)
    tokens = [post(vectors, "/tokenize", model="mean", content=t, add_special=True)["tokens"] for t in TEXTS]
    assert [len(e) for e in each] == [len(t) for t in tokens]
    close([e[0] for e in rows(vectors, pooling="cls", **plain)], [e[0] for e in each])
    close([e[0] for e in rows(vectors, pooling="last", **plain)], [e[-1] for e in each])
    close([e[0] for e in rows(vectors, pooling="mean", **plain)], [[sum(c) / len(e) for c in zip(*e, strict=True)] for e in each])
    close([e[0] for e in rows(vectors, **plain)], [e[0] for e in rows(vectors, pooling="mean", **plain)])
    assert vectors.http.post("/embeddings", json={"model": "mean", "input": "a", "pooling": "rank"}).status_code == 400


def test_a_model_can_be_made_to_pool_otherwise(vectors):
    vectors.http.post("/api/create", json={"model": "firsts", "from": "mean", "parameters": {"pooling": "cls"}, "stream": False}).raise_for_status()
    close(openai(vectors, model="firsts"), [e[0] for e in rows(vectors, pooling="cls")])
    wrong = vectors.http.post("/api/create", json={"model": "x", "from": "mean", "parameters": {"pooling": "rank"}, "stream": False})
    assert wrong.status_code == 400 and "mean, cls or last" in wrong.text
    vectors.http.request("DELETE", "/api/delete", json={"model": "firsts"}).raise_for_status()


def test_tei_errors(vectors):
    def error(**body):
        answer = vectors.http.post("/embed", json=body)
        return answer.status_code, answer.json()["error_type"]

    assert error(inputs="") == error(inputs=[]) == error(inputs=["a", ""]) == (400, "Empty")
    assert error(inputs=1) == error(inputs="a", normalize="yes") == error() == (422, "Validation")
    assert error(inputs="word " * 60) == (422, "Validation")
    assert error(inputs="a", model="nope") == (404, "Validation")
    assert len(post(vectors, "/embed", inputs="word " * 60, truncate=True)) == 1


def test_a_cut_text_keeps_its_end_token(vectors):
    long = post(vectors, "/tokenize", model="mean", content="abcdefgh" * 12, add_special=True)["tokens"]
    close(post(vectors, "/embed", inputs="abcdefgh" * 12, truncate=True), post(vectors, "/embed", inputs=[[*long[:63], long[-1]]]))


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_vectors_are_those_of_transformers(vectors, tmp_path, pooling):
    folder = SHARED / "bert"
    if not folder.exists():
        pytest.skip("../shared/fixtures is not here")
    told = json.loads((folder / "expected.json").read_text())
    outputs = bert.read_safetensors(folder / "expected.safetensors")
    number = {"mean": 1, "cls": 2, "last": 3}[pooling]
    vectors.import_model(bert.convert(folder, tmp_path / "bert.gguf", pooling=number), "reference")
    close(post(vectors, "/embed", model="reference", inputs=told["texts"], normalize=False), bert.floats(outputs[f"pool.{pooling}"]), NEAR)
    each = rows(vectors, model="reference", input=told["texts"], pooling="none", embd_normalize=-1)
    for found, expected in zip(each, bert.floats(outputs["last_hidden_state"]), strict=True):
        close(found, expected[: len(found)], NEAR)
    vectors.http.delete("/hearth/v1/models/reference")
