// OpenAI's own client: its chats and completions, and its responses.
import assert from "node:assert/strict";
import { brokenOff, isNumber, isWeather, refused } from "./expect.mjs";

const described = (error) => `${error.constructor.name} ${error.status} ${error.code}`;

function clientsOf({ require, baseURL, keys }) {
  const { default: OpenAI } = require("openai");
  const open = (apiKey) => new OpenAI({ apiKey, baseURL, maxRetries: 0 });
  return { client: open(keys.good), bad: open(keys.bad), spent: open(keys.spent) };
}

async function models(client) {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("forest") && ids.includes("expert:alpha"), ids.join());
  assert.equal((await client.models.retrieve("forest:top_k=1")).id, "forest:top_k=1");
}

export function chats(context) {
  const { client, bad, spent } = clientsOf(context);
  const { expected, tokens, user, long, weather, number } = context;
  const chat = { model: "forest", messages: [{ role: "user", content: user }], max_completion_tokens: tokens, temperature: 0 };
  const completion = { model: "forest", prompt: user, max_tokens: tokens, temperature: 0 };
  return {
    models: () => models(client),
    completion: async () => {
      assert.equal((await client.completions.create(completion)).choices[0].text, expected.completion);
      let streamed = "";
      for await (const chunk of await client.completions.create({ ...completion, stream: true })) streamed += chunk.choices[0].text;
      assert.equal(streamed, expected.completion);
    },
    chat: async () => {
      const answer = await client.chat.completions.create(chat);
      assert.equal(answer.choices[0].message.content, expected.chat);
      assert.equal(answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage.total_tokens);
    },
    stream: async () => {
      const runner = client.chat.completions.stream({ ...chat, stream_options: { include_usage: true } });
      assert.equal(await runner.finalContent(), expected.chat);
      assert.ok((await runner.totalUsage()).completion_tokens > 0);
    },
    tools: async () => {
      const tools = [{ type: "function", function: { name: "weather", ...weather } }];
      const forced = { ...chat, tools, max_completion_tokens: 100, tool_choice: { type: "function", function: { name: "weather" } } };
      const { message, finish_reason: finish } = (await client.chat.completions.create(forced)).choices[0];
      assert.equal(finish, "tool_calls");
      isWeather(JSON.parse(message.tool_calls[0].function.arguments));
      const runner = client.chat.completions.stream({ ...forced, tool_choice: "required" });
      const streamed = (await runner.finalChatCompletion()).choices[0].message.tool_calls[0].function;
      assert.equal(streamed.arguments, message.tool_calls[0].function.arguments);
      const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "20" };
      const next = await client.chat.completions.create({ ...chat, messages: [...chat.messages, message, result], tools });
      assert.equal(typeof next.choices[0].message.content, "string");
    },
    json_schema: async () => {
      const format = { type: "json_schema", json_schema: { name: "number", schema: number, strict: true } };
      const answer = await client.chat.completions.parse({ ...chat, max_completion_tokens: 60, response_format: format });
      isNumber(JSON.parse(answer.choices[0].message.content));
    },
    logprobs: async () => {
      const answer = await client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 3 });
      const content = answer.choices[0].logprobs.content;
      assert.equal(content.length, answer.usage.completion_tokens);
      assert.ok(content.every((token) => token.top_logprobs.length === 3));
      const spelled = new TextDecoder().decode(new Uint8Array(content.flatMap((token) => token.bytes)));
      assert.ok(spelled.startsWith(expected.chat.replace(/\uFFFD+$/, "")), spelled);
    },
    n: async () => {
      const { choices } = await client.chat.completions.create({ ...chat, n: 2 });
      assert.deepEqual(choices.map((choice) => choice.message.content), [expected.chat, expected.chat]);
    },
    abort: async () => {
      const stream = await client.chat.completions.create({ ...chat, max_completion_tokens: long, ignore_eos: true, stream: true });
      await brokenOff(stream, () => stream.controller.abort());
    },
    errors: async () => {
      const call = (with_, body) => () => with_.chat.completions.create({ ...chat, ...body });
      await refused(call(client, { model: "expert:nobody" }), described, "NotFoundError 404 model_not_found");
      await refused(call(client, { temperature: -1 }), described, "BadRequestError 400 null");
      await refused(call(bad), described, "AuthenticationError 401 invalid_api_key");
      await refused(call(spent), described, "RateLimitError 429 rate_limit_exceeded");
      await refused(() => client.embeddings.create({ model: "forest", input: "a" }), described, "BadRequestError 400 null");
    },
  };
}

export function responses(context) {
  const { client, bad } = clientsOf(context);
  const { expected, tokens, user, long, weather, number } = context;
  const ask = { model: "forest", input: user, max_output_tokens: tokens, temperature: 0 };
  return {
    models: () => models(client),
    completion: "the API has no completions",
    chat: async () => {
      const answer = await client.responses.create(ask);
      assert.equal(answer.output_text, expected.chat);
      assert.equal(answer.usage.input_tokens + answer.usage.output_tokens, answer.usage.total_tokens);
    },
    stream: async () => {
      const runner = client.responses.stream(ask); // it adds the events up by itself
      assert.equal((await runner.finalResponse()).output_text, expected.chat);
    },
    tools: async () => {
      const tools = [{ type: "function", name: "weather", strict: true, ...weather }];
      const forced = { ...ask, tools, max_output_tokens: 100, tool_choice: { type: "function", name: "weather" } };
      const [call] = (await client.responses.create(forced)).output;
      isWeather(JSON.parse(call.arguments));
      const runner = client.responses.stream({ ...forced, tool_choice: "required" });
      assert.equal((await runner.finalResponse()).output[0].arguments, call.arguments);
      const result = { type: "function_call_output", call_id: call.call_id, output: "20" };
      const next = await client.responses.create({ ...ask, input: [{ role: "user", content: user }, call, result], tools });
      assert.equal(next.output[0].type, "message");
    },
    json_schema: async () => {
      const format = { type: "json_schema", name: "number", schema: number, strict: true };
      isNumber(JSON.parse((await client.responses.create({ ...ask, max_output_tokens: 60, text: { format } })).output_text));
    },
    logprobs: async () => {
      const answer = await client.responses.create({ ...ask, include: ["message.output_text.logprobs"], top_logprobs: 3 });
      assert.equal(answer.output[0].content[0].logprobs.length, answer.usage.output_tokens);
      assert.ok(answer.output[0].content[0].logprobs.every((token) => token.top_logprobs.length === 3));
    },
    n: "the API gives one answer",
    abort: async () => {
      const stream = await client.responses.create({ ...ask, max_output_tokens: long, stream: true });
      await brokenOff(stream, () => stream.controller.abort());
    },
    errors: async () => {
      const call = (with_, body) => () => with_.responses.create({ ...ask, ...body });
      await refused(call(client, { model: "expert:nobody" }), described, "NotFoundError 404 model_not_found");
      await refused(call(client, { previous_response_id: "resp_1" }), described, "BadRequestError 400 null");
      await refused(call(bad), described, "AuthenticationError 401 invalid_api_key");
    },
  };
}
