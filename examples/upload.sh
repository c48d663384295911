#!/usr/bin/env bash
# Uploads a picture, sends it in a message, and downloads it as another participant by its signed link.
# Needs: PARLEY_URL, ALICE and BOB (tokens), curl, jq. Usage: upload.sh CONVERSATION_ID FILE TARGET
set -euo pipefail
server="${PARLEY_URL:-http://127.0.0.1:8000}" api="${PARLEY_URL:-http://127.0.0.1:8000}/api/messaging"

attachment=$(curl -sf "$api/attachments/" -H "Authorization: Bearer $ALICE" -F "file=@$2" | jq -r .id)
message=$(curl -sf "$api/messages/" -H "Authorization: Bearer $ALICE" --json \
  "$(jq -n --arg id "$1" --arg file "$attachment" \
    '{conversation_id: $id, content: "a picture", content_type: "image", attachment_ids: [$file]}')" |
  jq -r .id)

# The link in Bob's answer is signed for Bob: it needs no header, so that <img src> can use it.
link=$(curl -sf "$api/messages/$message/" -H "Authorization: Bearer $BOB" | jq -r '.attachments[0].file_url')
curl -sf "$server$link" -o "$3"
echo "$attachment $(wc -c <"$3") bytes"
