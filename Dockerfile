# syntax=docker/dockerfile:1
# Ductile with its locked dependencies, as a user without rights. The configuration is mounted at /etc/ductile, the state
# lives in the volume /var/lib/ductile. See docs/how-to/run-in-docker.md.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/ductile
WORKDIR /src
COPY requirements.lock ./
RUN /opt/ductile/bin/pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml setup.py README.md ./
COPY ductile ductile
COPY plugins plugins
RUN /opt/ductile/bin/pip install --no-build-isolation --no-deps . && /opt/ductile/bin/pip check

FROM python:3.13-slim-bookworm
# tini is process 1 and reaps what `docker exec` leaves behind; the gateway reaps what its plugins leave. Plugins in Bash
# and Python run as they are; for others, build an image from this one with what they need.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/ductile --create-home --shell /usr/sbin/nologin ductile \
 && install --directory --owner=ductile --group=ductile /etc/ductile
COPY --from=build /opt/ductile /opt/ductile
# Variables win over the files: the image decides where it listens and where the state lives.
ENV PATH=/opt/ductile/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DUCTILE_CONFIG_DIR=/etc/ductile \
    DUCTILE_API__LISTEN=0.0.0.0:8080 \
    DUCTILE_STATE__PATH=/var/lib/ductile/state.db
USER ductile
WORKDIR /var/lib/ductile
VOLUME /var/lib/ductile
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["tini", "--", "ductile"]
CMD ["system", "start"]
