"""Reranking as Jina, Cohere, TEI and llama-server have it, and classification: by Cohere's client and by hand."""
import json
import math

import cohere
import pytest

from support import bert
from support import server as servers

SHARED = servers.ROOT / ".." / "shared" / "fixtures" / "models"
QUERY = "who keeps the light?"
DOCUMENTS = ["the keeper", "a ship at sea", "two eggs and flour", "the light of day"]
JINA = ["/rerank", "/v1/rerank", "/v2/rerank", "/reranking", "/v1/reranking"]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """A server with a reranker, a classifier and ember, one that embeds and generates."""
    folder = tmp_path_factory.mktemp("models")
    server = servers.Server("--keep-alive", "10m")
    server.import_model(bert.make(folder / "rank.gguf"), "rank")
    server.import_model(bert.make(folder / "mood.gguf", outputs=3, labels=["sad", "glad", "calm"]), "mood")
    yield server
    server.stop()


def post(server, path, **body):
    headers = body.pop("headers", None)
    return server.http.post(path, json=body, headers=headers)


def rerank(server, path="/v1/rerank", **more):
    answer = post(server, path, **{"model": "rank", "query": QUERY, "documents": DOCUMENTS, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_path_says_the_same(ranks):
    answers = [rerank(ranks, path) for path in JINA]
    first = answers[0]["results"]
    assert sorted(r["index"] for r in first) == [0, 1, 2, 3]
    assert [r["relevance_score"] for r in first] == sorted((r["relevance_score"] for r in first), reverse=True)
    assert all(0 < r["relevance_score"] < 1 for r in first) and len({r["relevance_score"] for r in first}) == 4
    assert all(a["results"] == first for a in answers)
    assert answers[0]["usage"]["prompt_tokens"] == answers[0]["usage"]["total_tokens"] == answers[0]["meta"]["tokens"]["input_tokens"]
    assert answers[0]["model"] == "rank" and "document" not in first[0]


def test_top_n_documents_and_objects(ranks):
    whole = rerank(ranks)["results"]
    cut = rerank(ranks, top_n=2, return_documents=True, documents=[{"text": d} for d in DOCUMENTS])["results"]
    assert [(r["index"], r["relevance_score"]) for r in cut] == [(r["index"], r["relevance_score"]) for r in whole[:2]]
    assert [r["document"]["text"] for r in cut] == [DOCUMENTS[r["index"]] for r in cut]
    assert len(rerank(ranks, top_n=99)["results"]) == 4


def test_raw_scores_are_logits(ranks):
    scaled = {r["index"]: r["relevance_score"] for r in rerank(ranks)["results"]}
    for r in rerank(ranks, raw_scores=True)["results"]:
        assert scaled[r["index"]] == pytest.approx(sigmoid(r["relevance_score"]), abs=1e-5)


def test_a_score_does_not_depend_on_the_others(ranks):
    many = [f"text {i} of many" for i in range(200)]
    whole = {r["index"]: r["relevance_score"] for r in rerank(ranks, documents=many)["results"]}
    assert len(whole) == 200
    for i in (0, 17, 199):
        assert rerank(ranks, documents=[many[i]])["results"][0]["relevance_score"] == pytest.approx(whole[i], abs=1e-4)


@pytest.mark.parametrize("version", [1, 2])
def test_cohere_client(ranks, version):
    kind = cohere.Client if version == 1 else cohere.ClientV2
    client = kind(api_key="none", base_url=ranks.url)
    answer = client.rerank(model="rank", query=QUERY, documents=DOCUMENTS, top_n=3)
    expected = rerank(ranks, top_n=3)["results"]
    assert [(r.index, r.relevance_score) for r in answer.results] == [(r["index"], pytest.approx(r["relevance_score"])) for r in expected]
    assert answer.meta.tokens.input_tokens > 0
    with pytest.raises(cohere.errors.NotFoundError):
        client.rerank(model="nope", query=QUERY, documents=DOCUMENTS)


def test_tei_rerank(ranks):
    expected = rerank(ranks)["results"]
    for path in ("/rerank", "/v1/rerank"):
        answer = post(ranks, path, query=QUERY, texts=DOCUMENTS, return_text=True)
        assert answer.status_code == 200, answer.text
        assert answer.json() == [{"index": r["index"], "text": DOCUMENTS[r["index"]], "score": r["relevance_score"]} for r in expected]
    raw = post(ranks, "/rerank", query=QUERY, texts=DOCUMENTS, raw_scores=True).json()
    assert [r["index"] for r in raw] == [r["index"] for r in expected] and "text" not in raw[0]
    assert sigmoid(raw[0]["score"]) == pytest.approx(expected[0]["relevance_score"], abs=1e-5)


def test_models_are_chosen_or_named(ranks):
    body = {"query": QUERY, "texts": DOCUMENTS}
    chosen = post(ranks, "/rerank", **body)
    assert chosen.headers["hearth-model"] == "rank"
    assert post(ranks, "/rerank", model="rank", **body).json() == chosen.json()
    assert post(ranks, "/rerank", headers={"hearth-model": "rank"}, **body).json() == chosen.json()
    wrong = post(ranks, "/rerank", headers={"hearth-model": "ember"}, **body)
    assert wrong.status_code == 424 and wrong.json()["error_type"] == "Backend" and "reranking" in wrong.json()["error"]


def test_several_models_that_could_be_meant(serve, tmp_path):
    server = serve()
    for name in ("one", "two"):
        server.import_model(bert.make(tmp_path / f"{name}.gguf"), name)
    body = {"query": QUERY, "texts": DOCUMENTS}
    several = post(server, "/rerank", **body)
    assert several.status_code == 422 and several.json()["error_type"] == "Validation", several.text
    assert "one, two" in several.json()["error"] and "hearth-model" in several.json()["error"]
    assert post(server, "/v1/rerank", query=QUERY, documents=DOCUMENTS).status_code == 400
    assert post(server, "/rerank", model="two", **body).status_code == 200
    assert post(server, "/rerank", **body).headers["hearth-model"] == "two", "the one that is loaded"


def test_what_is_no_reranker_says_so(ranks):
    for model in ("ember", "mood"):
        answer = post(ranks, "/v1/rerank", model=model, query=QUERY, documents=DOCUMENTS)
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "model", answer.text
        assert "rerank" in answer.json()["error"]["message"]
    for path, body in {"/v1/embeddings": {"input": "x"}, "/v1/completions": {"prompt": "x"}, "/api/embed": {"input": "x"}}.items():
        assert post(ranks, path, model="rank", **body).status_code == 400, path
    chat = post(ranks, "/v1/chat/completions", model="rank", messages=[{"role": "user", "content": "x"}])
    assert chat.status_code == 400 and "chat" in chat.json()["error"]["message"]


@pytest.mark.parametrize("body, param", [({"documents": []}, "documents"), ({"documents": 123}, "documents"), ({"documents": [1, 2]}, "documents[0]"),
                                         ({"query": 1}, "query"), ({"query": ""}, "query"), ({"top_n": 0}, "top_n")])
def test_bad_requests(ranks, body, param):
    answer = post(ranks, "/v1/rerank", **{"model": "rank", "query": QUERY, "documents": DOCUMENTS, **body})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text


def test_long_documents(ranks):
    documents = ["short", "word " * 60]
    answer = post(ranks, "/v1/rerank", model="rank", query=QUERY, documents=documents)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "context_length_exceeded", answer.text
    assert answer.json()["error"]["param"] == "documents[1]" and "64" in answer.json()["error"]["message"]
    tei = post(ranks, "/rerank", query=QUERY, texts=documents)
    assert tei.status_code == 422 and tei.json()["error_type"] == "Validation"
    assert len(post(ranks, "/rerank", query=QUERY, texts=documents, truncate=True).json()) == 2
    for more in ({"truncation": True}, {"max_tokens_per_doc": 8}):
        cut = rerank(ranks, documents=documents, **more)
        assert len(cut["results"]) == 2 and cut["usage"]["dropped_tokens"] > 0, cut


def test_classification(ranks):
    classes = post(ranks, "/predict", headers={"hearth-model": "mood"}, inputs="a fine day").json()
    assert {c["label"] for c in classes} == {"sad", "glad", "calm"} and sum(c["score"] for c in classes) == pytest.approx(1, abs=1e-5)
    assert [c["score"] for c in classes] == sorted((c["score"] for c in classes), reverse=True)
    batch = post(ranks, "/predict", model="mood", inputs=[["a fine day"], ["a fine day", "rain again"]]).json()
    assert batch[0] == [{"score": pytest.approx(c["score"], abs=1e-4), "label": c["label"]} for c in classes] and len(batch) == 2
    pair = post(ranks, "/predict", model="mood", inputs=["a fine day", "rain again"]).json()
    assert [c["label"] for c in pair] == [c["label"] for c in batch[1]]
    assert post(ranks, "/predict", model="mood", inputs=["a", "b", "c"]).status_code == 422
    assert post(ranks, "/predict", model="mood", inputs="").status_code == 400


def test_info(ranks):
    info = ranks.http.get("/info", headers={"hearth-model": "rank"}).json()
    assert info["model_id"] == "rank" and "reranker" in info["model_type"] and info["max_input_length"] == 64
    mood = ranks.http.get("/info", headers={"hearth-model": "mood"}).json()
    assert mood["model_type"]["classifier"]["id2label"] == {"0": "sad", "1": "glad", "2": "calm"}
    assert ranks.http.get("/info", headers={"hearth-model": "ember"}).json()["model_type"] == {"embedding": {"pooling": "mean"}}


def test_listed_as_what_they_are(ranks):
    found = {m["name"]: m for m in ranks.http.get("/hearth/v1/models").json()["models"]}
    assert found["rank"]["task"] == "text-ranking" and found["mood"]["task"] == "text-classification"
    assert found["rank"]["capabilities"] == ["rerank", "classify"]


def test_native(ranks):
    answer = post(ranks, "/hearth/v1/run", kind="rerank", model="rank", query=QUERY, documents=DOCUMENTS, top_n=1)
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [next(iter(e)) for e in events] == ["started", "ranked", "finished"]
    assert events[1]["ranked"]["index"] == rerank(ranks)["results"][0]["index"]


@pytest.fixture
def fixtures():
    if not SHARED.exists():
        pytest.skip("../shared/fixtures is not here")
    return SHARED


def expectations(folder):
    return json.loads((folder / "expected.json").read_text()), bert.read_safetensors(folder / "expected.safetensors")


def test_scores_are_those_of_transformers(ranks, fixtures, tmp_path):
    folder = fixtures / "bert-reranker"
    told, outputs = expectations(folder)
    ranks.import_model(bert.convert(folder, tmp_path / "reranker.gguf", pooling=4), "reference-reranker")
    answer = rerank(ranks, model="reference-reranker", query=told["query"], documents=told["documents"], raw_scores=True)
    scores = {r["index"]: r["relevance_score"] for r in answer["results"]}
    expected = [row[0] for row in bert.floats(outputs["logits"])]
    assert [scores[i] for i in range(len(expected))] == pytest.approx(expected, abs=1e-3)
    assert answer["usage"]["prompt_tokens"] == sum(sum(1 for t in ids if t) for ids in told["input_ids"])
    ranks.http.delete("/hearth/v1/models/reference-reranker")


def test_classes_are_those_of_transformers(ranks, fixtures, tmp_path):
    folder = fixtures / "bert-classifier"
    told, outputs = expectations(folder)
    ranks.import_model(bert.convert(folder, tmp_path / "classifier.gguf", pooling=4), "reference-classifier")
    answer = post(ranks, "/predict", model="reference-classifier", inputs=[[t] for t in told["texts"]], raw_scores=True)
    assert answer.status_code == 200, answer.text
    for classes, expected in zip(answer.json(), bert.floats(outputs["logits"]), strict=True):
        found = {c["label"]: c["score"] for c in classes}
        assert [found[label] for label in ("negative", "neutral", "positive")] == pytest.approx(expected, abs=1e-3)
    ranks.http.delete("/hearth/v1/models/reference-classifier")
