#!/usr/bin/env bash
# Sends a message and repeats the request until it is answered: the Idempotency-Key makes that safe.
# Needs: PARLEY_URL, ALICE (a token), curl, jq. Usage: retry.sh CONVERSATION_ID TEXT [KEY]
set -euo pipefail
api="${PARLEY_URL:-http://127.0.0.1:8000}/api/messaging"
body=$(jq -n --arg id "$1" --arg text "$2" '{conversation_id: $id, content: $text}')
key=${3:-$(cat /proc/sys/kernel/random/uuid)} # one key for each message, kept across retries

for attempt in 1 2 3 4 5; do
  # Without an answer (000), or with outcome_unknown (503), the message may have been stored.
  answer=$(curl -s -w '\n%{http_code}' --max-time 5 "$api/messages/" -H "Authorization: Bearer $ALICE" \
    -H "Idempotency-Key: $key" --json "$body") || true
  status=${answer##*$'\n'}
  case $status in
    201) echo "stored as $(jq -r .id <<<"${answer%$'\n'*}")" && exit ;;
    200) echo "was stored before as $(jq -r .id <<<"${answer%$'\n'*}")" && exit ;;
    000 | 429 | 503) sleep "$attempt" ;;
    *) echo "refused: ${answer%$'\n'*}" >&2 && exit 1 ;;
  esac
done
echo "no answer" >&2
exit 1
