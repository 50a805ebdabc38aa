# shellcheck shell=bash
# A private PostgreSQL server for tests and measurements: its own cluster in a temporary folder, on a free port of
# 127.0.0.1, gone when the script that started it ends. Sourced after lib.sh.
#
#   postgres_start     starts it and sets postgres_url
#   postgres_stop      stops it and removes its folder; for the caller's EXIT trap
#
# Where postgres_durable is set, it syncs to disk as any server does; else not, since tests do not outlive a power cut.

postgres_folder=
postgres_pid=
postgres_url=
postgres_as=()
postgres_durable=${postgres_durable:-}

# The folder of the newest initdb and postgres on this machine.
postgres_programs() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    if [ ! -x "$found" ]; then
        found=$(command -v initdb) || return 1
    fi
    dirname "$(readlink -f "$found")"
}

# Installs Debian's PostgreSQL, but neither makes the cluster that the package makes nor starts its service.
postgres_install() {
    local policy=/usr/sbin/policy-rc.d drop_in=/etc/postgresql-common/createcluster.d/none-for-tests.conf
    local own_policy='' status=0
    say "Installing PostgreSQL from Debian's packages, without a cluster or a running service."
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    mkdir -p "$(dirname "$drop_in")"
    echo 'create_main_cluster = false' >"$drop_in"
    apt_install postgresql || status=$?
    rm -f "$drop_in"
    if [ -n "$own_policy" ]; then
        rm -f "$policy"
    fi
    return "$status"
}

postgres_start() {
    local programs user=''
    if ! programs=$(postgres_programs); then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            postgres_install || die "PostgreSQL could not be installed; see apt-get's message above."
            programs=$(postgres_programs) || die "Debian's package postgresql brought no initdb."
        else
            die "PostgreSQL's server is missing. Install it (its service need not run) with:
    $(apt_command postgresql)
or leave PostgreSQL out with: scripts/$(basename "$0") --sqlite"
        fi
    fi

    # PostgreSQL refuses to run as root: another user runs it, in a folder that this user can reach.
    local place=${TMPDIR:-/tmp}
    if [ "$(id -u)" = 0 ]; then
        for user in postgres nobody; do
            id -u "$user" >/dev/null 2>&1 && break
        done
        postgres_as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
        "${postgres_as[@]}" test -x "$place" || place=/tmp
    fi
    postgres_folder=$(mktemp -d "$place/mecm-postgres.XXXXXX") || die "no temporary folder could be made in $place."
    local password
    password=$(od -An -N 16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && printf '%s\n' "$password" >"$postgres_folder/password")
    if [ -n "$user" ]; then
        chown -R "$user:" "$postgres_folder" || die "$postgres_folder could not be given to $user."
    fi

    local log=$postgres_folder/log
    (
        cd "$postgres_folder" || exit
        # Passwords travel as they are: it is loopback, and a test opens hundreds of connections.
        "${postgres_as[@]}" "$programs/initdb" --pgdata=data --username=mecm --pwfile=password \
            --auth-host=password --auth-local=reject --no-locale --encoding=UTF8 --no-sync >"$log" 2>&1
    ) || {
        tail -n 20 "$log" >&2
        die "PostgreSQL's initdb failed."
    }

    local settings=()
    if [ -z "$postgres_durable" ]; then
        settings=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
    fi

    # The port may be taken between looking and listening: then another is tried.
    local attempt port
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        # Dies with this shell, however that ends.
        (
            cd "$postgres_folder" || exit
            exec "${postgres_as[@]}" setpriv --pdeathsig QUIT "$programs/postgres" -D data -p "$port" \
                -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=500 \
                -c shared_buffers=64MB "${settings[@]}"
        ) >"$log" 2>&1 </dev/null &
        postgres_pid=$!
        if postgres_ready "$programs" "$port"; then
            # shellcheck disable=SC2034 # for the caller
            postgres_url=postgres://mecm:$password@127.0.0.1:$port/postgres
            say "PostgreSQL $("$programs/postgres" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/') is on 127.0.0.1:$port."
            return
        fi
        say "PostgreSQL did not start on port $port (attempt $attempt)."
    done
    tail -n 20 "$log" >&2
    die "PostgreSQL could not be started."
}

# postgres_ready PROGRAMS PORT: waits until the server answers; false when it ended or takes longer than 30 s.
postgres_ready() {
    local _
    for _ in $(seq 300); do
        kill -0 "$postgres_pid" 2>/dev/null || return 1
        # Its own word, not only an answer on the port: somebody else's server may be there.
        if grep -q '^ready' "$postgres_folder/data/postmaster.pid" 2>/dev/null &&
            "$1/pg_isready" -q -h 127.0.0.1 -p "$2"; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

postgres_stop() {
    if [ -n "$postgres_pid" ]; then
        kill -QUIT "$postgres_pid" 2>/dev/null || true
        wait "$postgres_pid" 2>/dev/null || true
        postgres_pid=
    fi
    if [ -n "$postgres_folder" ]; then
        rm -rf "$postgres_folder"
        postgres_folder=
    fi
}
