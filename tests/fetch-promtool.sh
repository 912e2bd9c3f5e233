#!/usr/bin/env bash
# Puts promtool (Debian package prometheus) into the cache: the metrics page is checked with it. Nothing is installed.
set -euo pipefail
cache=${BTX_CACHE:-$HOME/.cache/btx}
dir=$cache/promtool
[ -x "$dir/promtool" ] && exit 0
echo "fetching promtool (Debian package prometheus, 19 MB; tests check the metrics page with it; once)" >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/promtool.XXXXXX")
trap 'rm -rf "$work"' EXIT
# _apt, apt's download user, may not enter a private folder; the archive is verified by apt either way.
download() { (cd "$work" && apt-get -o APT::Sandbox::User=root download -q prometheus) >"$work/apt.log" 2>&1; }
# Lists that are missing or stale are renewed once.
download || { [ "$(id -u)" = 0 ] && apt-get -q update >"$work/apt.log" 2>&1 && download; } || {
  echo "error: apt-get could not download the package prometheus: $(tail -n 1 "$work/apt.log"); run apt-get update and try again" >&2
  exit 1
}
dpkg -x "$work"/prometheus_*.deb "$work/tree"
mkdir -p "$dir"
mv "$work/tree/usr/bin/promtool" "$dir/promtool.new"
mv "$dir/promtool.new" "$dir/promtool"
