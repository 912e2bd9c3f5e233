// usage: node drive.mjs CLIENT BASE_URL [busy]    drives HTTP with the openai client, prints what it saw as JSON.
import { pathToFileURL } from "node:url";

const [clientPath, baseURL, only] = process.argv.slice(2);
const { default: OpenAI } = await import(pathToFileURL(clientPath).href);
const client = new OpenAI({ apiKey: "unused", baseURL, maxRetries: 0 });

const attempt = async (request) => {
  try {
    await client.completions.create(request);
    return null;
  } catch (error) {
    return error;
  }
};

if (only === "busy") {
  const error = await attempt({ model: "forest", prompt: "the" });
  console.log(JSON.stringify(`${error.constructor.name} ${error.status}`));
  process.exit(0);
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);
const retrieved = await client.models.retrieve("expert:python");

const request = { model: "forest:top_k=2", prompt: "the", max_tokens: 60, temperature: 0, seed: 7, stop: ["never"] };
const whole = await client.completions.create(request);

let streamed = "";
let finish = null;
let usage = null;
const stream = await client.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  usage = chunk.usage ?? usage;
  for (const choice of chunk.choices) {
    streamed += choice.text;
    finish = choice.finish_reason ?? finish;
  }
}

const describe = (error) => `${error.constructor.name} ${error.status} ${error.code} ${error.param}`;
const notFound = describe(await attempt({ model: "expert:nobody", prompt: "the" }));
const badRequest = describe(await attempt({ model: "forest", prompt: "the", temperature: -1 }));
console.log(JSON.stringify({ models, retrieved: retrieved.id, text: whole.choices[0].text, streamed, finish, usage, notFound, badRequest }));
