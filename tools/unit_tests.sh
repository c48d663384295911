#!/usr/bin/env bash
# unit_tests.sh BINARY: runs all tests of a GoogleTest binary, shared out to as many processes as there are cores. Prints what
# the processes with failures printed, and then the totals. The status is 0 if every process succeeded and tests ran.
set -uo pipefail

binary=$(realpath "$1")
cd "$(dirname "$binary")" || exit 1  # tests read documents by paths relative to it
shards=$(($(nproc) + 1))  # some tests wait
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

running=()
for ((shard = 0; shard < shards; shard++)); do
  GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$shard GTEST_BRIEF=1 GTEST_COLOR=no "$binary" >"$logs/$shard" 2>&1 &
  running+=($!)
done
failed=0
for ((shard = 0; shard < shards; shard++)); do
  wait "${running[shard]}"
  status=$?
  ((status)) || continue
  failed=1
  printf -- '-- process %d of %d ended with %d:\n' $((shard + 1)) "$shards" "$status"
  grep -vE '^\[[0-9]{4}-[0-9-]+ [0-9:.]+\] \[' "$logs/$shard"  # without what the server logs
  grep -q '^\[==========\] .* ran' "$logs/$shard" || tail -n 20 "$logs/$shard"  # it crashed: with the last of that
done

total() {  # PATTERN: the sum of the numbers that follow it at the start of a line
  cat "$logs"/* | sed -nE "s/^$1 ([0-9]+) tests?.*/\1/p" | awk '{ sum += $1 } END { print sum + 0 }'
}
passed=$(total '\[  PASSED  \]') skipped=$(total '\[  SKIPPED \]')
printf '[  PASSED  ] %d tests, %d skipped, in %d processes\n' "$passed" "$skipped" "$shards"
sed -n '/^\[  FAILED  \] [^0-9]/p' "$logs"/* | sed -E 's/ \([0-9]+ ms\)$//' | sort -u
((passed > 0 && !failed))
