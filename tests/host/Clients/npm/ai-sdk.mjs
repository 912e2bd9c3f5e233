// Vercel's AI SDK over its provider for servers that speak OpenAI's API.
import assert from "node:assert/strict";
import { brokenOff, isNumber, isWeather, refused } from "./expect.mjs";

const described = (error) => `${error.name} ${error.statusCode}`;

export default function aiSdk({ require, baseURL, keys, expected, tokens, user, long, weather, number }) {
  const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
  const { generateText, streamText, jsonSchema, tool, Output } = require("ai");
  const open = (apiKey) => createOpenAICompatible({ name: "btx", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true });
  const provider = open(keys.good);
  const ask = { model: provider("forest"), prompt: user, maxOutputTokens: tokens, temperature: 0, maxRetries: 0 };
  return {
    models: "the client lists no models",
    completion: async () => {
      const answer = await generateText({ ...ask, model: provider.completionModel("forest") }); // its prompt has words of the client's own
      assert.equal(answer.response.body.object, "text_completion");
      assert.ok(answer.text.length > 0 && answer.text === answer.response.body.choices[0].text, answer.text);
    },
    chat: async () => {
      const answer = await generateText(ask);
      assert.equal(answer.text, expected.chat);
      assert.equal(answer.usage.inputTokens + answer.usage.outputTokens, answer.usage.totalTokens);
    },
    stream: async () => {
      const answer = streamText(ask);
      let streamed = "";
      for await (const part of answer.textStream) streamed += part;
      assert.equal(streamed, expected.chat);
      assert.ok((await answer.usage).outputTokens > 0);
    },
    tools: async () => {
      const tools = { weather: tool({ description: weather.description, inputSchema: jsonSchema(weather.parameters) }) };
      const forced = { ...ask, tools, maxOutputTokens: 100 };
      const { toolCalls, response } = await generateText({ ...forced, toolChoice: { type: "tool", toolName: "weather" } });
      isWeather(toolCalls[0].input);
      assert.deepEqual((await streamText({ ...forced, toolChoice: "required" }).toolCalls).map((call) => call.input), [toolCalls[0].input]);
      const output = { type: "text", value: "20" };
      const result = { type: "tool-result", toolCallId: toolCalls[0].toolCallId, toolName: "weather", output };
      const messages = [{ role: "user", content: user }, ...response.messages, { role: "tool", content: [result] }];
      const { prompt, ...rest } = ask;
      assert.equal(typeof (await generateText({ ...rest, messages, tools, toolChoice: "none" })).text, "string");
    },
    json_schema: async () => {
      const answer = await generateText({ ...ask, maxOutputTokens: 60, output: Output.object({ schema: jsonSchema(number) }) });
      isNumber(answer.output);
    },
    logprobs: async () => {
      const answer = await generateText({ ...ask, providerOptions: { btx: { logprobs: true, top_logprobs: 3 } } });
      assert.equal(answer.response.body.choices[0].logprobs.content.length, answer.usage.outputTokens);
    },
    n: "the client reads one answer",
    abort: async () => {
      const abort = new AbortController();
      const { fullStream } = streamText({ ...ask, maxOutputTokens: long, abortSignal: abort.signal, onError: () => {} });
      await brokenOff(fullStream, () => abort.abort());
    },
    errors: async () => {
      const call = (model, options) => () => generateText({ ...ask, model, ...options });
      await refused(call(provider("expert:nobody")), described, "AI_APICallError 404");
      await refused(call(provider("forest"), { temperature: -1 }), described, "AI_APICallError 400");
      await refused(call(open(keys.bad)("forest")), described, "AI_APICallError 401");
      await refused(call(open(keys.spent)("forest")), described, "AI_APICallError 429");
    },
  };
}
