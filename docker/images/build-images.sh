#!/bin/sh
# Builds the images and prints their sizes.
#
#   build-images.sh [tasks|train|serving|airflow ...]     (default: all four)
#
# The builds use the host's certificate roots, proxy and package registries.
set -eu
cd "$(dirname "$0")/../.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
[ $# -gt 0 ] && names=$* || names='tasks train serving airflow'

cp /usr/local/share/ca-certificates/*.crt docker/certs/ 2>/dev/null || true
docker/images/base-images.sh

GIT_COMMIT=$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || true)

set --
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL NPM_CONFIG_REGISTRY GIT_COMMIT; do
    eval "value=\${$name:-}"
    [ -z "$value" ] || set -- "$@" --build-arg "$name=$value"
done

for name in $names; do
    docker build "$@" --file "docker/images/$name.Dockerfile" --tag "stock-market/$name:$version" . >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        exit 1
    }
    docker image inspect --format "{{index .RepoTags 0}}  {{.Size}}" "stock-market/$name:$version" |
        awk '{ printf "%-28s %4.0f MB\n", $1, $2 / 1e6 }'
done
