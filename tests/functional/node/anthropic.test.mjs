// The official JavaScript client of Anthropic.
import assert from "node:assert/strict";
import test from "node:test";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: process.env.HEARTH_URL, apiKey: "unused", maxRetries: 0 });
const ask = { model: "ember", max_tokens: 64, temperature: 0, messages: [{ role: "user", content: "What can you do?" }] };

test("message", async () => {
  const answer = await client.messages.create(ask);
  assert.equal(answer.type, "message");
  assert.equal(answer.content[0].type, "text");
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.output_tokens > 0);
});

test("message streamed: the helper folds it to the same message", async () => {
  const whole = await client.messages.create(ask);
  const stream = client.messages.stream(ask);
  let text = "";
  stream.on("text", (piece) => (text += piece));
  const final = await stream.finalMessage();
  assert.equal(text, whole.content[0].text);
  assert.deepEqual(final.content.map((b) => b.text), whole.content.map((b) => b.text));
  assert.equal(final.stop_reason, whole.stop_reason);
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
});

test("stream left by the client", async () => {
  const stream = await client.messages.create({ ...ask, temperature: 1, stream: true });
  let events = 0;
  for await (const _ of stream) {
    events += 1;
    break;  // the client aborts the request
  }
  assert.equal(events, 1);
  assert.ok(stream.controller.signal.aborted);
  assert.ok((await client.messages.create(ask)).content[0].text.length > 0);
});

test("count_tokens is what the message uses", async () => {
  const { max_tokens, temperature, ...body } = ask;
  const counted = await client.messages.countTokens(body);
  const { usage } = await client.messages.create(ask);
  assert.equal(counted.input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
});

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("ember"));
  assert.equal((await client.models.retrieve("ember")).type, "model");
});

test("unknown model is NotFoundError", async () => {
  await assert.rejects(client.messages.create({ ...ask, model: "no-such-model" }), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.error.error.type, "not_found_error");
    assert.ok(error.requestID);
    return true;
  });
});

test("wrong type is BadRequestError with its path", async () => {
  await assert.rejects(client.messages.create({ ...ask, messages: [{ role: "user", content: 7 }] }), (error) => {
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.match(error.message, /messages\[0\]\.content/);
    return true;
  });
});

test("context overflow says that the prompt is too long", async () => {
  const messages = [{ role: "user", content: "What is a model? ".repeat(400) }];
  await assert.rejects(client.messages.create({ ...ask, messages }), (error) => {
    assert.equal(error.status, 400);
    assert.match(error.message, /prompt is too long/);
    return true;
  });
});
