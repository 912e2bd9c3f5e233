// Mean and range of several evaluations as a Markdown table; called by reproduction.sh: FILE.json|- EVALUATION.json shared:EVALUATION.json ...
// A file with a prefix belongs to the run before it, and its rows bear the prefix.
import { readFileSync, writeFileSync } from 'node:fs';

const [out, ...files] = process.argv.slice(2);
const runs = [];
for (const file of files) {
  const prefix = /^[a-z]+:/.exec(file)?.[0] ?? '';
  const report = JSON.parse(readFileSync(file.slice(prefix.length), 'utf8'));
  if (prefix === '') {
    runs.push(report);
    continue;
  }
  const into = (target, rows) => { for (const [mode, value] of Object.entries(rows)) target[prefix + mode] = value; };
  for (const domain of Object.keys(report.bits_per_byte)) into(runs.at(-1).bits_per_byte[domain], report.bits_per_byte[domain]);
  into(runs.at(-1).mean.bits_per_byte.train, report.mean.bits_per_byte.train);
  into(runs.at(-1).compute, report.compute);
}
const domains = Object.keys(runs[0].bits_per_byte);
const modes = Object.keys(runs[0].bits_per_byte[domains[0]]).filter(m => !/^([a-z]+:)?expert:/.test(m));
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
const margins = {};
for (const btx of ['moe', 'shared:moe'].filter(m => modes.includes(m))) {
  console.log(`\n| margin of ${btx} over | ${columns.join(' | ')} | better in |`);
  console.log(`|---|${'---|'.repeat(columns.length + 1)}`);
  margins[btx] = {};
  for (const rival of modes.filter(m => m in runs[0].compute && m !== btx && !/moe:|^btx/.test(m) && (btx !== 'moe' || !m.startsWith('shared:')))) {
    const by = margins[btx][rival] = Object.fromEntries(columns.map(c => [c, spread(runs.map(r => of(r, c, rival) - of(r, c, btx)))]));
    const pairs = runs.flatMap(r => domains.map(d => of(r, d, rival) > of(r, d, btx)));
    console.log(`| ${rival} | ${columns.map(c => `${by[c].mean.toFixed(3)} (${by[c].min.toFixed(3)}..${by[c].max.toFixed(3)})`).join(' | ')} | ${pairs.filter(Boolean).length} of ${pairs.length} |`);
  }
}

if (out !== '-') writeFileSync(out, `${JSON.stringify({ runs: files.length, bits_per_byte: table, margins, evaluations: runs }, null, 2)}\n`);
