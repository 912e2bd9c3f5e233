// usage: node run.mjs PACKAGES BASE_URL KEYS    drives HTTP with every client and prints as JSON what each feature came to:
// { client: { feature: "ok" | "absent: why" | "failed: why" } }. KEYS is JSON: { good, spent }; expected texts come on standard input.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import aiSdk from "./ai-sdk.mjs";
import anthropic from "./anthropic.mjs";
import langchain from "./langchain.mjs";
import { chats, responses } from "./openai.mjs";

const [packages, baseURL, keys] = process.argv.slice(2);
const expected = JSON.parse(await text(process.stdin)); // { chat, completion }: greedy answers, asked for without any client
const context = {
  require: createRequire(`${packages}/clients.js`),
  baseURL,
  keys: { bad: "sk-nonsense", ...JSON.parse(keys) },
  expected,
  user: "hi",
  tokens: 12, // of the expected answers
  long: 400, // tokens of an answer that is broken off
  weather: {
    description: "Of today.",
    parameters: { type: "object", properties: { unit: { enum: ["c", "f"] } }, required: ["unit"], additionalProperties: false },
  },
  number: { type: "object", properties: { n: { type: "integer", minimum: 0, maximum: 99 } }, required: ["n"], additionalProperties: false },
};

// A feature is a function that throws where something is wrong, or a text: why there is no such thing in the client.
const clients = {
  "openai (npm)": chats,
  "openai (npm), responses": responses,
  "@ai-sdk/openai-compatible": aiSdk,
  "@langchain/openai": langchain,
  "@anthropic-ai/sdk": anthropic,
};
const seen = {};
for (const [name, make] of Object.entries(clients)) {
  seen[name] = {};
  for (const [feature, run] of Object.entries(make(context))) {
    try {
      seen[name][feature] = typeof run === "string" ? `absent: ${run}` : ((await run()), "ok");
    } catch (error) {
      seen[name][feature] = `failed: ${error.stack}`;
    }
  }
}
console.log(JSON.stringify(seen));
process.exit(0); // a client may keep connections
