#!/usr/bin/env bash
# Refuses phrases that Parley's texts do not use, in whole files: documents, code, comments, test
# names. Prints each offending line as file:line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What to write instead: "no longer"; a number or "this many"; "this time" or "for N s"; "a user who";
# "despite"; "also"; "null" or "empty"; "is not a …"; "continues"; the noun that "who" stands for.
PHRASES=(
  '\bno more\b'
  '\bso many\b'
  '\bso long\b'
  '\bwhoever\b'
  '\bin spite of\b'
  '\blikewise\b'
  '(?-i:\bnone:)'
  '(?<!there )\bis no (?!longer\b)[a-z]'
  '\bgoes on\b'
  '\b(to|of) who\b'
  '\b(product|faults|interop|english)\.md\b'  # not in the repository
)
# A test name is words joined by underscores or capitals.
NAMES=(
  '_no_more(_|\b)'
  '_so_(many|long)(_|\b)'
  '_(goes_on|whoever|likewise)(_|\b)'
  '_(to|of)_who_'
  '(?-i:NoMore|SoMany|SoLong|GoesOn|Whoever|Likewise|InSpiteOf)'
)

mapfile -t files < <(find README.md ARCHITECTURE.md CHANGELOG.md CMakeLists.txt dev bench clients cmake docs src test tools web -type f \
  ! -path '*/corpus/*' ! -name '*.png' ! -name '*.pyc' ! -path tools/check_english.sh ! -path docs/status.md | sort)
if ((${#files[@]} == 0)); then
  echo "english: no files found" >&2
  exit 1
fi

pattern=$(IFS='|'; echo "${PHRASES[*]}|${NAMES[*]}")
if grep -nHIiP "$pattern" "${files[@]}"; then
  echo "english: use the phrases listed in tools/check_english.sh instead" >&2
  exit 1
fi
echo "english: ${#files[@]} files are fine"
