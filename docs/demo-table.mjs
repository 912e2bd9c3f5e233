// The demo's last step, as a client of the running server.
// usage: node docs/demo-table.mjs table SERVER CORPUS OUT.json DOMAIN…   bits per byte and perplexity of held-out text, by domain
//        node docs/demo-table.mjs load SERVER OUT.json                  requests on four streams until SIGTERM; exit code 1 if one fails
//        node docs/demo-table.mjs show BEFORE.json AFTER.json LOAD.json
import fs from "node:fs";

const [verb, ...args] = process.argv.slice(2);
const bytesPerDomain = 12000;

async function complete(server, request) {
  const answer = await fetch(`${server}/v1/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ model: "forest", ...request }) });
  const body = await answer.json();
  return answer.ok ? body : { error: `${server}: ${answer.status}: ${body.error?.message ?? JSON.stringify(body)}`, status: answer.status };
}

/** Parts of test documents, a few from each, that end at white space. */
function parts(corpus, domain, length) {
  const documents = fs.readFileSync(`${corpus}/${domain}/test.jsonl`, "utf8").split("\n").filter(line => line.trim()).map(line => JSON.parse(line).text);
  const count = Math.ceil(bytesPerDomain / length), each = Math.max(1, Math.ceil(count / documents.length)), some = [];
  for (const text of documents) {
    for (let i = 0; i < each && some.length < count; i++) {
      const at = Math.floor((text.length - length) * (i + 0.5) / each);
      if (at < 0) break;
      const start = text.slice(at).search(/\s\S/) + at + 1, part = text.slice(start, start + length).replace(/\S*$/, "").trimEnd();
      if (part) some.push(part);
    }
  }
  return some;
}

/** Null: the part does not fit the context. */
async function score(server, prompt) {
  const body = await complete(server, { prompt, max_tokens: 0, echo: true, logprobs: 0 });
  if (body.status === 400 && /context/.test(body.error)) return null;
  if (body.error) throw new Error(body.error);
  const logprobs = body.choices[0].logprobs.token_logprobs.filter(p => p !== null);
  return { nats: -logprobs.reduce((sum, p) => sum + p, 0), tokens: logprobs.length };
}

async function table(server, corpus, out, ...domains) {
  const figures = {};
  for (const domain of domains) {
    let nats = 0, tokens = 0, bytes = 0;
    const pieces = parts(corpus, domain, 240);
    while (pieces.length) {
      const piece = pieces.shift(), scored = await score(server, piece);
      if (scored === null) {
        const half = piece.length >> 1, middle = half + Math.max(0, piece.slice(half).search(/\s/));
        pieces.unshift(piece.slice(0, middle), piece.slice(middle));
        continue;
      }
      nats += scored.nats;
      tokens += scored.tokens;
      bytes += Buffer.byteLength(piece);
    }
    figures[domain] = { bits_per_byte: nats / Math.LN2 / bytes, perplexity: Math.exp(nats / tokens), tokens };
  }
  fs.writeFileSync(out, JSON.stringify(figures, null, 2) + "\n");
}

async function load(server, out) {
  let stop = false;
  process.on("SIGTERM", () => { stop = true; });
  const count = { answered: 0, failed: 0, first_failure: null };
  const stream = async (model, prompt) => {
    while (!stop) {
      const body = await complete(server, { model, prompt, max_tokens: 40, temperature: 0.7 });
      const reason = body.error ?? body.choices[0].finish_reason;
      if (reason === "length" || reason === "stop") count.answered++;
      else {
        count.failed++;
        count.first_failure ??= reason;
      }
      await new Promise(resolve => setTimeout(resolve, 20)); // on two cores the change needs some of them, too
    }
  };
  await Promise.all([["forest", "She had always"], ["forest:top_k=2", "def read_lines(self, path):"], ["forest", "class Reader:"], ["average", "And the LORD"]].map(([model, prompt]) => stream(model, prompt)));
  fs.writeFileSync(out, JSON.stringify(count) + "\n");
  if (count.failed) process.exitCode = 1;
}

function show(...files) {
  const [before, after, count] = files.map(f => JSON.parse(fs.readFileSync(f, "utf8")));
  const line = (name, ...cells) => console.log(name.padEnd(10) + cells.map(c => String(c).padStart(16)).join(""));
  line("", "bits per byte", "after", "perplexity", "after");
  for (const domain of Object.keys(before)) {
    const [b, a] = [before[domain], after[domain]];
    line(domain, b.bits_per_byte.toFixed(3), a.bits_per_byte.toFixed(3), b.perplexity.toFixed(1), a.perplexity.toFixed(1));
  }
  console.log(`${count.answered} requests were answered while it was removed, ${count.failed} failed`);
}

await { table, load, show }[verb](...args);
