#!/bin/sh
# Run once by the postgres image: a role for each host, the database of the publisher.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE tokenless LOGIN PASSWORD :'password';
CREATE ROLE sub1 LOGIN PASSWORD :'password';
CREATE DATABASE tokenless OWNER tokenless ENCODING 'UTF8' TEMPLATE template0;
SQL
