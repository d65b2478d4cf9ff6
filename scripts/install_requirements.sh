#!/bin/sh
# Install the packages that requirements file $2 pins, hashes checked, with the Python $1: by uv, or by
# pip where uv can't be had or doesn't work.
set -eu
bin=$(dirname "$1")
uv=$(command -v uv || command -v "$bin/uv" || true)
echo "Installing the packages that $2 pins (once) ..."
if [ -z "$uv" ]; then
    # All packages take pip 37 s of CPU, and uv 12, with the three that it takes to install uv.
    pinned=$(mktemp)
    sed -n '/^uv==/,/[^\\]$/p' requirements-dev.txt >"$pinned"
    if "$1" -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r "$pinned" 2>/dev/null; then
        uv=$bin/uv
    fi
    rm -f "$pinned"
fi
if [ -n "$uv" ] && "$uv" --quiet pip install --compile-bytecode --require-hashes --python "$1" -r "$2" 2>/dev/null; then
    exit
fi
if ! "$1" -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r "$2"; then
    echo "The packages of $2 could not be installed, for the reason above. Often it is the network. Run make again when it is mended." >&2
    exit 1
fi
