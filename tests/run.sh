# Sourced by ./btx test [ROOM ...]: fetches what tests compare with, builds, runs every room, adds up.
# The last line is always "N passed, N failed, N skipped": what ends before it could be counted is a failure.
rooms=("$@")
[ ${#rooms[@]} -gt 0 ] || rooms=(model cli trainer exporter engine forest loadtests host house)
for room in "${rooms[@]}"; do [ -d "$root/tests/$room" ] || { say "error: no tests/$room; there are: $(cd "$root/tests" && echo */)"; exit 2; }; done

export DOTNET_TieredPGO=0 # also for the programs that tests start: they live for seconds
passed=0 failed=0 skipped=0
failed_tests= # what the end says again, for whoever sees only the last lines
finish() {
  [ "$1" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  [ -z "$failed_tests" ] || printf '%s\n' "== what failed; the whole logs are artifacts/test-ROOM.log$failed_tests"
  echo "$passed passed, $failed failed, $skipped skipped"
}
failures() { # the log of a room, lines of each test that failed: what programs under test log in between is left out
  awk -v most="$2" '
    /\[FAIL\]$|\[FATAL|\[ERROR|Cleanup Failure/ { left = most }
    /^   / && left > 0 && shown < 200 { print substr($0, 1, 600); left--; shown++; next }
    !/^(trce|dbug|info|warn|fail|crit): / && !/^ *$/ { left = 0 }' "$1"
}
trap 'finish $?' EXIT
trap 'exit 130' INT TERM

# Test material that is fetched, never committed: vocabularies, promtool, the OpenAI client.
for fetch in "$root"/tests/fetch-*.sh; do
  [ -e "$fetch" ] || continue
  bash "$fetch" >&2 || die "$(basename "$fetch") failed; the tests need what it fetches"
done

if [ $# -eq 0 ]; then build tests Btx.Serving.sln; else for room in "${rooms[@]}"; do build "tests-$room" "$(cd "$root" && echo "tests/$room"/*.csproj)"; done; fi

for room in "${rooms[@]}"; do
  project=$(basename "$root"/tests/"$room"/*.csproj .csproj)
  log=$root/artifacts/test-$room.log
  say "== tests/$room"
  # The host's tests start programs and wait for them: more of them run side by side than there are cores.
  parallel=(); [ "$room" != host ] || parallel=(-maxThreads 4)
  (cd "$root" && timeout -k 10 1200 dotnet "artifacts/bin/$project/release/$project.dll" -noColor "${parallel[@]}") >"$log" 2>&1 && code=0 || code=$?
  # The runner's counts, in the order of its summary; a room that crashed has none.
  read -r total errors bad skip seconds < <(sed -nE 's/.*Total: ([0-9]+), Errors: ([0-9]+), Failed: ([0-9]+), Skipped: ([0-9]+).*Time: ([0-9.]+s).*/\1 \2 \3 \4 \5/p' "$log" | tail -n 1) || total=
  if [ -z "$total" ]; then
    tail -n 30 "$log" >&2
    say "tests/$room ended with code $code before its summary: counted as one failure"
    failed=$((failed + 1))
    continue
  fi
  bad=$((bad + errors))
  [ "$code" -eq 0 ] || [ "$bad" -gt 0 ] || { say "tests/$room ended with code $code after its summary: counted as one failure"; bad=1 total=$((total + 1)); }
  if [ "$bad" -gt 0 ]; then
    grep -q . < <(failures "$log" 30) && failures "$log" 30 || tail -n 30 "$log"
    failed_tests+=$(echo; echo "tests/$room:"; failures "$log" 4)
  fi
  say "   $((total - bad - skip)) passed, $bad failed, $skip skipped in $seconds"
  passed=$((passed + total - bad - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
exit
