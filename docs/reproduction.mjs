// Mean and range of several evaluations as a Markdown table; called by reproduction.sh: FILE.json|- EVALUATION.json ...
import { readFileSync, writeFileSync } from 'node:fs';

const [out, ...files] = process.argv.slice(2);
const runs = files.map(f => JSON.parse(readFileSync(f, 'utf8')));
const domains = Object.keys(runs[0].bits_per_byte);
const modes = Object.keys(runs[0].bits_per_byte[domains[0]]).filter(m => !m.startsWith('expert:'));
const of = (run, domain, mode) => domain === 'mean' ? run.mean.bits_per_byte.train[mode] : run.bits_per_byte[domain][mode];
const spread = values => ({ mean: values.reduce((a, b) => a + b) / values.length, min: Math.min(...values), max: Math.max(...values) });
const columns = [...domains, 'mean'];
const table = Object.fromEntries(modes.map(m => [m, Object.fromEntries(columns.map(c => [c, spread(runs.map(r => of(r, c, m)))]))]));
const cost = mode => spread(runs.map(r => r.compute[mode].flops)).mean;
const count = n => n >= 1e6 ? `${(n / 1e6).toFixed(2)} M` : `${Math.round(n / 1e3)} k`;

console.log(`\n| model | ${columns.join(' | ')} | range of the mean | tokens | FLOPs | active |`);
console.log(`|---|${'---|'.repeat(columns.length + 4)}`);
for (const mode of modes) {
  const { mean, min, max } = table[mode].mean;
  const c = runs[0].compute[mode];
  console.log(`| ${mode} | ${columns.map(x => table[mode][x].mean.toFixed(3)).join(' | ')} | ${min.toFixed(3)}..${max.toFixed(3)} | ${count(c.tokens)} | ${cost(mode).toExponential(2)} | ${c.active_parameters ? count(c.active_parameters) : 'varies'} |`);
}

// BTX against a rival, run by run and domain by domain: positive means that BTX is better.
console.log(`\n| BTX's margin over | ${columns.join(' | ')} | better in |`);
console.log(`|---|${'---|'.repeat(columns.length + 1)}`);
const margins = {};
for (const rival of modes.filter(m => m in runs[0].compute && m !== 'moe' && !m.startsWith('moe:') && !m.startsWith('btx'))) {
  const by = margins[rival] = Object.fromEntries(columns.map(c => [c, spread(runs.map(r => of(r, c, rival) - of(r, c, 'moe')))]));
  const pairs = runs.flatMap(r => domains.map(d => of(r, d, rival) > of(r, d, 'moe')));
  console.log(`| ${rival} | ${columns.map(c => `${by[c].mean.toFixed(3)} (${by[c].min.toFixed(3)}..${by[c].max.toFixed(3)})`).join(' | ')} | ${pairs.filter(Boolean).length} of ${pairs.length} |`);
}

if (out !== '-') writeFileSync(out, `${JSON.stringify({ runs: files.length, bits_per_byte: table, margins, evaluations: runs }, null, 2)}\n`);
