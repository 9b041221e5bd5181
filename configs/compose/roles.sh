#!/bin/sh
# Run once by the postgres image: a role for each host, the database of the publisher.
set -eu
psql --set ON_ERROR_STOP=1 --set publisher="$PUBLISHER_PASSWORD" \
    --set subscriber="$SUBSCRIBER_PASSWORD" <<'SQL'
CREATE ROLE tokenless LOGIN PASSWORD :'publisher';
CREATE ROLE sub1 LOGIN PASSWORD :'subscriber' CONNECTION LIMIT 20;
CREATE DATABASE tokenless OWNER tokenless ENCODING 'UTF8' TEMPLATE template0;
SQL
