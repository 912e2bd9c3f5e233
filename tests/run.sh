# Sourced by ./btx test [ROOM ...]: fetches what tests compare with, builds, runs every room, adds up.
# The last line is always "N passed, N failed, N skipped".
rooms=("$@")
[ ${#rooms[@]} -gt 0 ] || rooms=(model trainer exporter engine loadtests host house)
for room in "${rooms[@]}"; do [ -d "$root/tests/$room" ] || { say "error: no tests/$room; there are: $(cd "$root/tests" && echo */)"; exit 2; }; done

# Test material that is fetched, never committed: vocabularies, promtool, the OpenAI client.
for fetch in "$root"/tests/fetch-*.sh; do
  [ -e "$fetch" ] || continue
  bash "$fetch" >&2 || die "$(basename "$fetch") failed; the tests need what it fetches"
done

if [ $# -eq 0 ]; then build tests Btx.Serving.sln; else for room in "${rooms[@]}"; do build "tests-$room" "tests/$room"; done; fi

passed=0 failed=0 skipped=0
for room in "${rooms[@]}"; do
  project=$(basename "$root"/tests/"$room"/*.csproj .csproj)
  log=$root/artifacts/test-$room.log
  say "== tests/$room"
  (cd "$root" && dotnet "artifacts/bin/$project/release/$project.dll" -noColor) >"$log" 2>&1 || true
  summary=$(grep -E 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+' "$log" | tail -n 1) || true # a room that crashed has none
  if [ -z "$summary" ]; then
    tail -n 30 "$log"; say "tests/$room ended without a summary: counted as one failure"; failed=$((failed + 1)); continue
  fi
  field() { sed -E "s/.*$1: ([0-9]+).*/\1/" <<<"$summary"; }
  bad=$(( $(field Failed) + $(field Errors) ))
  skip=$(field Skipped)
  [ "$bad" -eq 0 ] || grep -vE '^\s*(Discover|Start|Finish)' "$log" | head -n 200
  echo "   $(( $(field Total) - bad - skip )) passed, $bad failed, $skip skipped in $(sed -E 's/.*Time: ([0-9.]+s).*/\1/' <<<"$summary")" >&2
  passed=$(( passed + $(field Total) - bad - skip )) failed=$(( failed + bad )) skipped=$(( skipped + skip ))
done
echo "$passed passed, $failed failed, $skipped skipped"
if [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then exit 0; else exit 1; fi
