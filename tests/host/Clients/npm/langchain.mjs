// LangChain's classes for OpenAI's API.
import assert from "node:assert/strict";
import { brokenOff, isNumber, isWeather, refused } from "./expect.mjs";

const described = (error) => `${error.constructor.name} ${error.status}`;

export default function langchain({ require, baseURL, keys, expected, tokens, user, long, weather, number }) {
  const { ChatOpenAI, OpenAI } = require("@langchain/openai");
  const { HumanMessage, ToolMessage } = require("@langchain/core/messages");
  const fields = (apiKey) => ({ model: "forest", apiKey, configuration: { baseURL }, temperature: 0, maxRetries: 0 });
  const open = (options = {}, apiKey = keys.good) => new ChatOpenAI({ ...fields(apiKey), maxTokens: tokens, ...options });
  return {
    models: "the client lists no models",
    completion: async () => {
      const model = new OpenAI({ ...fields(keys.good), maxTokens: tokens });
      let streamed = "";
      for await (const part of await model.stream(user)) streamed += part;
      assert.equal(streamed, expected.completion);
    },
    chat: async () => {
      const answer = await open().invoke(user);
      assert.equal(answer.content, expected.chat);
      assert.equal(answer.usage_metadata.input_tokens + answer.usage_metadata.output_tokens, answer.usage_metadata.total_tokens);
    },
    stream: async () => {
      let whole;
      for await (const part of await open().stream(user)) whole = whole ? whole.concat(part) : part;
      assert.equal(whole.content, expected.chat);
      assert.ok(whole.usage_metadata.output_tokens > 0);
    },
    tools: async () => {
      const tools = [{ type: "function", function: { name: "weather", ...weather } }];
      const model = open({ maxTokens: 100 });
      const call = await model.bindTools(tools, { tool_choice: "weather" }).invoke(user);
      isWeather(call.tool_calls[0].args);
      let streamed;
      for await (const part of await model.bindTools(tools, { tool_choice: "any" }).stream(user))
        streamed = streamed ? streamed.concat(part) : part;
      assert.deepEqual(streamed.tool_calls[0].args, call.tool_calls[0].args);
      const result = new ToolMessage({ content: "20", tool_call_id: call.tool_calls[0].id });
      assert.equal(typeof (await open().bindTools(tools).invoke([new HumanMessage(user), call, result])).content, "string");
    },
    json_schema: async () => {
      const model = open({ maxTokens: 60 }).withStructuredOutput(number, { name: "number", method: "jsonSchema", strict: true });
      isNumber(await model.invoke(user));
    },
    logprobs: async () => {
      const answer = await open({ logprobs: true, topLogprobs: 3 }).invoke(user);
      assert.equal(answer.response_metadata.logprobs.content.length, answer.usage_metadata.output_tokens);
    },
    n: async () => {
      const { generations } = await open({ n: 2 }).generate([[new HumanMessage(user)]]);
      assert.deepEqual(generations[0].map((one) => one.text), [expected.chat, expected.chat]);
    },
    abort: async () => {
      const abort = new AbortController();
      const stream = await open({ maxTokens: long }).stream(user, { signal: abort.signal });
      await brokenOff(stream, () => abort.abort());
    },
    errors: async () => {
      const call = (options, key) => () => open(options, key).invoke(user);
      await refused(call({ model: "expert:nobody" }), described, "NotFoundError 404");
      await refused(call({ temperature: -1 }), described, "BadRequestError 400");
      await refused(call({}, keys.bad), described, "AuthenticationError 401");
      await refused(call({}, keys.spent), described, "RateLimitError 429");
    },
  };
}
