# syntax=docker/dockerfile:1
# The image of the one program. `runtime` is FROM scratch: the program, the libraries it is linked with, the certificate authorities,
# and an empty folder for the registry; no shell, no package manager. scripts/image-root.sh assembles it, here and in
# scripts/check-deploy.sh, so that what is checked is what is shipped.

# The warehouse's builder: dbt and its project, for a job that runs it (`docker build --target warehouse`). Everything it writes goes to /tmp.
FROM python:3.12-slim-bookworm AS warehouse
COPY dbt/requirements.txt /dbt/requirements.txt
RUN pip install --no-cache-dir --disable-pip-version-check -r /dbt/requirements.txt
COPY dbt /dbt
ENV DBT_TARGET_PATH=/tmp/target \
    DBT_LOG_PATH=/tmp/logs \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    HOME=/tmp
USER 65532:65532
WORKDIR /dbt
# It ends by itself; its exit code is its answer.
HEALTHCHECK NONE
ENTRYPOINT ["dbt"]
CMD ["build", "--profiles-dir", "."]

# Debian's image of Rust, which has the C and C++ compilers and the headers of OpenSSL and zlib.
FROM rust:1.94-bookworm AS base
WORKDIR /src

# The manifests alone, with empty sources in the place of ours: this layer and the compiled dependencies above it stay as long as no
# dependency changes.
FROM base AS manifests
COPY . .
RUN scripts/image-skeleton.sh /skeleton

FROM base AS dependencies
COPY --from=manifests /skeleton .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    cargo build --release --locked -p churn

FROM dependencies AS program
ARG COMMIT=unknown
# The sources are younger than the skeleton's artifacts whatever their times say, or cargo would keep the empty crates.
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    find crates services -name '*.rs' -exec touch {} + \
    && CHURN_COMMIT="$COMMIT" cargo build --release --locked -p churn

FROM program AS root
RUN scripts/image-root.sh target/release/churn /root-of-image

FROM scratch AS runtime
ARG COMMIT=unknown
ARG VERSION=0.0.0
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="churnstream" \
      org.opencontainers.image.description="Scores a never-ending stream of telecom customers for churn" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.created="$CREATED"
COPY --from=root /root-of-image /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    CHURN__REGISTRY__PATH=/var/lib/churn/registry
USER 65532:65532
WORKDIR /var/lib/churn
EXPOSE 8080
# The part's own program asks its /readyz, since the image has no other; Kubernetes asks by HTTP. For `churn run`: a command that ends
# by itself, such as setup, has nobody to ask and is done before the first answer counts.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["/usr/bin/churn", "health"]
ENTRYPOINT ["/usr/bin/churn"]
CMD ["--help"]
