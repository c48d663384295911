#!/usr/bin/env bash
# image.sh [TAG [buildah arguments...]]: builds the Dockerfile, and that of examples/django, without a Docker engine and without an image registry, as root.
# The base image is made with debootstrap and gets the short name that the Dockerfile uses. STORAGE_DRIVER=vfs works on file systems without overlay.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tag=${1:-parley:latest}
shift || true
store=$PWD/build/images
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$store/root" --runroot "$store/run" --storage-driver "${STORAGE_DRIVER:-overlay}" "$@"; }

mkdir -p "$store"

base() {  # NAME FOLDER: makes an image of a root file system, unless it exists
  buildah inspect --type image "$1" >/dev/null 2>&1 && return 0
  local container
  container=$(buildah from scratch)
  buildah add -q "$container" "$2" / >/dev/null
  buildah config --cmd bash "$container"
  buildah commit -q --rm "$container" "$1" >/dev/null
}

tools/bare_root.sh "$store/debian-12"
base debian:12-slim "$store/debian-12"
buildah bud --format docker --pull-never --layers --tag "$tag" "$@" .

# The example's base is Debian's Python in the place of Python's own image, with this machine's settings of pip.
tools/bare_root.sh "$store/python" python3 python3-venv ca-certificates
if [[ ! -e $store/python/usr/local/bin/pip ]]; then
  chroot "$store/python" python3 -m venv --copies /usr/local
  cp -L /etc/ssl/certs/ca-certificates.crt "$store/python/etc/ssl/certs/"
  if [[ -e /etc/pip.conf ]]; then cp -L /etc/pip.conf "$store/python/etc/"; fi
fi
base python:3.9-slim "$store/python"
buildah bud --format docker --pull-never --layers --tag parley-django-example --build-context messaging=clients/django examples/django
buildah images
