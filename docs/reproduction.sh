# Sourced by ./btx reproduce: the papers' comparisons on real text. A seed, a forest, BTX and every baseline at equal compute, for each
# random seed; then one table with mean and range. Every step is resumable: the same command goes on where it was stopped.

reproduce_usage() {
  cat <<'TEXT'
./btx reproduce: BTX, BTM and their baselines at equal training compute, over several random seeds

  --domains 4|8|a,b   4: novels,bible,python,german; 8: all training domains; or a list (default 4)
  --preset NAME       demo (0.28 M parameters) or tiny (1 M) (default demo)
  --random-seed LIST  one run for each (default 1,2,3)
  --corpus DIR        made by: ./btx corpus --set full --out DIR (default ./corpora)
  --dir DIR           where everything is kept (default ./reproduction/PRESET-DOMAINS); run again to resume
  --seed-tokens N     default 600k
  --seed-schedule S   constant, or linear: falling to a tenth (default constant)
  --expert-tokens N   of each expert (default 150k)
  --tune-tokens N     of BTX's fine-tuning (default 62.5k for each expert)
  --tune-lr RATE      of every fine-tuning (default half the preset's rate)
  --shared-lr RATE    of experts that share all but their feed-forwards (default twice the seed's rate)
  --lr-sweep LIST     rates that the dense model chooses from (default by preset)
  --upcycle-lr RATE   of sparse upcycling and of the continued seed (default: the seed's rate)
  --skip LIST         rows to leave out: dense, continued, upcycled-tune, mix-random
  --equal-tokens      also a dense model that gets as many tokens as BTX, which is less compute
  --ablations         also fine-tune with the other routers, without load balancing, with frozen experts, from random routers
  --test-tokens N     of each domain that the table rests on (default 100k)
  --json FILE         figures of every run and of the table

Compute is 6 x active parameters x tokens. The dense model, the continued seed, sparse upcycling and the fine-tuned average each get as
much as BTX does, what the seed took included where it is their start. upcycled-tune gets BTX's fine-tuning alone.
Rows that begin with "shared:" are of a second forest from the same seed, whose experts learn only their feed-forwards (--freeze shared).

Examples:
  ./btx corpus --set full --out corpora
  ./btx reproduce --domains 4 --ablations
  ./btx reproduce --domains 8 --json eight.json
  ./btx reproduce --preset tiny --random-seed 1,2
  ./btx reproduce --seed-tokens 6M --seed-schedule linear --expert-tokens 37500 --tune-tokens 582k --shared-lr 4e-3 --tune-lr 5e-4 --upcycle-lr 5e-4
TEXT
}

wants() { [ "$1" -ge 2 ] || { say "error: $2 needs a value"; exit 2; }; }
count() { # 600000, 600k, 1.2M
  awk -v t="$1" 'BEGIN { s = substr(t, length(t)); f = s == "k" ? 1e3 : s == "M" ? 1e6 : 1; if (f > 1) t = substr(t, 1, length(t) - 1); if (t !~ /^[0-9]+(\.[0-9]+)?$/) exit 1; printf "%d", t * f }' || { say "error: \"$1\" is no count; expected one such as 600000, 600k or 1.2M"; exit 2; }
}

set=4 preset=demo seeds=1,2,3 corpus=$root/corpora dir='' json='' ablations='' equal_tokens='' sweep='' upcycle_lr='' tune_tokens='' tune_lr='' shared_lr='' schedule=constant skip='' test_tokens=100k
seed_tokens=600k expert_tokens=150k
while [ $# -gt 0 ]; do
  case $1 in
    --domains) wants $# "$1"; set=$2; shift 2 ;;
    --preset) wants $# "$1"; preset=$2; shift 2 ;;
    --random-seed) wants $# "$1"; seeds=$2; shift 2 ;;
    --corpus) wants $# "$1"; corpus=$2; shift 2 ;;
    --dir) wants $# "$1"; dir=$2; shift 2 ;;
    --seed-tokens) wants $# "$1"; seed_tokens=$2; shift 2 ;;
    --expert-tokens) wants $# "$1"; expert_tokens=$2; shift 2 ;;
    --tune-tokens) wants $# "$1"; tune_tokens=$2; shift 2 ;;
    --seed-schedule) wants $# "$1"; schedule=$2; shift 2 ;;
    --tune-lr) wants $# "$1"; tune_lr=$2; shift 2 ;;
    --shared-lr) wants $# "$1"; shared_lr=$2; shift 2 ;;
    --test-tokens) wants $# "$1"; test_tokens=$2; shift 2 ;;
    --skip) wants $# "$1"; skip=$2; shift 2 ;;
    --lr-sweep) wants $# "$1"; sweep=$2; shift 2 ;;
    --upcycle-lr) wants $# "$1"; upcycle_lr=$2; shift 2 ;;
    --equal-tokens) equal_tokens=1; shift ;;
    --ablations) ablations=1; shift ;;
    --json) wants $# "$1"; json=$2; shift 2 ;;
    -h|--help) reproduce_usage; exit 0 ;;
    *) say "error: unknown option \"$1\"; ./btx reproduce --help lists them"; exit 2 ;;
  esac
done
case $set in
  4) domains=novels,bible,python,german ;;
  8) domains=novels,bible,wordnet,python,setmm,man,german,speeches ;;
  *) domains=$set ;;
esac
[[ $seeds =~ ^[0-9]+(,[0-9]+)*$ ]] || { say "error: --random-seed $seeds: expected whole numbers such as 1,2,3"; exit 2; }
experts=$(tr ',' '\n' <<<"$domains" | grep -c .)
[ "$experts" -ge 2 ] || { say "error: --domains $set: at least two are needed"; exit 2; }
case $preset in # width, inner width, layers; windows in a step and learning rate of the seed
  demo) d=64 f=172 l=3 batch=2 rate=4e-3; sweep=${sweep:-4e-3,8e-3,16e-3} ;;
  tiny) d=128 f=344 l=4 batch=2 rate=2e-3; sweep=${sweep:-2e-3,4e-3,8e-3} ;;
  *) say "error: --preset $preset: choose demo or tiny"; exit 2 ;;
esac
case $schedule in
  constant) falling=() ;;
  linear) falling=(--schedule linear --min-lr "$(awk -v r="$rate" 'BEGIN { printf "%g", r / 10 }')") ;;
  *) say "error: --seed-schedule $schedule: choose constant or linear"; exit 2 ;;
esac
for row in ${skip//,/ }; do
  case $row in dense|continued|upcycled-tune|mix-random) ;; *) say "error: --skip $row: choose of dense, continued, upcycled-tune, mix-random"; exit 2 ;; esac
done
[ -z "$equal_tokens$ablations" ] || [[ ,$skip, != *,dense,* && ,$skip, != *,mix-random,* ]] || { say "error: --skip $skip: --equal-tokens needs dense, --ablations needs mix-random"; exit 2; }
test_tokens=$(count "$test_tokens") seed_tokens=$(count "$seed_tokens") expert_tokens=$(count "$expert_tokens")
tune_tokens=$(count "${tune_tokens:-$((62500 * experts))}")
[ -f "$corpus/corpus.json" ] || die "$corpus holds no corpus; make one with: ./btx corpus --set full --out $corpus"
corpus=$(cd "$corpus" && pwd)
dir=${dir:-$root/reproduction/$preset-$experts}
mkdir -p "$dir" || die "cannot create $dir"
dir=$(cd "$dir" && pwd)
[ -z "$json" ] || { mkdir -p "$(dirname "$json")" && json=$(cd "$(dirname "$json")" && pwd)/$(basename "$json"); }

# Active parameters of the dense model, and of the mixture with two experts per token (routers included).
dense_active=$((2048 * d + l * (4 * d * d + 3 * d * f + 2 * d) + d))
mixture_active=$((dense_active + l * (3 * d * f + experts * d)))
equal() { echo $(($1 * $2 / $3 / 1000 * 1000)); } # $1 tokens at $2 active parameters, in tokens at $3
tune_dense=$(equal "$tune_tokens" "$mixture_active" "$dense_active")
branched=$((experts * expert_tokens))
dense_tokens=$((seed_tokens + branched + tune_dense))
upcycle_tokens=$((tune_tokens + $(equal "$branched" "$dense_active" "$mixture_active")))

setup
build Btx.Trainer trainer/Btx.Trainer.csproj
trainer=(dotnet "$root/artifacts/bin/Btx.Trainer/release/Btx.Trainer.dll")
text=(--corpus "$corpus" --domains "$domains" --shards "$dir/shards")
exact=(--no-early-stop) # budgets are compared: nobody stops before the others
lanes=()
cleanup() { local p; for p in "${lanes[@]}"; do kill -- "-$p" 2>/dev/null || true; done; wait 2>/dev/null || true; }
trap cleanup EXIT
trap 'say "interrupted; the same command goes on from here"; exit 130' INT TERM

run() { # name of the step, then a verb of the trainer; its output goes to NAME.log
  local name=$1 log=$at/$1.log; shift
  "${trainer[@]}" "$@" >"$log" 2>&1 </dev/null || { tail -n 3 "$log" >&2; say "error: $name failed; its output is in $log"; return 1; }
  printf '%s  %-14s %s\n' "$(basename "$at")" "$name" "$(tail -n 1 "$log")"
}
tune() { # name, model, tokens, further flags
  local name=$1 model=$2 tokens=$3; shift 3
  run "$name" train finetune --model "$model" "${text[@]}" "${exact[@]}" --batch $batch --tokens "$tokens" --random-seed "$random" --out "$at/$name" "$@"
}
kept() { [[ ,$skip, != *,$1,* ]]; }
until_done() { # a step of the other lane
  while [ ! -f "$at/$1.done" ]; do [ ! -f "$at/failed" ] || return 1; sleep 1; done
}

forest_lane() {
  run seed train seed "${text[@]}" "${exact[@]}" --tokenizer "$dir/tokenizer" --preset "$preset" --batch $batch --lr "$rate" --tokens "$seed_tokens" --random-seed "$random" "${falling[@]}" --out "$at/seed" || return 1
  touch "$at/seed.done"
  run round train round --forest "$at/forest" --seed "$at/seed" "${text[@]}" "${exact[@]}" --tokens "$expert_tokens" --random-seed "$random" --min-lr 0 || return 1
  run mix-ridge train mix --forest "$at/forest" --corpus "$corpus" --shards "$dir/shards" --router-init ridge --out "$at/mix-ridge" || return 1
  ! kept mix-random || run mix-random train mix --forest "$at/forest" --router-init random --random-seed "$random" --out "$at/mix-random" || return 1
  touch "$at/mix.done"
  tune btx "$at/mix-ridge" "$tune_tokens" "${tuned[@]}" || return 1
  [ -d "$at/average" ] || run average train average --forest "$at/forest" --weights uniform --out "$at/average" || return 1
  tune average-tuned "$at/average" "$tune_dense" "${tuned[@]}" || return 1
  run shared-round train round --forest "$at/shared" --seed "$at/seed" "${text[@]}" "${exact[@]}" --tokens "$expert_tokens" --random-seed "$random" --lr "$shared_lr" --min-lr 0 --freeze shared || return 1
  run shared-mix train mix --forest "$at/shared" --corpus "$corpus" --shards "$dir/shards" --router-init ridge --out "$at/shared-mix" || return 1
  tune shared-btx "$at/shared-mix" "$tune_tokens" "${tuned[@]}" || return 1
  [ -d "$at/shared-average" ] || run shared-average train average --forest "$at/shared" --weights uniform --out "$at/shared-average" || return 1
  tune shared-tuned "$at/shared-average" "$tune_dense" "${tuned[@]}" || return 1
  ! kept continued || run continued train dense --from "$at/seed" "${text[@]}" "${exact[@]}" --batch $batch --lr "${upcycle_lr:-$rate}" --tokens "$((branched + tune_dense))" --random-seed "$random" --out "$at/continued" || return 1
  [ -z "$ablations" ] || {
    tune btx-frozen "$at/mix-ridge" "$tune_tokens" --freeze experts &&
    tune btx-random "$at/mix-random" "$tune_tokens" &&
    tune btx-unbalanced "$at/mix-random" "$tune_tokens" --load-balancing 0
  }
}

baseline_lane() {
  ! kept dense || run dense train dense "${text[@]}" "${exact[@]}" --tokenizer "$dir/tokenizer" --preset "$preset" --batch $batch --tokens "$dense_tokens" --random-seed "$random" --lr-sweep "$sweep" --sweep-tokens $((seed_tokens / 6)) --out "$at/dense" || return 1
  [ -z "$equal_tokens" ] || run dense-tokens train dense "${text[@]}" "${exact[@]}" --tokenizer "$dir/tokenizer" --preset "$preset" --batch $batch --tokens $((seed_tokens + branched + tune_tokens)) --random-seed "$random" \
    --lr "$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).best' "$at/dense/lr_sweep.json")" --out "$at/dense-tokens" || return 1
  until_done seed || return 1
  run upcycle train mix --upcycle "$at/seed" --copies "$experts" --router-init random --random-seed "$random" --out "$at/upcycle" || return 1
  tune upcycled "$at/upcycle" "$upcycle_tokens" --lr "${upcycle_lr:-$rate}" || return 1
  ! kept upcycled-tune || tune upcycled-tune "$at/upcycle" "$tune_tokens" "${tuned[@]}" || return 1
  [ -z "$ablations" ] || {
    until_done mix &&
    tune btx-switch "$at/mix-ridge" "$tune_tokens" --router switch &&
    tune btx-sample "$at/mix-ridge" "$tune_tokens" --router sample_top1 &&
    tune btx-soft "$at/mix-ridge" "$tune_tokens" --router soft
  }
}

shared_lr=${shared_lr:-$(awk -v r="$rate" 'BEGIN { printf "%g", 2 * r }')}
tuned=(${tune_lr:+--lr "$tune_lr"})
compared=()
for name in continued average-tuned upcycled upcycled-tune mix-random mix-ridge; do ! kept $name || compared+=($name); done
[ -z "$equal_tokens" ] || compared+=(dense-tokens)
[ -z "$ablations" ] || compared+=(btx-random btx-unbalanced btx-frozen btx-soft btx-sample btx-switch)
rm -f "$dir/failed"
at=$dir
[ -f "$dir/tokenizer/tokenizer.json" ] || run tokenizer tokenizer train --corpus "$corpus" --domains "$domains" --vocab-size 2048 --out "$dir/tokenizer" || exit 1
reports=()
for random in ${seeds//,/ }; do
  at=$dir/s$random
  mkdir -p "$at"
  rm -f "$at/failed" "$at"/*.done
  set -m # lanes are process groups, so that stopping one stops what it runs
  (forest_lane || touch "$at/failed") & lanes=($!)
  (baseline_lane || touch "$at/failed") & lanes+=($!)
  set +m
  wait "${lanes[@]}" || true
  lanes=()
  [ ! -f "$at/failed" ] || exit 1
  models=()
  for name in "${compared[@]}"; do models+=(--model "$name=$at/$name"); done
  trained=(); dense_mode=''
  ! kept dense || { trained=(--dense "$at/dense"); dense_mode=dense,; }
  run evaluation evaluate --forest "$at/forest" --corpus "$corpus" --domains "$domains" --seed-model "$at/seed" "${trained[@]}" --btx "$at/btx" "${models[@]}" --max-tokens-per-domain "$test_tokens" \
    --modes "seed,${dense_mode}models,moe,moe:k=1,moe:k=$experts,ensemble,top_1,top_2,average:uniform,average:posterior,experts" --json "$at/evaluation.json" --picture "$at/evaluation.svg" || exit 1
  run evaluation-shared evaluate --forest "$at/shared" --corpus "$corpus" --domains "$domains" --seed-model "$at/seed" --btx "$at/shared-btx" --model "average-tuned=$at/shared-tuned" --model "mix-ridge=$at/shared-mix" --max-tokens-per-domain "$test_tokens" \
    --modes "models,moe,moe:k=1,moe:k=$experts,ensemble,top_1,top_2,average:uniform,average:posterior,experts" --json "$at/evaluation-shared.json" || exit 1
  reports+=("$at/evaluation.json" "shared:$at/evaluation-shared.json")
done
node "$root/docs/reproduction.mjs" "${json:--}" "${reports[@]}" | tee "$dir/table.md"
