#!/usr/bin/env bash
# Shows how many messages Bob has not read, marks a conversation as read up to its head, and asks again.
# Needs: PARLEY_URL, BOB (a token), curl, jq. Usage: read.sh CONVERSATION_ID
set -euo pipefail
api="${PARLEY_URL:-http://127.0.0.1:8000}/api/messaging"
auth="Authorization: Bearer $BOB"

unread() {
  curl -sf "$api/messages/unread_count/?conversation_id=$1" -H "$auth" | jq .count
}

echo "unread: $(unread "$1")"
head=$(curl -sf "$api/conversations/$1/" -H "$auth" | jq .seq)
curl -sf "$api/conversations/$1/read/" -H "$auth" --json "{\"up_to_seq\": $head}" >/dev/null
echo "unread: $(unread "$1")"
