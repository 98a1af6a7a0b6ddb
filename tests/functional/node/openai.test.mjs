// The official JavaScript client of OpenAI.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.HEARTH_URL}/v1`, apiKey: "unused", maxRetries: 0 });
const ask = { model: "ember", temperature: 0, messages: [{ role: "user", content: "What can you do?" }] };

test("chat", async () => {
  const answer = await client.chat.completions.create(ask);
  assert.equal(answer.object, "chat.completion");
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("chat streamed", async () => {
  const whole = await client.chat.completions.create(ask);
  let text = "";
  let usage = null;
  const stream = await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("chat stream helper gives the final message", async () => {
  const whole = await client.chat.completions.create(ask);
  const stream = client.chat.completions.stream(ask);
  assert.equal(await stream.finalContent(), whole.choices[0].message.content);
});

test("stream aborted by the client", async () => {
  const stream = await client.chat.completions.create({ ...ask, max_tokens: 900, ignore_eos: true, stream: true });
  let chunks = 0;
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    if (++chunks === 3) stream.controller.abort();
  }
  assert.ok(chunks >= 3);
});

test("completions", async () => {
  const answer = await client.completions.create({ model: "ember", prompt: "Run: hearth", max_tokens: 4, temperature: 0 });
  assert.equal(answer.object, "text_completion");
  let text = "";
  for await (const c of await client.completions.create({ model: "ember", prompt: "Run: hearth", max_tokens: 4, temperature: 0, stream: true }))
    text += c.choices[0]?.text ?? "";
  assert.equal(text, answer.choices[0].text);
});

test("embeddings: base64 by default equals float", async () => {
  const coded = await client.embeddings.create({ model: "ember", input: ["hearth", "model"] });
  const plain = await client.embeddings.create({ model: "ember", input: ["hearth", "model"], encoding_format: "float" });
  assert.equal(coded.data.length, 2);
  coded.data.forEach((e, i) => assert.deepEqual(Array.from(e.embedding), Array.from(Float32Array.from(plain.data[i].embedding))));
});

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("ember"));
  assert.equal((await client.models.retrieve("ember")).id, "ember");
});

test("unknown model is NotFoundError", async () => {
  await assert.rejects(client.chat.completions.create({ ...ask, model: "no-such-model" }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.match(error.message, /no-such-model/);
    assert.ok(error.requestID);
    return true;
  });
});

test("wrong type is BadRequestError with its path", async () => {
  await assert.rejects(client.chat.completions.create({ ...ask, messages: [{ role: "user", content: 7 }] }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "messages[0].content");
    return true;
  });
});

test("context overflow", async () => {
  const messages = [{ role: "user", content: "What is a model? ".repeat(400) }];
  await assert.rejects(client.chat.completions.create({ ...ask, messages, stream: true }), (error) => {
    assert.equal(error.status, 400);
    assert.equal(error.code, "context_length_exceeded");
    return true;
  });
});
