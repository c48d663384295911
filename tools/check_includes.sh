#!/usr/bin/env bash
# Includes point downwards only. A module is a folder of src/; each may include itself and whatever
# has a lower rank here. Modules of one rank do not know each other. src/main.cc stands above all.
# Also refused: paths relative to a file, includes of files that are not there, headers without
# `#pragma once`. Prints each offending line as file:line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t files < <(find src \( -name '*.cc' -o -name '*.h' \) | sort)
if ((${#files[@]} == 0)); then
  echo "includes: no files found under src/" >&2
  exit 1
fi

awk '
  BEGIN {
    # A new module gets its place in this list, lowest first; "|" joins those of one rank.
    count = split("base domain net|protocol auth redis|store|blob bus|cache|http|django|config hub session feature|loadgen app", ranks, " ")
    for (r = 1; r <= count; r++) {
      n = split(ranks[r], names, "|")
      for (i = 1; i <= n; i++) rank[names[i]] = r
    }
    rank["main.cc"] = count + 1
    generated["assets.h"] = 1  # what CMake embeds; its users are free to include it
  }

  function exists(path,   line, found) {
    if (path in known) return known[path]
    found = (getline line < path) >= 0
    close(path)
    return known[path] = found
  }

  function complain(text) {
    printf "%s:%d: %s\n    %s\n", FILENAME, FNR, text, $0
    bad++
  }

  function finish_header() {
    if (header != "" && !once) {
      printf "%s:1: a header without #pragma once\n", header
      bad++
    }
  }

  FNR == 1 {
    finish_header()
    header = FILENAME ~ /\.h$/ ? FILENAME : ""
    once = 0
    split(FILENAME, part, "/")
    module = part[2]
    checked++
    if (!(module in rank)) complain("module \"" module "\" has no rank in tools/check_includes.sh")
  }

  /^[ \t]*#[ \t]*pragma[ \t]+once/ { once = 1 }

  /^[ \t]*#[ \t]*include[ \t]*"/ {
    path = $0
    sub(/^[^"]*"/, "", path)
    sub(/".*/, "", path)
    if (path in generated) next
    if (FILENAME ~ /_test\.cc$/ && path ~ /^test\//) next
    if (path ~ /\.\.?\// || path !~ /\//) { complain("write includes from src/"); next }
    if (!exists("src/" path)) { complain("no such file under src/"); next }
    split(path, part, "/")
    target = part[1]
    if (target == module || !(module in rank)) next
    if (!(target in rank)) complain("module \"" target "\" has no rank in tools/check_includes.sh")
    else if (rank[target] == rank[module]) complain(module " and " target " do not know each other")
    else if (rank[target] > rank[module]) complain(module " may not look up to " target)
  }

  END {
    finish_header()
    if (bad) {
      printf "includes: %d bad in %d files\n", bad, checked
      exit 1
    }
    printf "includes: %d files are fine\n", checked
  }
' "${files[@]}"
