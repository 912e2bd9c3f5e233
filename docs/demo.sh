# Sourced by ./btx demo [--dir DIR] [--json FILE]: corpus -> tokenizer -> seed -> round of 4 experts -> BTX
# -> evaluate -> export -> serve -> generate in each mode -> remove a domain from the running server. Everything is made here and now; a second run resumes whatever the first had finished.

demo_usage() {
  cat <<'TEXT'
./btx demo: the whole way, on real text, in minutes

  --dir DIR    where everything is kept (default ./demo); run again to resume
  --json FILE  every figure as JSON
  --fresh      start over: removes what an earlier demo left in DIR, nothing else

Examples:
  ./btx demo
  ./btx demo --dir /tmp/demo --json /tmp/demo.json
TEXT
}

dir=$root/demo json=
while [ $# -gt 0 ]; do
  case $1 in
    --dir) [ $# -ge 2 ] || { say "error: --dir needs a directory"; exit 2; }; dir=$2; shift 2 ;;
    --json) [ $# -ge 2 ] || { say "error: --json needs a file"; exit 2; }; json=$2; shift 2 ;;
    --fresh) fresh=1; shift ;;
    -h|--help) demo_usage; exit 0 ;;
    *) say "error: unknown option \"$1\""; demo_usage >&2; exit 2 ;;
  esac
done
started=$(date +%s.%N)
since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }'; }
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n== %s\n' "$*"; }

# Only what a demo makes: DIR may hold other things.
if [ "${fresh:-}" ]; then
  for made in corpus tokenizer seed dense forest mix btx served served-btx removal demo.log demo.json dense.log serve.log evaluation.txt evaluation.json evaluation.svg admin.key; do rm -rf "${dir:?}/$made"; done
fi
mkdir -p "$dir" || die "cannot create $dir"
dir=$(cd "$dir" && pwd)
[ -z "$json" ] || { mkdir -p "$(dirname "$json")" && json=$(cd "$(dirname "$json")" && pwd)/$(basename "$json"); }
log=$dir/demo.log
: >>"$log"

setup
build Btx.Trainer trainer/Btx.Trainer.csproj
seconds_setup=$(since "$started")

# Arrays, not functions: a program in the background must itself be the process that is stopped.
trainer=(dotnet "$root/artifacts/bin/Btx.Trainer/release/Btx.Trainer.dll")
exporter=(dotnet "$root/artifacts/bin/Btx.Exporter/release/Btx.Exporter.dll")
server=(dotnet "$root/artifacts/bin/Btx.Server/release/Btx.Server.dll")
domains=novels,bible,python,german
children=()
cleanup() { local p; for p in "${children[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; }
trap cleanup EXIT
trap 'say "interrupted; the same command goes on from here"; exit 130' INT TERM

# The trainer is enough to begin with; what serves is built beside it, in the time that training leaves.
(renice -n 19 "$BASHPID" >/dev/null; build services exporter/Btx.Exporter.csproj server/host/Btx.Server.csproj && for name in Btx.Exporter Btx.Server; do cp "$state/built-services" "$state/built-$name"; done) &
building=$!
children+=("$building")

step "1/10  Text: four domains of real prose, scripture, code and German"
at=$(date +%s.%N)
"${trainer[@]}" corpus --set demo --out "$dir/corpus"
step "2/10  Tokens: a byte-level BPE vocabulary of 2,048"
"${trainer[@]}" tokenizer train --corpus "$dir/corpus" --domains $domains --vocab-size 2048 --out "$dir/tokenizer"
seconds_corpus=$(since "$at")

at=$(date +%s.%N)
step "3/10  Seed: one model on all four (600 k tokens); beside it, on the other core, the dense baseline (1.2 M tokens, learning rate swept)"
"${trainer[@]}" train dense --corpus "$dir/corpus" --tokenizer "$dir/tokenizer" --domains $domains --preset demo --tokens 1200000 --lr-sweep 4e-3,8e-3,16e-3 --sweep-tokens 100000 --out "$dir/dense" \
  >"$dir/dense.log" 2>&1 </dev/null &
dense=$!
children+=("$dense")
"${trainer[@]}" train seed --corpus "$dir/corpus" --tokenizer "$dir/tokenizer" --domains $domains --preset demo --tokens 600000 --out "$dir/seed"
step "4/10  Round: branch four experts from the seed, train each on its own domain alone (150 k tokens each), merge"
"${trainer[@]}" train round --forest "$dir/forest" --seed "$dir/seed" --corpus "$dir/corpus" --domains $domains --tokens 150000 --parallel 1
step "5/10  BTX: mix the experts' feed-forwards into one token-routed model (routers by ridge), fine-tune it on all four (250 k tokens)"
mixing=$(date +%s.%N)
"${trainer[@]}" train mix --forest "$dir/forest" --corpus "$dir/corpus" --router-init ridge --out "$dir/mix"
"${trainer[@]}" train finetune --model "$dir/mix" --corpus "$dir/corpus" --domains $domains --tokens 250000 --out "$dir/btx"
seconds_btx=$(since "$mixing")
if kill -0 "$dense" 2>/dev/null; then say "waiting for the dense baseline"; fi
wait "$dense" || { tail -n 5 "$dir/dense.log" >&2; die "the dense baseline failed; its output is in $dir/dense.log"; }
children=()
seconds_train=$(since "$at")

wait "$building" || die "the server could not be built"
step "6/10  Evaluate on held-out documents, beside the next two steps"
at_evaluation=$(date +%s.%N)
"${trainer[@]}" evaluate --forest "$dir/forest" --corpus "$dir/corpus" --seed-model "$dir/seed" --dense "$dir/dense" --model mix="$dir/mix" --btx "$dir/btx" --domains $domains \
  --json "$dir/evaluation.json" --picture "$dir/evaluation.svg" >"$dir/evaluation.txt" 2>>"$log" </dev/null &
evaluating=$!
children+=("$evaluating")

step "7/10  Export to ONNX, checked against a reference"
at=$(date +%s.%N)
if [ -e "$dir/served/forest.journal" ]; then rm -rf "$dir/served"; fi # an earlier demo removed an expert from it, for good
"${exporter[@]}" export --forest "$dir/forest" --out "$dir/served"
"${exporter[@]}" export --btx "$dir/btx" --out "$dir/served-btx"
seconds_export=$(since "$at")

step "8/10  Serve, and generate in each mode from one prompt per domain"
at=$(date +%s.%N)
free_port() { # the first free loopback port from $1
  local p=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
  echo "$p"
}
http=$(free_port 18080) grpc=$(free_port $((http + 1)))
key=$dir/admin.key # whoever has it may change the forest
(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$key")
"${server[@]}" serve --forest "$dir/served" --btx "$dir/served-btx" --admin-key-file "$key" --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" >"$dir/serve.log" 2>&1 </dev/null &
serving=$!
children+=("$serving")
for _ in $(seq 1 300); do
  kill -0 "$serving" 2>/dev/null || { tail -n 5 "$dir/serve.log" >&2; die "the server did not start; its output is in $dir/serve.log"; }
  (exec 3<>"/dev/tcp/127.0.0.1/$grpc") 2>/dev/null && break
  sleep 0.1
done
prompts=("novels|She had always believed that her sister" "bible|And the LORD spake unto Moses, saying" "python|def read_lines(self, path):" "german|Klicken Sie auf das Symbol")
modes=("--mode ensemble" "--mode top_k --k 1" "--mode top_p --p 0.9" "--mode average" "--mode expert --expert" "--mode moe --k 2")
for entry in "${prompts[@]}"; do
  domain=${entry%%|*} prompt=${entry#*|}
  printf '\n-- %s\n' "$domain"
  for mode in "${modes[@]}"; do
    case $mode in *--expert) mode="$mode $domain" ;; esac
    printf '%-24s ' "[${mode#--mode }]"
    # shellcheck disable=SC2086
    "${server[@]}" generate "$prompt" $mode --server "http://127.0.0.1:$grpc" --max-tokens 40 --temperature 0.7 --seed 1 2>>"$log" | tr '\n' ' ' || die "generation failed ($mode); see $log and $dir/serve.log"
    echo
  done
done
printf '\n-- which expert contributed most to each token\n'
"${server[@]}" generate "${prompts[2]#*|}" --mode ensemble --show-experts --server "http://127.0.0.1:$grpc" --max-tokens 60 --temperature 0.7 --seed 1 2>>"$log" || die "generation failed"
printf '\n-- the BTX model: which expert each token was routed to\n'
"${server[@]}" generate "${prompts[0]#*|}" --mode moe --k 2 --show-experts --server "http://127.0.0.1:$grpc" --max-tokens 60 --temperature 0.7 --seed 1 2>>"$log" || die "generation failed"
seconds_serve=$(since "$at")

step "9/10  Why a forest: bits per byte on held-out documents (lower is better)"
wait "$evaluating" || die "evaluation failed; $log says why; the same command goes on from here"
children=("$serving")
seconds_evaluate=$(since "$at_evaluation")
cat "$dir/evaluation.txt"

step "10/10  Take python out of the running server, under load"
at=$(date +%s.%N)
mkdir -p "$dir/removal"
held_out() { # FILE: bits per byte and perplexity of each domain's held-out text, a line each
  local d asked=()
  for d in ${domains//,/ }; do
    "${server[@]}" score --file "$dir/corpus/$d/test.jsonl" --sample 12000 --mode ensemble --server "127.0.0.1:$grpc" 2>>"$log" \
      | sed -nE "s/.*perplexity ([0-9.]+), ([0-9.]+) bits per byte.*/$d \\2 \\1/p" >"$1-$d" &
    asked+=("$!")
  done
  wait "${asked[@]}" || true
  for d in ${domains//,/ }; do cat "$1-$d"; done >"$1"
  [ "$(wc -w <"$1")" = 12 ] || die "the server could not be asked; see $log and $dir/serve.log"
}
stream() { # FILE MODEL PROMPT: one request after another until SIGTERM, over bash's own sockets; then how many were answered and failed
  local answered=0 failed=0 stop= answer body="{\"model\": \"$2\", \"prompt\": \"$3\", \"max_tokens\": 40, \"temperature\": 0.7}"
  trap 'stop=1' TERM
  while [ -z "$stop" ]; do
    answer=
    if exec 3<>"/dev/tcp/127.0.0.1/$http"; then
      printf 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "${#body}" "$body" >&3
      answer=$(cat <&3) || true
      exec 3>&-
    fi 2>/dev/null
    case $answer in
      *'"finish_reason":"length"'*|*'"finish_reason":"stop"'*) answered=$((answered + 1)) ;;
      *) failed=$((failed + 1)); printf '%s\n' "$answer" >>"$log" ;;
    esac
    sleep 0.02 # on two cores the change needs some of them, too
  done
  echo "$answered $failed" >"$1"
}
held_out "$dir/removal/before"
for load in "1|forest|She had always" "2|forest:top_k=2|def read_lines(self, path):" "3|forest|class Reader:" "4|average|And the LORD"; do
  IFS='|' read -r n model prompt <<<"$load"
  stream "$dir/removal/load-$n" "$model" "$prompt" &
  children+=("$!")
done
loads=("${children[@]:1}")
"${server[@]}" experts remove python --server "127.0.0.1:$grpc" --admin-key-file "$key" --yes --author demo --reason "this domain is to go" --certificate "$dir/removal/certificate.json" || die "python was not removed; see $dir/serve.log"
kill -TERM "${loads[@]}"
wait "${loads[@]}" || true
children=("$serving")
read -r answered failed < <(awk '{ a += $1; f += $2 } END { print a, f }' "$dir"/removal/load-[1-4])
held_out "$dir/removal/after"
printf '\n-- held-out text, asked of the server before and after\n'
printf '%-10s%16s%16s%16s%16s\n' "" "bits per byte" after perplexity after
join "$dir/removal/before" "$dir/removal/after" --nocheck-order | awk '{ printf "%-10s%16.3f%16.3f%16.1f%16.1f\n", $1, $2, $4, $3, $5 }'
echo "$answered requests were answered while it was removed, $failed failed"
[ "$failed" = 0 ] && [ "$answered" -gt 0 ] || die "requests failed while python was removed; see $log"
printf '\n-- python code, from the three experts that are left\n'
"${server[@]}" generate "${prompts[2]#*|}" --mode ensemble --show-experts --server "http://127.0.0.1:$grpc" --max-tokens 40 --temperature 0.7 --seed 1 2>>"$log" || die "generation failed"
printf '\n-- the certificate, checked offline: ./btx experts verify %s --forest %s\n' "$dir/removal/certificate.json" "$dir/served"
kill -TERM "$serving" && wait "$serving" || die "the server did not shut down cleanly; see $dir/serve.log"
children=()
"${server[@]}" experts verify "$dir/removal/certificate.json" --forest "$dir/served" || die "the certificate does not hold"
seconds_remove=$(since "$at")
seconds_total=$(since "$started")
figures() { # the evaluation's figures, and before them what this script measured
  printf '{\n  "seconds": { "total": %s, "setup": %s, "corpus": %s, "train": %s, "btx": %s, "evaluate": %s, "export": %s, "serve": %s, "remove": %s },\n' \
    "$seconds_total" "$seconds_setup" "$seconds_corpus" "$seconds_train" "$seconds_btx" "$seconds_evaluate" "$seconds_export" "$seconds_serve" "$seconds_remove"
  join "$dir/removal/before" "$dir/removal/after" --nocheck-order | awk 'BEGIN { printf "  \"removal\": {" }
    { printf "%s \"%s\": { \"bits_per_byte\": [%s, %s], \"perplexity\": [%s, %s] }", (NR > 1 ? "," : ""), $1, $2, $4, $3, $5 } END { print " }," }'
  sed '1s/^{//' "$dir/evaluation.json"
}
figures >"$dir/demo.json"
[ -z "$json" ] || cp "$dir/demo.json" "$json"
cat <<TEXT

Done in $seconds_total s (set-up $seconds_setup, corpus $seconds_corpus, train $seconds_train with BTX's $seconds_btx, evaluate $seconds_evaluate beside export $seconds_export, serve $seconds_serve, remove $seconds_remove).
Figures: $dir/demo.json   Heat map: $dir/evaluation.svg   Loss curves: $dir/seed/loss.svg   Routing: $dir/btx/routing.svg   Certificate: $dir/removal/certificate.json

Go on with:
  ./btx serve --forest $dir/served --btx $dir/served-btx --admin-key-file $key # gRPC on 8081, OpenAI-style HTTP on 8080
  ./btx generate "In the beginning" --mode ensemble --show-experts
  curl -s http://127.0.0.1:8080/v1/completions -H 'content-type: application/json' \\
       -d '{"model": "forest:top_k=2", "prompt": "In the beginning", "max_tokens": 40}'
  ./btx experts --help                                   # add, remove and average experts while it serves; changes need --admin-key-file $key
  ./btx train round --help                               # add domains of your own
TEXT
