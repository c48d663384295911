#!/usr/bin/env bash
# Names the C++ files that are not formatted as .clang-format says; changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folders=()
for folder in src test bench; do
  if [[ -d $folder ]]; then folders+=("$folder"); fi
done
mapfile -d '' files < <(find "${folders[@]}" \( -name '*.cc' -o -name '*.h' \) -print0 | sort -z)
if ((${#files[@]} == 0)); then
  echo "format: no C++ files found" >&2
  exit 1
fi

if ! complaints=$(clang-format-19 --dry-run -Werror "${files[@]}" 2>&1); then
  grep -E '^[^ ]+:[0-9]+:[0-9]+: ' <<<"$complaints" |
    awk -F: '!($1 in first) { first[$1] = $2; order[++n] = $1 } { count[$1]++ }
             END { for (i = 1; i <= n; i++) printf "%s:%d: %d places\n", order[i], first[order[i]], count[order[i]] }' >&2
  echo "format: not as .clang-format says; './dev format' mends it" >&2
  exit 1
fi
echo "format: ${#files[@]} files are fine"
