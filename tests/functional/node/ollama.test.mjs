// The official JavaScript client of Ollama.
import assert from "node:assert/strict";
import test from "node:test";
import { Ollama } from "ollama";

const client = new Ollama({ host: process.env.HEARTH_URL });
const options = { temperature: 0 };
const ask = { model: "ember", messages: [{ role: "user", content: "What can you do?" }], options };

test("chat", async () => {
  const answer = await client.chat(ask);
  assert.equal(answer.message.role, "assistant");
  assert.ok(answer.message.content.length > 0);
  assert.equal(answer.done, true);
  assert.equal(answer.done_reason, "stop");
  for (const field of ["total_duration", "prompt_eval_count", "eval_count", "eval_duration"]) assert.ok(answer[field] > 0, field);
});

test("chat streamed", async () => {
  const whole = await client.chat(ask);
  let text = "";
  let last = null;
  for await (const part of await client.chat({ ...ask, stream: true })) {
    text += part.message.content;
    last = part;
  }
  assert.equal(text, whole.message.content);
  assert.equal(last.done, true);
  assert.equal(last.eval_count, whole.eval_count);
});

test("stream aborted by the client", async () => {
  // Ends of turn in the prompt, counted by the frequency penalty, forbid one in the answer: it is as long as asked.
  const endless = { raw: true, prompt: "<|im_end|>".repeat(64), options: { temperature: 1, frequency_penalty: 2, repeat_last_n: -1, num_predict: 900 } };
  const stream = await client.generate({ model: "ember", stream: true, ...endless });
  await assert.rejects(async () => {
    for await (const part of stream) {
      assert.ok(part.model);
      client.abort();
    }
  }, { name: "AbortError" });
});

test("generate", async () => {
  const answer = await client.generate({ model: "ember", prompt: "What can you do?", options });
  assert.ok(answer.response.length > 0);
  let text = "";
  for await (const part of await client.generate({ model: "ember", prompt: "What can you do?", stream: true, options })) text += part.response;
  assert.equal(text, answer.response);
});

test("embed", async () => {
  const { embeddings } = await client.embed({ model: "ember", input: ["hearth", "model"] });
  assert.equal(embeddings.length, 2);
  const { embedding } = await client.embeddings({ model: "ember", prompt: "hearth" });
  assert.equal(embedding.length, embeddings[0].length);
});

test("list, show, ps", async () => {
  await client.chat(ask);
  assert.ok((await client.list()).models.some((m) => m.name === "ember:latest" && m.size > 0));
  const shown = await client.show({ model: "ember" });
  assert.equal(shown.details.family, "llama");
  assert.ok(shown.capabilities.includes("completion"));
  assert.ok((await client.ps()).models.some((m) => m.name === "ember:latest"));
});

test("unknown model is a ResponseError with 404", async () => {
  await assert.rejects(client.chat({ ...ask, model: "no-such-model" }), (error) => {
    assert.equal(error.name, "ResponseError");
    assert.equal(error.status_code, 404);
    assert.match(error.message, /no-such-model/);
    return true;
  });
});

test("tools are refused, not ignored", async () => {
  const tools = [{ type: "function", function: { name: "lamp", description: "d", parameters: { type: "object", properties: {} } } }];
  await assert.rejects(client.chat({ ...ask, tools }), { status_code: 400 });
});

test("images are refused, not ignored", async () => {
  const messages = [{ role: "user", content: "What?", images: [new Uint8Array([0x89, 0x50, 0x4e, 0x47])] }];
  await assert.rejects(client.chat({ ...ask, messages }), { status_code: 400 });
});
