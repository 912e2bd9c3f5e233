// usage: node node.mjs PACKAGES ADDRESS KEYS PROTOS    drives gRPC with @grpc/grpc-js and prints as JSON what each feature came to:
// { client: { feature: "ok" | "failed: why" } }. KEYS is JSON: { good, spent }; PROTOS is a FileDescriptorSet; expected texts come on standard input.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const [packages, address, keyText, protos] = process.argv.slice(2);
const require = createRequire(`${packages}/clients.js`);
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const expected = JSON.parse(await text(process.stdin)); // { chat, completion }: greedy answers, asked for without any client
const keys = JSON.parse(keyText);
const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };
const loaded = loader.loadFileDescriptorSetFromBuffer(readFileSync(protos), options);
const { Inference, Forest } = grpc.loadPackageDefinition(loaded).btx.v1;
const service = new Inference(address, grpc.credentials.createInsecure());
const forest = new Forest(address, grpc.credentials.createInsecure());

function as(key) {
  const metadata = new grpc.Metadata();
  if (key) metadata.set("authorization", `Bearer ${key}`);
  return metadata;
}
const good = as(keys.good);
const call = (client, method, request, metadata = good) =>
  new Promise((resolve, reject) => client[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer))));
async function read(method, request, metadata = good) {
  const parts = [];
  for await (const part of service[method](request, metadata)) parts.push(part);
  return parts;
}
const greedy = { temperature: 0 };
const prompt = { prompt: { text: "hi" }, sampling: greedy, max_tokens: 12 };
const chat = { messages: [{ role: "ROLE_USER", content: "hi" }], sampling: greedy, max_tokens: 12 };
const textOf = (parts) => parts.map((part) => part.text).join("");
const weather = { type: "object", properties: { unit: { enum: ["c", "f"] } }, required: ["unit"], additionalProperties: false };
const number = { type: "object", properties: { n: { type: "integer", minimum: 0, maximum: 99 } }, required: ["n"], additionalProperties: false };

/** The refusal of a call: its status, the machine's word, the field and the seconds to wait. */
async function refused(attempt, ...wanted) {
  let error;
  try {
    await attempt();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error?.metadata, `it was not refused: ${error}`);
  const type = (name) => loaded[`google.rpc.${name}`];
  const status = type("Status").deserialize(error.metadata.get("grpc-status-details-bin")[0]);
  const detail = (name) => {
    const packed = status.details.find((one) => one.type_url.endsWith(`.${name}`));
    return packed && type(name).deserialize(packed.value);
  };
  const field = detail("BadRequest")?.field_violations[0]?.field ?? null;
  assert.deepEqual([grpc.status[error.code], detail("ErrorInfo").reason, field, detail("RetryInfo") !== undefined], wanted);
  assert.equal(status.message, error.details);
}

const features = {
  models: async () => {
    const served = await call(service, "Describe", {});
    assert.deepEqual(served.experts.map((expert) => expert.name), ["alpha", "beta"]);
  },
  completion: async () => assert.equal(textOf(await read("Generate", prompt)), expected.completion),
  chat: async () => assert.equal(textOf(await read("Chat", chat)), expected.chat),
  stream: async () => {
    const parts = await read("Chat", { ...chat, include_experts: true });
    const tokens = parts.filter((part) => part.token).map((part) => part.token);
    assert.equal(tokens.length, parts.at(-1).usage.completion_tokens);
    for (const token of tokens) assert.ok(Math.abs(token.experts.reduce((sum, expert) => sum + expert.contribution, 0) - 1) < 1e-6);
  },
  tools: async () => {
    const tools = [{ function: { name: "weather", description: "Of today.", parameters: JSON.stringify(weather) } }];
    const parts = await read("Chat", { ...chat, tools, tool_choice: { function: "weather" }, max_tokens: 100 });
    const made = parts.flatMap((part) => part.tool_calls);
    const args = made.map((part) => part.arguments).join("");
    assert.equal(parts.at(-1).finish_reason, "FINISH_REASON_TOOL_CALLS");
    assert.equal(made[0].name, "weather");
    assert.ok(["c", "f"].includes(JSON.parse(args).unit), args);
    const asked = { role: "ROLE_ASSISTANT", tool_calls: [{ id: made[0].id, function: { name: "weather", arguments: args } }] };
    const result = { role: "ROLE_TOOL", tool_call_id: made[0].id, content: "20" };
    assert.notEqual((await read("Chat", { ...chat, tools, messages: [...chat.messages, asked, result] })).length, 0);
  },
  json_schema: async () => {
    const held = { ...chat, max_tokens: 60, response_format: { json_schema: JSON.stringify(number) } };
    const { n } = JSON.parse(textOf(await read("Chat", held)));
    assert.ok(Number.isInteger(n) && n >= 0 && n <= 99, `${n}`);
  },
  logprobs: async () => {
    const tokens = (await read("Chat", { ...chat, top_logprobs: 3 })).filter((part) => part.token).map((part) => part.token);
    assert.ok(tokens.every((token) => token.top.length === 3 && token.logprob <= 0));
    assert.ok(new TextDecoder().decode(Buffer.concat(tokens.map((token) => token.bytes))).startsWith(expected.chat.replace(/\uFFFD+$/, "")));
  },
  n: async () => {
    // A call has one answer: several calls at once.
    const answers = await Promise.all([1, 2].map((seed) => read("Chat", { ...chat, sampling: { ...greedy, seed } })));
    assert.deepEqual(answers.map(textOf), [expected.chat, expected.chat]);
  },
  abort: async () => {
    const stream = service.Chat({ ...chat, max_tokens: 400, ignore_eos: true }, good);
    let parts = 0;
    await assert.rejects(async () => {
      for await (const _ of stream) if (++parts === 3) stream.cancel();
    }, { code: grpc.status.CANCELLED });
    assert.ok(parts >= 3 && parts < 100, `${parts} parts came`);
  },
  errors: async () => {
    const routing = { mode: "MODE_EXPERT", expert: "nobody" };
    await refused(() => read("Chat", { ...chat, routing }), "NOT_FOUND", "model_not_found", "routing.expert", false);
    await refused(() => read("Chat", { ...chat, sampling: { temperature: -1 } }), "INVALID_ARGUMENT", "invalid_argument", "sampling.temperature", false);
    await refused(() => read("Chat", { ...chat, messages: [{ content: "hi" }] }), "INVALID_ARGUMENT", "invalid_argument", "messages[0].role", false);
    await refused(() => read("Chat", chat, as("sk-nonsense")), "UNAUTHENTICATED", "invalid_api_key", null, false);
    await refused(() => read("Chat", chat, as(keys.spent)), "RESOURCE_EXHAUSTED", "rate_limit_exceeded", null, true);
    await refused(() => call(forest, "ListExperts", {}), "PERMISSION_DENIED", "insufficient_scope", null, false);
  },
};
const seen = { version: require("@grpc/grpc-js/package.json").version };
for (const [feature, run] of Object.entries(features)) {
  try {
    await run();
    seen[feature] = "ok";
  } catch (error) {
    seen[feature] = `failed: ${error.stack}`;
  }
}
console.log(JSON.stringify({ "@grpc/grpc-js": seen }));
process.exit(0);
