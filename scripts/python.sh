# shellcheck shell=bash
# Python programs that try the services from outside: an environment with their packages, and a suite for them to try.
# Sourced after lib.sh, not run.

# python_with NAME: makes target/tools/NAME an environment with the packages of scripts/python/NAME.txt, once for each list.
# Gives 3 where there is no Python that makes environments, after saying how to get one.
python_with() {
    local wanted=$root/scripts/python/$1.txt folder=$target/tools/$1
    if cmp -s "$wanted" "$folder/installed.txt"; then
        return
    fi
    rm -rf "$folder"
    if ! python3 -m venv "$folder" >&2; then
        rm -rf "$folder"
        if ! apt_install python3-venv || ! python3 -m venv "$folder" >&2; then
            rm -rf "$folder"
            say "A Python that makes environments is missing. Install it with:
    $(apt_command python3-venv)"
            return 3
        fi
    fi
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2 || return 1
    cp "$wanted" "$folder/installed.txt"
}

suite=
suite_folder=

# suite_start: builds mecm and starts all three services on ports that nobody has, with a data folder of their own that is
# gone after suite_stop; returns when they are ready. What is exported beside it configures them.
suite_start() {
    (cd "$root" && cargo build --locked -p mecm >&2)
    suite_folder=$(mktemp -d "${TMPDIR:-/tmp}/mecm-suite.XXXXXX")
    export MECM_DATA_DIR=$suite_folder/data MECM_INVENTORY__PORT=0 MECM_APM__PORT=0 MECM_APPO__PORT=0
    "$target/debug/mecm" up 2>"$suite_folder/log" &
    suite=$!
    for _ in $(seq 300); do
        # The last of the three.
        if [ -n "$(suite_address appo)" ]; then
            return
        fi
        kill -0 "$suite" 2>/dev/null || break
        sleep 0.1
    done
    cat "$suite_folder/log" >&2
    die "the services did not start"
}

# suite_address SERVICE: its host and port.
suite_address() {
    sed -n "s/.* ready service=\"$1\" address=\(.*\)$/\1/p" "$suite_folder/log"
}

suite_stop() {
    if [ -n "$suite" ]; then
        kill "$suite" 2>/dev/null || true
        wait "$suite" 2>/dev/null || true
        suite=
    fi
    if [ -n "$suite_folder" ]; then
        rm -rf "$suite_folder"
    fi
}
