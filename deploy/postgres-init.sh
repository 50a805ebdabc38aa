#!/usr/bin/env bash
# Run once by the PostgreSQL image, on an empty data folder: a user and a database for each service.
set -euo pipefail
for service in inventory apm appo; do
    psql --username=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$service" --set=database="${service}db" \
        --set=password="$(cat "/run/secrets/${service}_password")" <<'SQL'
CREATE USER :"name" PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"name";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
done
