# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS build
RUN python3 -m venv /opt/tokenless
WORKDIR /src
COPY requirements/runtime.txt requirements/
RUN /opt/tokenless/bin/python -m pip --disable-pip-version-check install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY services services
COPY phone_emulator phone_emulator
COPY configs configs
RUN /opt/tokenless/bin/python -m pip --disable-pip-version-check install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 6970 --home-dir /data tokenless \
    && install -d -o tokenless -g tokenless -m 0750 /data
COPY --from=build /opt/tokenless /opt/tokenless
COPY configs /etc/tokenless
ENV PATH=/opt/tokenless/bin:$PATH TOKENLESS_DATA=/data TOKENLESS_CONFIG=/etc/tokenless/lab.toml
USER tokenless
VOLUME /data
EXPOSE 6969/udp 2445/tcp
ENTRYPOINT ["tokenless"]
CMD ["serve"]
