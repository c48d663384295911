#!/bin/sh
# Writes base/secrets.env with random values, unless it exists. JWT_SECRET_KEY and DATABASE_URL of the environment are taken
# over: the key must be that of the backend which issues the tokens.
set -eu
umask 077
file=$(dirname "$0")/base/secrets.env
if [ -e "$file" ]; then
  echo "$file exists; delete it to make new secrets" >&2
  exit 1
fi
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
password=$(random)
cat >"$file" <<ENV
JWT_SECRET_KEY=${JWT_SECRET_KEY:-$(random)}
POSTGRES_PASSWORD=$password
DATABASE_URL=${DATABASE_URL:-postgres://parley:$password@postgres-service:5432/parley}
ENV
echo "wrote $file; keep it out of version control" >&2
