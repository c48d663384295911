#!/usr/bin/env bash
# image.sh [TAG [buildah arguments...]]: builds the Dockerfile without a Docker engine and without an image registry, as root.
# The base image is made with debootstrap and gets the short name that the Dockerfile uses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tag=${1:-parley:latest}
shift || true
store=$PWD/build/images
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
buildah() { command buildah --root "$store/root" --runroot "$store/run" "$@"; }

mkdir -p "$store"
tools/bare_root.sh "$store/debian-12"
if ! buildah inspect --type image debian:12-slim >/dev/null 2>&1; then
  container=$(buildah from scratch)
  buildah add -q "$container" "$store/debian-12" / >/dev/null
  buildah config --cmd bash "$container"
  buildah commit -q --rm "$container" debian:12-slim >/dev/null
fi
buildah bud --format docker --pull-never --layers --tag "$tag" "$@" .
buildah images
