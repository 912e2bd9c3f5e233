# Sourced by ./btx demo. Without more it builds the trainer and runs the plan of trainer/Runs/Demo.cs, which starts what is below as stages:
#   programs                    builds exporter and server beside training
#   requests DIR HTTP GRPC      generates in each mode from a running server
#   removal  DIR HTTP GRPC      takes python out of it under load, and asks before and after
server=(dotnet "$root/artifacts/bin/Btx.Server/release/Btx.Server.dll")
domains=(novels bible python german)
prompts=("She had always believed that her sister" "And the LORD spake unto Moses, saying" "def read_lines(self, path):" "Klicken Sie auf das Symbol")

programs() {
  renice -n 19 "$BASHPID" >/dev/null # in the time that training leaves
  run_setup
}

generate() { # PROMPT, then flags
  "${server[@]}" generate "$@" --server "http://127.0.0.1:$grpc" --temperature 0.7 --seed 1 || die "generation failed ($*)"
}

requests() {
  local n mode answer modes=("ensemble" "top_k --k 1" "top_p --p 0.9" "average" "expert --expert" "moe --k 2")
  for n in "${!domains[@]}"; do
    printf '\n-- %s\n' "${domains[n]}"
    for mode in "${modes[@]}"; do
      case $mode in *--expert) mode="$mode ${domains[n]}" ;; esac
      # shellcheck disable=SC2086
      answer=$(generate "${prompts[n]}" --mode $mode --max-tokens 40)
      printf '%-24s %s\n' "[$mode]" "${answer//$'\n'/ }"
    done
  done
  printf '\n-- which expert contributed most to each token\n'
  generate "${prompts[2]}" --mode ensemble --show-experts --max-tokens 60
  printf '\n-- the BTX model: which expert each token was routed to\n'
  generate "${prompts[0]}" --mode moe --k 2 --show-experts --max-tokens 60
}

held_out() { # FILE: bits per byte and perplexity of each domain's held-out text, a line each
  local d asked=()
  for d in "${domains[@]}"; do
    "${server[@]}" score --file "$dir/corpus/$d/test.jsonl" --sample 12000 --mode ensemble --server "127.0.0.1:$grpc" \
      | sed -nE "s/.*perplexity ([0-9.]+), ([0-9.]+) bits per byte.*/$d \\2 \\1/p" >"$1-$d" &
    asked+=("$!")
  done
  wait "${asked[@]}" || true
  for d in "${domains[@]}"; do cat "$1-$d"; done >"$1"
  [ "$(wc -w <"$1")" = 12 ] || die "the server could not be asked"
}

stream() { # FILE MODEL PROMPT: one request after another until SIGTERM, over bash's own sockets; then how many were answered and failed
  local answered=0 failed=0 stop='' answer body="{\"model\": \"$2\", \"prompt\": \"$3\", \"max_tokens\": 40, \"temperature\": 0.7}"
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
      *) failed=$((failed + 1)); say "$answer" ;;
    esac
    sleep 0.02 # on two cores the change needs some of them, too
  done
  echo "$answered $failed" >"$1"
}

removal() {
  local models=(forest average forest:top_k=2 forest) loads=() answered=0 failed=0 n a f d b p at=$dir/removal
  mkdir -p "$at"
  held_out "$at/before"
  for n in "${!models[@]}"; do stream "$at/load-$n" "${models[n]}" "${prompts[n]}" & loads+=("$!"); done
  "${server[@]}" experts remove python --server "127.0.0.1:$grpc" --admin-key-file "$dir/admin.key" --yes --author demo --reason "this domain is to go" --certificate "$at/certificate.json" || die "python was not removed"
  kill -TERM "${loads[@]}"
  wait "${loads[@]}" || true
  while read -r a f; do answered=$((answered + a)) failed=$((failed + f)); done < <(cat "$at"/load-[0-3])
  held_out "$at/after"
  printf '\n-- held-out text, asked of the server before and after\n%-10s%16s%16s%16s%16s\n' "" "bits per byte" after perplexity after
  while read -r d b p a f; do printf '%-10s%16.3f%16.3f%16.1f%16.1f\n' "$d" "$b" "$a" "$p" "$f"; done < <(join --nocheck-order "$at/before" "$at/after")
  echo "$answered requests were answered while it was removed, $failed failed"
  [ "$failed" = 0 ] && [ "$answered" -gt 0 ] || die "requests failed while python was removed"
  printf '\n-- python code, from the three experts that are left\n'
  generate "${prompts[2]}" --mode ensemble --show-experts --max-tokens 40
  printf '\n-- the certificate, checked offline: ./btx experts verify %s --forest %s\n' "$at/certificate.json" "$dir/served"
  "${server[@]}" experts verify "$at/certificate.json" --forest "$dir/served" || die "the certificate does not hold"
}

case "$# ${1:-} ${4:-}" in # as the plan starts them
  "1 programs "|"4 requests "[1-9]*|"4 removal "[1-9]*) dir=${2:-} http=${3:-} grpc=${4:-}; "$1" ;;
  *) program trainer/Btx.Trainer demo --started "$EPOCHREALTIME" "$@" ;;
esac
