# Puts the bundles of `make bundle` beside a Node and its libraries. It only copies: nothing runs while it builds, so that
# amd64 and arm64 come out of any machine: docker buildx build --platform linux/amd64,linux/arm64 .

# Where Node comes from: what the lock file pins and the tests run.
ARG NODE=node:26.10.0-trixie-slim
# What Node stands on: a C++ library and no shell.
ARG BASE=gcr.io/distroless/cc-debian13:nonroot

FROM ${NODE} AS node

FROM ${BASE}
ARG VERSION
LABEL org.opencontainers.image.title="token-projector" \
      org.opencontainers.image.description="An always valid token file for any pod that asks by annotation" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"

COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/LICENSE /usr/local/share/doc/node/LICENSE
# The one library of Node's that the base lacks, whatever the architecture's folder is called.
COPY --from=node /usr/lib/*-linux-gnu/libatomic.so.1* /usr/lib/
# Readable by every user, whatever the umask of the one who bundled.
COPY --chmod=0444 LICENSE dist/LICENSES.txt dist/package.json dist/*.js /opt/token-projector/

# By number, as `runAsNonRoot` can only judge numbers.
USER 65532:65532
# For people: a pod names its program, as in `command: [node, --disable-sigusr1, /opt/token-projector/signer.js]`.
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "/opt/token-projector/cli.js"]
