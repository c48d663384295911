#!/usr/bin/env bash
# bare_root.sh FOLDER [PACKAGE...]: makes a minimal Debian 12 with these packages in FOLDER, as root, if it does not
# exist. Downloads with the apt settings and name servers of this machine.
set -euo pipefail
folder=$1
shift
if [[ -e $folder/etc/debian_version ]]; then exit 0; fi
mkdir -p "$(dirname "$folder")"
partial=$folder.partial
rm -rf "$partial"
debootstrap --variant=minbase bookworm "$partial"
cp -L /etc/resolv.conf "$partial/etc/resolv.conf"
for file in /etc/apt/apt.conf.d/*; do
  if grep -q '^ *Acquire::' "$file"; then cp "$file" "$partial/etc/apt/apt.conf.d/"; fi
done
chroot "$partial" apt-get -q update
if (($#)); then
  chroot "$partial" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
fi
# What slim images leave out.
chroot "$partial" apt-get clean
rm -rf "$partial"/var/lib/apt/lists/* "$partial"/var/log/*.log
find "$partial/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$partial"/usr/share/{man,locale,info,lintian}/*
mv "$partial" "$folder"
