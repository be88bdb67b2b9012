# Every stage but train: download, ingest, features, promote, prune.
ARG NODE=node:24-trixie-slim

FROM ${NODE} AS base
COPY docker/certs/ /usr/local/share/ca-certificates/
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates tini \
 && update-ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
WORKDIR /app

FROM base AS build
ARG NPM_CONFIG_REGISTRY
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts \
 && npm pkg delete "dependencies[@tensorflow/tfjs-node]" "dependencies[hono]" "dependencies[@hono/node-server]" \
 && npm prune --omit=dev --ignore-scripts

FROM base
COPY --from=build /app/node_modules/ node_modules/
COPY package.json ./
COPY tasks/ tasks/
COPY model/ model/
COPY data/sample.zip data/
RUN install -d -o node -g node /store && ln -s /app/data /source
USER node
# As many queries at once as --threads allows; Node alone would run four.
ENV STORE=/store UV_THREADPOOL_SIZE=32
ENTRYPOINT ["tini", "--", "node", "tasks/cli.ts"]
CMD ["--help"]
