# One image for the HTTP server and for workers. Node runs the TypeScript sources by stripping their types, so src/
# is what runs; two things are made from it once, here: the dashboard, by Vite, and the workflows' bundle, by webpack.

# Debian, not Alpine: Temporal's native core needs glibc.
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app
ENV NODE_ENV=production XDG_CACHE_HOME=/app/.cache

FROM base AS packages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-update-notifier

# NODE_ENV would leave out what builds.
FROM base AS dashboard
ENV NODE_ENV=development
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-update-notifier
COPY tsconfig.json ./
COPY scripts/build-dashboard.mjs scripts/
COPY src src
RUN node scripts/build-dashboard.mjs

FROM base AS bundled
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY scripts/find-temporal.mjs scripts/
COPY src src
RUN node --input-type=module -e "const { workflowBundle } = await import('./src/temporal/bundle.ts'); await workflowBundle()"

FROM base
COPY --from=bundled /app /app
COPY --from=dashboard /app/dist dist
# Secrets are read by this user: a mounted secret file must be readable for uid 1000.
RUN install -d -o node -g node -m 700 /var/lib/leash /var/lib/leash-ca
USER node
ENV LEASH_HOME=/var/lib/leash LEASH_HOST=0.0.0.0
VOLUME /var/lib/leash
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.LEASH_PORT || 8080) + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/server.ts"]
