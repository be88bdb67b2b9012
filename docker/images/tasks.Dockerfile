# Every task but train.
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
COPY model/package.json model/
COPY serving/package.json serving/
COPY tasks/package.json tasks/
COPY tasks/train/package.json tasks/train/
# The workspace is given by name, because the path tasks/ would also select tasks/train/.
# Source maps are deleted: nothing reads them here.
RUN npm ci --omit=dev --workspace=@stock-market/tasks \
 && find node_modules -name '*.map' -delete

FROM base
COPY --from=build /app/node_modules/ node_modules/
COPY package.json ./
COPY model/ model/
COPY tasks/ tasks/
COPY data/sample.zip data/
RUN install -d -o node -g node /store && ln -s /app/data /source
USER node
# DuckDB's queries use Node's thread pool. Its default of 4 threads would limit --threads to 4.
ENV STORE=/store UV_THREADPOOL_SIZE=32
ENTRYPOINT ["tini", "--", "node", "tasks/cli.ts"]
CMD ["--help"]
