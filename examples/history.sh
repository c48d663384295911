#!/usr/bin/env bash
# Reads a conversation's whole history, newest message first, page by page with next_cursor.
# Needs: PARLEY_URL, ALICE (a token), curl, jq. Usage: history.sh CONVERSATION_ID [PAGE_SIZE]
set -euo pipefail
api="${PARLEY_URL:-http://127.0.0.1:8000}/api/messaging"
conversation=$1 limit=${2:-50} before=

while true; do
  page=$(curl -sf "$api/conversations/$conversation/messages/?limit=$limit${before:+&before_id=$before}" \
    -H "Authorization: Bearer $ALICE")
  jq -r '.messages[] | "\(.seq) \(.sender_id): \(.content)"' <<<"$page"
  before=$(jq -r '.next_cursor // empty' <<<"$page")
  [[ $before ]] || break
done
