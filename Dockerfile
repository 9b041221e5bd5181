# The program with all that it needs and nothing else: no compiler, no pip, no root.
# docs/containers.md says how to run it; pin the base by digest to build it again alike.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
RUN python3 -m venv /opt/tokenless
WORKDIR /src
COPY requirements requirements
# What the program can do besides: `--build-arg EXTRAS="postgres dask"`.
ARG EXTRAS=postgres
RUN for each in runtime $EXTRAS; do /opt/tokenless/bin/python -m pip install \
    --require-hashes -r requirements/$each.txt || exit 1; done
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY protocol protocol
COPY services services
COPY phone_emulator phone_emulator
COPY configs configs
# Bytecode that does not remember when it was made: the same files give the same image.
RUN SOURCE_DATE_EPOCH=0 /opt/tokenless/bin/python -m pip install --no-deps --no-build-isolation . \
    && /opt/tokenless/bin/python -m pip uninstall --yes --quiet \
       editables hatchling packaging pathspec pluggy tomlkit trove-classifiers \
    && /opt/tokenless/bin/python -m pip check \
    && /opt/tokenless/bin/python -m pip uninstall --yes --quiet pip setuptools \
    && /opt/tokenless/bin/python -m compileall -q -f --invalidation-mode unchecked-hash \
       /opt/tokenless/lib

FROM ${BASE}
# The data folder is renamed into place when it is whole: so it lies in the volume, and
# is not the volume.
ENV PATH=/opt/tokenless/bin:$PATH \
    TOKENLESS_DATA=/data/cluster \
    TOKENLESS_CONFIG=/etc/tokenless/lab.toml \
    HOME=/data \
    PYTHONDONTWRITEBYTECODE=1
# The base's own pip goes; an account that does not remember the day it was made. Folders
# are of group 0: OpenShift and `--user` run it as any user of that group.
RUN if python3 -m pip --version; then \
        PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip uninstall --yes \
        --root-user-action=ignore pip; fi \
    && groupadd --gid 6970 tokenless \
    && SOURCE_DATE_EPOCH=0 useradd --system --key SYS_UID_MAX=6970 --no-log-init \
       --uid 6970 --gid 6970 --home-dir /data --shell /usr/sbin/nologin tokenless \
    && install -d -o tokenless -g 0 -m 0770 /data /handover
COPY --from=build /opt/tokenless /opt/tokenless
COPY configs /etc/tokenless
USER tokenless
WORKDIR /data
VOLUME /data
# TFTP, HTTP and HTTPS, TVS, CAPF; SCCP, SIP; links of nodes; console, metrics.
EXPOSE 69/udp 6969/udp 6970/tcp 6971/tcp 2445/tcp 3804/tcp \
    2000/tcp 2443/tcp 5060/tcp 5060/udp 5061/tcp 8002/tcp 8443/tcp 9469/tcp
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["tokenless", "health"]
ENTRYPOINT ["tokenless"]
CMD ["serve"]
