#!/bin/sh
# What the official image promises: a password from the environment, and scripts that are
# run once, as the superuser, before anybody else can connect.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups \
        env HOME=/var/lib/postgresql "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    echo "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username=postgres --pwfile=/tmp/password --auth-local=trust \
        --auth-host=scram-sha-256 > /dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl -w -o "-c listen_addresses=''" start > /dev/null
    for script in /docker-entrypoint-initdb.d/*.sh; do
        "$script"
    done
    pg_ctl -w -m fast stop > /dev/null
fi
exec postgres -c listen_addresses='*'
