#!/bin/sh
# Creates a database and a role for each service; runs once, when the data folder is new.
set -eu
for service in identity customers activities integrations; do
  variable=$(printf '%s_DATABASE_PASSWORD' "$service" | tr '[:lower:]' '[:upper:]')
  psql --set=ON_ERROR_STOP=1 --quiet --username="${POSTGRES_USER:-postgres}" \
    --set=role="huichi_$service" --set=password="$(printenv "$variable")" <<'SQL'
CREATE ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role" TEMPLATE template0;
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
