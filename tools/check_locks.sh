#!/usr/bin/env bash
# Compiles with clang's thread-safety analysis whatever uses base/mutex.h: a field that is used
# without the mutex that guards it is an error. Refuses std::mutex in src/, which is not analysed.
#
# Compiled are the headers that include base/mutex.h, each by itself, and the .cc files beside them that
# include such a header or base/mutex.h.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

status=0
# spdlog's sink takes the type of its mutex; tests wait with predicates.
if grep -nE 'std::(recursive_|shared_|timed_)?mutex|std::condition_variable|std::(lock_guard|unique_lock|scoped_lock)' \
  -r src --include='*.cc' --include='*.h' | grep -vE '^src/base/mutex\.h:|_test\.cc:|base_sink<std::mutex>'; then
  echo "locks: use Mutex, MutexLock and CondVar of base/mutex.h" >&2
  status=1
fi

mapfile -t headers < <(grep -rlF '#include "base/mutex.h"' src --include='*.h' | sort)
mapfile -t sources < <(
  {
    grep -rlF '#include "base/mutex.h"' src --include='*.cc' || true
    for header in "${headers[@]}"; do
      grep -lF "#include \"${header#src/}\"" "$(dirname "$header")"/*.cc || true
    done
  } | grep -v '_test\.cc$' | sort -u
)
if ((${#headers[@]} == 0)); then
  echo "locks: no header includes base/mutex.h" >&2
  exit 1
fi

check_one() {
  clang++-19 -x c++ -std=c++20 -fsyntax-only -Wno-everything -Wthread-safety -Werror=thread-safety \
    -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL '-DPARLEY_VERSION=""' -Isrc -I. "$1"
}
export -f check_one
printf '%s\n' "${headers[@]}" "${sources[@]}" | xargs -P "${1:-2}" -I{} bash -c 'check_one {}' || status=1
((status)) || echo "locks: $((${#headers[@]} + ${#sources[@]})) files are fine"
exit "$status"
