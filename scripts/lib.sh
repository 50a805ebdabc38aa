# shellcheck shell=bash
# What the scripts share: where the project is, how they speak, and whether Rust and a C compiler are there.
# Sourced, not run. Everything a person reads goes to standard error, so that standard output stays the programs' own.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the callers
target=${CARGO_TARGET_DIR:-$root/target}
# The oldest Rust that builds the suite (Cargo.toml, rust-toolchain.toml).
rust_version=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$root/rust-toolchain.toml")

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$(basename "$0"): $*"
    exit 1
}

# The command that installs Debian packages, as this user has to type it.
apt_command() {
    if [ "$(id -u)" = 0 ]; then
        echo "apt-get update && apt-get install -y $*"
    else
        echo "sudo apt-get update && sudo apt-get install -y $*"
    fi
}

# apt_install PACKAGE…: installs without asking and without recommended extras; for root on Debian only.
apt_install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 1
    fi
    local apt=(apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold)
    export DEBIAN_FRONTEND=noninteractive
    "${apt[@]}" install --no-install-recommends "$@" >&2 && return 0
    say "Refreshing Debian's package lists."
    "${apt[@]}" update >&2 && "${apt[@]}" install --no-install-recommends "$@" >&2
}

# at_least VERSION WANTED
at_least() {
    printf '%s\n%s\n' "$2" "$1" | sort -V -C
}

# The version of the Rust that would build the project, or nothing.
rust_found() {
    (cd "$root" && rustc --version 2>/dev/null) | sed -n 's/^rustc \([0-9.]*\).*/\1/p'
}

# Makes sure that `cargo` is there and new enough; says how to get it otherwise.
need_rust() {
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    local install="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    if ! command -v cargo >/dev/null; then
        die "cargo, Rust's build tool, is missing. Install Rust with:
    $install"
    fi
    if [ -z "$(rust_found)" ] && command -v rustup >/dev/null; then
        # The toolchain of rust-toolchain.toml is not installed. A newer one will do where it cannot be fetched.
        if ! rustup toolchain install "$rust_version" --profile minimal >&2; then
            local name
            for name in $(rustup toolchain list | sed 's/ .*//'); do
                if at_least "$(RUSTUP_TOOLCHAIN=$name rust_found)" "$rust_version"; then
                    export RUSTUP_TOOLCHAIN=$name
                    say "Rust $rust_version cannot be fetched; using the toolchain $name."
                    break
                fi
            done
        fi
    fi
    local found
    found=$(rust_found)
    if [ -z "$found" ]; then
        die "cargo is there, but no Rust toolchain that works. Install one with:
    rustup toolchain install $rust_version"
    fi
    if ! at_least "$found" "$rust_version"; then
        die "Rust $found is too old; the suite needs $rust_version or newer. Install it with:
    $install"
    fi
}

# need_component COMMAND COMPONENT PACKAGE: the cargo sub-command that rustup, or else Debian, has under another name.
need_component() {
    (cd "$root" && cargo "$1" --version >/dev/null 2>&1) && return
    if command -v rustup >/dev/null; then
        (cd "$root" && rustup component add "$2" >&2) && return
        die "cargo $1 is missing and could not be fetched. Install it with:
    rustup component add $2"
    fi
    die "cargo $1 is missing. Install it with:
    $(apt_command "$3")"
}

# Makes sure that a C compiler with its headers is there: SQLite and the cryptography library are C.
need_c_compiler() {
    local compiler=${CC:-cc}
    if ! printf '#include <stdlib.h>\nint main(void) { return 0; }\n' |
        $compiler -x c -o /dev/null - >/dev/null 2>&1; then
        die "a C compiler with its headers is missing (tried: $compiler). Install one with:
    $(apt_command gcc libc6-dev)"
    fi
}
