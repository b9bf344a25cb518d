# The gate as an image: docs/container.md. Tried by `make image`.
#
# Both bases are asked for, so that whoever builds names what the image rests on, by digest:
#   BUILD_BASE  has Python 3.11, pip and binutils; as in python:3.11-bookworm@sha256:…
#   BASE        has Python 3.11 at PYTHON, libstdc++ and the CA certificates, and need have nothing else;
#               as in gcr.io/distroless/python3-debian12:nonroot@sha256:…
ARG BUILD_BASE
ARG BASE

FROM ${BUILD_BASE} AS build
# SOURCE_DATE_EPOCH: the times in the wheel. PYTHONHASHSEED: the order of sets in compiled files.
ARG SOURCE_DATE_EPOCH=0
ARG PYTHON=/usr/bin/python3
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONHASHSEED=0 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# Nothing is fetched that the lock does not name by its hash. Whatever is installed after this comes from this folder: what
# the gate needs of it, and no more, since the lock is that of a developer.
COPY requirements.lock ./
RUN python3 -m pip download --require-hashes --only-binary :all: --dest /wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
COPY schemas schemas
# Left out: the tests of libraries, and the symbols for debuggers in compiled ones (not those that auditwheel has put
# together: `strip` breaks them). Of Python's compiled files what every start reads, bound to no time: it takes a third of
# the time with them, and a read-only root cannot get them later. The venv leads to the Python of the base that it will be in.
RUN python3 -m venv --without-pip /opt/build && python3 -m venv --without-pip /opt/sealgate \
 && python3 -m pip --python /opt/build/bin/python install --no-index --find-links /wheels hatchling \
 && /opt/build/bin/python -m hatchling build -t wheel -d /wheel \
 && python3 -m pip --python /opt/sealgate/bin/python install --no-index --find-links /wheels /wheel/*.whl \
 && cd /opt/sealgate && find . -name direct_url.json -delete && rm bin/[Aa]ctivate* \
 && find . -type d \( -name tests -o -name testing -o -name test_data -o -name __pycache__ \) -not -path '*/sealgate/testing' \
      -prune -exec rm -r {} + \
 && find . -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} + \
 && bin/python -B -c 'import sys, sealgate.cli.main; print(*sorted(filter(None, (getattr(module, "__file__", None) for module \
      in list(sys.modules.values())))), sep="\n")' | grep '^/opt/sealgate/.*\.py$' > /compiled \
 && python3 -m compileall -q --invalidation-mode unchecked-hash -i /compiled \
 && ln -sfn "${PYTHON}" bin/python3 && ln -sfn python3 bin/python \
 && printf 'home = %s\ninclude-system-site-packages = false\n' "$(dirname "${PYTHON}")" > pyvenv.cfg \
 && mkdir -p /empty/state

FROM ${BASE}
ARG VERSION=0.1.0.dev0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sealgate" \
      org.opencontainers.image.description="An admission proxy for OCI registries" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sealgate /opt/sealgate
COPY --from=build --chown=65532:65532 /empty/state /var/lib/sealgate
ENV PATH=/opt/sealgate/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SEALGATE_ADMIN_LISTEN=0.0.0.0:9090
USER 65532:65532
WORKDIR /var/lib/sealgate
VOLUME ["/var/lib/sealgate"]
EXPOSE 8080 9090
# One line of Python, since there need be no shell and no curl.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/opt/sealgate/bin/python", "-c", \
  "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['SEALGATE_ADMIN_LISTEN'].rpartition(':')[2] + '/healthz', timeout=4)"]
ENTRYPOINT ["/opt/sealgate/bin/sealgate"]
CMD ["serve", "--settings", "/etc/sealgate/settings/sealgate.yaml"]
