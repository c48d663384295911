#!/usr/bin/env bash
# Creates a group conversation of Alice and Bob, sends a message as Alice, and reads it as Bob.
# Needs: PARLEY_URL, ALICE and BOB (tokens), curl, jq. Prints the conversation's id and the message.
set -euo pipefail
api="${PARLEY_URL:-http://127.0.0.1:8000}/api/messaging"

conversation=$(curl -sf "$api/conversations/" -H "Authorization: Bearer $ALICE" --json \
  '{"type": "group", "title": "Tea", "participants": ["bob"]}' | jq -r .id)
echo "conversation $conversation"

curl -sf "$api/messages/" -H "Authorization: Bearer $ALICE" --json \
  "$(jq -n --arg id "$conversation" '{conversation_id: $id, content: "hello bob"}')" >/dev/null

curl -sf "$api/conversations/$conversation/messages/?limit=1" -H "Authorization: Bearer $BOB" |
  jq -r '.messages[] | "\(.seq) \(.sender_id): \(.content)"'
