// Anthropic's own client: its messages.
import assert from "node:assert/strict";
import { brokenOff, isNumber, isWeather, refused } from "./expect.mjs";

const described = (error) => `${error.constructor.name} ${error.status} ${error.error?.error?.type}`;

export default function anthropic({ require, baseURL, keys, expected, tokens, user, long, weather, number }) {
  const { default: Anthropic } = require("@anthropic-ai/sdk");
  const open = (apiKey) => new Anthropic({ apiKey, baseURL: baseURL.replace(/\/v1$/, ""), maxRetries: 0 });
  const client = open(keys.good);
  const ask = { model: "forest", max_tokens: tokens, messages: [{ role: "user", content: user }], temperature: 0 };
  return {
    models: async () => {
      const ids = [];
      for await (const model of client.models.list()) ids.push(model.id);
      assert.ok(ids.includes("forest") && ids.includes("expert:alpha"), ids.join());
    },
    completion: "the API has no completions any more",
    chat: async () => {
      const answer = await client.messages.create(ask);
      assert.equal(answer.content[0].text, expected.chat);
      assert.equal(answer.usage.input_tokens, (await client.messages.countTokens({ model: "forest", messages: ask.messages })).input_tokens);
    },
    stream: async () => {
      const answer = await client.messages.stream(ask).finalMessage(); // it adds the events up by itself
      assert.equal(answer.content[0].text, expected.chat);
      assert.ok(answer.usage.output_tokens > 0);
      assert.ok(["max_tokens", "end_turn"].includes(answer.stop_reason), answer.stop_reason);
    },
    tools: async () => {
      const tools = [{ name: "weather", description: weather.description, input_schema: weather.parameters }];
      const forced = { ...ask, tools, max_tokens: 100 };
      const called = await client.messages.create({ ...forced, tool_choice: { type: "tool", name: "weather" } });
      assert.equal(called.stop_reason, "tool_use");
      isWeather(called.content[0].input);
      const streamed = await client.messages.stream({ ...forced, tool_choice: { type: "any" } }).finalMessage();
      assert.deepEqual(streamed.content[0].input, called.content[0].input);
      const result = { type: "tool_result", tool_use_id: called.content[0].id, content: "20" };
      const turns = [{ role: "assistant", content: called.content }, { role: "user", content: [result] }];
      const next = await client.messages.create({ ...ask, messages: [...ask.messages, ...turns], tools });
      assert.equal(next.role, "assistant");
    },
    json_schema: async () => {
      const format = { type: "json_schema", schema: number };
      isNumber(JSON.parse((await client.messages.create({ ...ask, max_tokens: 60, output_config: { format } })).content[0].text));
    },
    logprobs: "the API has no log-probabilities",
    n: "the API gives one answer",
    abort: async () => {
      const stream = await client.messages.create({ ...ask, max_tokens: long, stream: true });
      await brokenOff(stream, () => stream.controller.abort());
    },
    errors: async () => {
      const call = (with_, body) => () => with_.messages.create({ ...ask, ...body });
      await refused(call(client, { model: "expert:nobody" }), described, "NotFoundError 404 not_found_error");
      await refused(call(client, { temperature: -1 }), described, "BadRequestError 400 invalid_request_error");
      await refused(call(open(keys.bad)), described, "AuthenticationError 401 authentication_error");
      await refused(call(open(keys.spent)), described, "RateLimitError 429 rate_limit_error");
    },
  };
}
