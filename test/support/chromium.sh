#!/bin/sh
# Makes sure that Chromium is installed, for the tests of the page. On Debian, as root, installs it
# if needed.
set -eu

command -v "${CHROMIUM:-chromium}" >/dev/null && exit 0
if [ -n "${CHROMIUM:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium: ${CHROMIUM:-chromium} is not installed." \
        "Install it (Debian and Ubuntu: apt-get install chromium)," \
        "or set CHROMIUM to the path of another browser that is based on Chromium." >&2
    exit 1
fi

echo "chromium: installing it from Debian"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
