# The HTTP server. It uses no native module.
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
# Source maps are deleted: nothing reads them here.
RUN npm ci --omit=dev --workspace=@stock-market/serving \
 && find node_modules -name '*.map' -delete

FROM base
COPY --from=build /app/node_modules/ node_modules/
COPY package.json ./
COPY model/ model/
COPY serving/ serving/
RUN install -d -o node -g node /store
USER node
ENV STORE=/store PORT=3000 HOST=0.0.0.0
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "serving/server.ts"]
