#!/usr/bin/env bash
# A scenario waits for a condition, not for a while: refuses sleep(N) with a literal of 1 s or more in test/scenario.
# deadline.py has eventually() and throughout(), server.py has wait_until(moment).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if grep -nE '\bsleep\( *0*[1-9]' test/scenario/*.py; then
  echo "sleeps: wait for the condition instead: eventually(), throughout(), wait_until()" >&2
  exit 1
fi
echo "sleeps: none of a second or more in test/scenario"
