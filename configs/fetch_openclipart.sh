#!/bin/sh
# Fetch Debian's package openclipart-png (public-domain drawings in category folders) into a folder, without installing
# it. Needs apt-get and dpkg: Debian or Ubuntu.
set -eu
destination=${1:?usage: fetch_openclipart.sh DEST}
if [ -d "$destination" ]; then
  echo "$destination is there already"
  exit 0
fi
for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null || { echo "Error: fetching openclipart needs $tool (Debian or Ubuntu)." >&2; exit 2; }
done
mkdir -p "$(dirname "$destination")"
temporary=$(mktemp -d "$(dirname "$destination")/.openclipart.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
(cd "$temporary" && apt-get download openclipart-png >/dev/null && dpkg -x openclipart-png_*.deb unpacked)
mv "$temporary/unpacked/usr/share/openclipart/png" "$destination"
echo "$destination: $(find "$destination" -name '*.png' | wc -l) drawings"
