#!/bin/sh
# Create the virtual environment $1 with the first Python that is new enough. $PYTHON is tried first.
set -eu
venv=$1

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    echo "No Python 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
fi

if ! output=$("$python" -m venv --clear "$venv" 2>&1); then
    rm -rf "$venv"
    echo "$output" >&2
    echo "$python could not create $venv. On Debian and Ubuntu it needs: apt-get install python3-venv" >&2
    exit 1
fi
