// usage: node chat.mjs CLIENT BASE_URL    drives chats with the openai client, prints what it saw as JSON.
import { pathToFileURL } from "node:url";

const [clientPath, baseURL] = process.argv.slice(2);
const { default: OpenAI } = await import(pathToFileURL(clientPath).href);
const client = new OpenAI({ apiKey: "unused", baseURL, maxRetries: 0 });
const chat = { model: "forest", messages: [{ role: "user", content: "hi" }], max_completion_tokens: 12, temperature: 0 };
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { unit: { enum: ["c", "f"] } }, required: ["unit"], additionalProperties: false },
  },
};
const seen = {};

const whole = await client.chat.completions.create({ ...chat, n: 2, logprobs: true, top_logprobs: 3 });
seen.whole = whole.choices.map((choice) => choice.message.content);
seen.finish = whole.choices[0].finish_reason;
seen.logprobs = whole.choices[0].logprobs.content.map((token) => token.top_logprobs.length);
seen.spelled = new TextDecoder().decode(new Uint8Array(whole.choices[0].logprobs.content.flatMap((token) => token.bytes)));
seen.usage = whole.usage.prompt_tokens + whole.usage.completion_tokens === whole.usage.total_tokens;

const runner = client.chat.completions.stream({ ...chat, stream_options: { include_usage: true } });
seen.streamed = await runner.finalContent();
seen.streamedTokens = (await runner.totalUsage()).completion_tokens;

const forced = { ...chat, tools: [weather], tool_choice: { type: "function", function: { name: "weather" } }, max_completion_tokens: 100 };
const called = (await client.chat.completions.create(forced)).choices[0];
seen.call = [called.finish_reason, called.message.tool_calls[0].function.name, Object.keys(JSON.parse(called.message.tool_calls[0].function.arguments))];
const calling = client.chat.completions.stream({ ...forced, tool_choice: "required" });
const streamedCall = (await calling.finalChatCompletion()).choices[0];
seen.streamedCall = [streamedCall.finish_reason, streamedCall.message.tool_calls[0].function.arguments];
seen.called = called.message.tool_calls[0].function.arguments;
const answered = await client.chat.completions.create({
  ...chat,
  messages: [...chat.messages, called.message, { role: "tool", tool_call_id: called.message.tool_calls[0].id, content: "20" }],
  tools: [weather],
});
seen.answered = typeof answered.choices[0].message.content;

const schema = { type: "object", properties: { n: { type: "integer", minimum: 0, maximum: 99 } }, required: ["n"], additionalProperties: false };
const structured = await client.chat.completions.create({
  ...chat,
  max_completion_tokens: 60,
  response_format: { type: "json_schema", json_schema: { name: "number", schema, strict: true } },
});
seen.structured = JSON.parse(structured.choices[0].message.content).n;

const aborting = await client.chat.completions.create({ ...chat, max_completion_tokens: 400, stream: true, ignore_eos: true });
let chunks = 0;
for await (const chunk of aborting) {
  if (++chunks === 3) aborting.controller.abort();
}
seen.aborted = chunks < 100;

const attempt = async (request) => {
  try {
    await client.chat.completions.create(request);
    return null;
  } catch (error) {
    return `${error.constructor.name} ${error.status} ${error.code} ${error.param}`;
  }
};
seen.errors = [
  await attempt({ ...chat, model: "expert:nobody" }),
  await attempt({ ...chat, messages: [{ role: "user", content: "long ".repeat(500) }] }),
  await attempt({ ...chat, chat_template: "{{ 1 }}" }),
  await attempt({ ...chat, messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "http://x" } }] }] }),
];
console.log(JSON.stringify(seen));
