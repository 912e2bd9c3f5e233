// One server asked over HTTP and over gRPC by turns, from one process of Node: the time to the first token, the tokens a second of several
// streams, and what a schema costs. Usage: pair.mjs MODULES PROTOS HTTP GRPC [MODEL] [ROUNDS]
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

const [modules, protos, http, grpcAddress, model = 'expert', rounds = '15'] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const grpc = require('@grpc/grpc-js');
const definition = require('@grpc/proto-loader').loadSync('btx/v1/inference.proto', { includeDirs: [protos], keepCase: true });
const rpc = new (grpc.loadPackageDefinition(definition).btx.v1.Inference)(grpcAddress, grpc.credentials.createInsecure());
const OpenAI = require('openai').default ?? require('openai');
const openai = new OpenAI({ baseURL: `${http}/v1`, apiKey: 'none', maxRetries: 0 });
const prompt = 'In the beginning God created';

const fields = (tokens, more) => ({ model, prompt, max_tokens: tokens, temperature: 0, ignore_eos: !more, stream: true, ...more });

// Each takes a number of tokens; gives the moments at which tokens came.
const clients = {
  async fetch(tokens, more) {
    const response = await fetch(`${http}/v1/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields(tokens, more)),
    });
    if (!response.ok) throw new Error(await response.text());
    const at = [];
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      const events = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = events.pop();
      for (const event of events) {
        const data = event === 'data: [DONE]' ? {} : JSON.parse(event.slice(6));
        if (data.usage) at.tokens = data.usage.completion_tokens;
        else if (data.choices) at.push(performance.now());
      }
    }
    return at;
  },
  async openai(tokens, more) {
    const at = [];
    for await (const _ of await openai.completions.create(fields(tokens, more))) at.push(performance.now());
    return at;
  },
  grpc(tokens, more) {
    const [mode, name] = model.split(':');
    const call = rpc.Generate({
      prompt: { text: prompt }, max_tokens: tokens, sampling: { temperature: 0 }, ignore_eos: !more,
      routing: mode === 'expert' ? { mode: 'MODE_EXPERT', expert: name } : {},
    });
    const at = [];
    return new Promise((resolve, reject) => call.on('data', () => at.push(performance.now())).on('error', reject)
      .on('end', () => resolve(at)));
  },
};

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1];
const show = (name, values, unit, digits = 2) => console.log(`  ${name.padEnd(8)} ${median(values).toFixed(digits)} ${unit}  (${Math.min(
  ...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`);
const turns = (list, i) => list.map((_, j) => list[(i + j) % list.length]);

const serverSeconds = async () => +/^process_cpu_seconds_total (\S+)/m.exec(await (await fetch(`${http}/metrics`)).text())[1];
const costs = { fetch: [], openai: [], grpc: [] }, own = { fetch: [], openai: [], grpc: [] };
const firsts = { fetch: [], openai: [], grpc: [] }, rates = { fetch: [], openai: [], grpc: [] };
const names = Object.keys(clients), Streams = 8, Requests = 10, Tokens = 96;
for (let round = -3; round < +rounds; round++) {
  for (const name of turns(names, round + 3)) {
    const waits = [];
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      waits.push((await clients[name](2))[0] - began);
    }
    const [before, cpu, began] = [await serverSeconds(), process.cpuUsage(), performance.now()];
    const all = await Promise.all(Array.from({ length: Streams }, async () => {
      let count = 0;
      for (let i = 0; i < Requests; i++) count += (await clients[name](Tokens)).length;
      return count;
    }));
    const rate = Streams * Requests * Tokens / (performance.now() - began) * 1000;
    const used = process.cpuUsage(cpu), tokens = Streams * Requests * Tokens;
    if (round >= 0) own[name].push((used.user + used.system) / tokens), costs[name].push((await serverSeconds() - before) * 1e6 / tokens);
    if (Math.min(...all) < Requests * Tokens * 0.9) throw new Error(`${name}: a stream had ${Math.min(...all)} events`);
    if (round >= 0) firsts[name].push(median(waits)), rates[name].push(rate);
  }
}

console.log(`time to the first token, one request at a time, median of 20 in each of ${rounds} rounds:`);
for (const name of names) show(name, firsts[name], 'ms');
console.log(`tokens a second of ${Streams} streams:`);
for (const name of names) show(name, rates[name], 'tokens/s', 0);
console.log('processor time a token: the server and its model, then the client:');
for (const name of names) show(name, costs[name], 'us', 1), show('', own[name], 'us', 1);
const ratio = (a, b) => median(a.map((value, i) => value / b[i])).toFixed(2);
console.log(`first token, HTTP over gRPC: ${ratio(firsts.fetch, firsts.grpc)} (bar 1.3); with openai: ${ratio(firsts.openai, firsts.grpc)}`);
console.log(`tokens/s, HTTP over gRPC: ${ratio(rates.fetch, rates.grpc)} (bar 0.9); with openai: ${ratio(rates.openai, rates.grpc)}`);

// With a schema and without, the same prompt, by turns, as many tokens: those of the schema's answer.
const response_format = { type: 'json_schema', json_schema: { name: 'list', schema: {
  type: 'object', properties: { title: { type: 'string', minLength: 20, maxLength: 40 }, year: { type: 'integer', minimum: 0, maximum: 9999 },
    tags: { type: 'array', items: { type: 'string', minLength: 6, maxLength: 10 }, minItems: 3, maxItems: 4 } },
  required: ['title', 'year', 'tags'], additionalProperties: false } } };
const counted = { stream_options: { include_usage: true } }, held = { response_format, ...counted };
const began = performance.now();
const count = (await clients.fetch(120, held)).tokens;
const first = performance.now() - began;
const speeds = { schema: [], plain: [] };
for (let pair = 0; pair < 6 * rounds; pair++) {
  for (const kind of turns(['schema', 'plain'], pair)) {
    const start = performance.now();
    const at = kind === 'schema' ? await clients.fetch(120, held) : await clients.fetch(count, { ...counted, ignore_eos: true });
    if (at.tokens !== count) throw new Error(`${kind}: ${at.tokens} tokens in place of ${count}`);
    speeds[kind].push(count / (at.at(-1) - start) * 1000);
  }
}

console.log(`a schema, answers of ${count} tokens, the first request of all ${first.toFixed(1)} ms, then ${6 * rounds} pairs:`);
for (const kind of ['plain', 'schema']) show(kind, speeds[kind], 'tokens/s', 0);
const cost = median(speeds.schema.map((speed, i) => 1e6 / speed - 1e6 / speeds.plain[i]));
console.log(`a mask and what goes with it: ${cost.toFixed(1)} us a token`);
console.log(`tokens/s, with a schema over without: ${ratio(speeds.schema, speeds.plain)} (bar 0.95)`);
rpc.close();
