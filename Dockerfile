# Parley's container image: `docker build -t parley .`, or `./dev image` where only buildah is available.
# The first stage builds the Debian package, and the second one installs it with the libraries it depends on.
FROM debian:12-slim AS build
WORKDIR /src
COPY dev ./
RUN ./dev prepare
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY deploy/debian deploy/debian
COPY deploy/systemd deploy/systemd
COPY web web
COPY src src
# The number of parallel compilers; by default one per core, if the memory suffices.
ARG PARLEY_JOBS
RUN ./dev package && sha256sum build/package/parley_*.deb >build/package/sha256

FROM debian:12-slim
# Some builders do not look into the bind mount when they decide whether a cached layer still fits; this file makes the layer depend on the package.
COPY --from=build /src/build/package/sha256 /usr/share/parley/package.sha256
# Debian's security updates shall reach a rebuilt image, so no version is pinned.
# hadolint ignore=DL3008
RUN --mount=type=bind,from=build,source=/src/build/package,target=/package \
    groupadd --gid 10001 parley \
    && useradd --uid 10001 --gid parley --no-create-home --home-dir /data --shell /usr/sbin/nologin parley \
    && apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates /package/parley_*.deb \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*.log /var/log/apt \
    && install -d -o parley -g parley -m 0750 /data

# Production refuses to start without a key: set JWT_SECRET_KEY, or DJANGO_ENV=development to try it out.
ENV DJANGO_ENV=production PARLEY_HOST=0.0.0.0 PARLEY_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Reads the same environment as the server. With flags for the port in the command, set PORT instead.
HEALTHCHECK --interval=10s --timeout=5s --start-period=1m --retries=3 CMD ["parley", "healthcheck"]
ENTRYPOINT ["parley"]
CMD ["serve"]
