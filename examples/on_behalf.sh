#!/usr/bin/env bash
# A backend with a service token posts a system message, and acts on behalf of a user.
# Needs: PARLEY_URL, SERVICE (a token with scope messaging:service), curl, jq.
set -euo pipefail
api="${PARLEY_URL:-http://127.0.0.1:8000}/api/messaging"
auth="Authorization: Bearer $SERVICE"

# Opened in Alice's name: she is the owner.
conversation=$(curl -sf "$api/conversations/" -H "$auth" -H "X-On-Behalf-Of: alice" --json \
  '{"type": "group", "title": "Order 17", "participants": ["bob"]}' | jq -r .id)
send() {
  jq -n --arg id "$conversation" --arg text "$1" --arg type "$2" \
    '{conversation_id: $id, content: $text, content_type: $type}'
}
# Only services can post messages of type system.
curl -sf "$api/messages/" -H "$auth" --json "$(send "Order 17 has been paid." system)" >/dev/null
curl -sf "$api/messages/" -H "$auth" -H "X-On-Behalf-Of: alice" --json "$(send "Thank you!" text)" >/dev/null

curl -sf "$api/conversations/$conversation/messages/?after_seq=0" -H "$auth" |
  jq -r '.messages[] | "\(.content_type) \(.sender_id): \(.content)"'
