#!/bin/sh
# Install the packages that requirements file $2 pins, hashes checked, with the Python $1: by uv if
# there is one and it works (ten times faster), else by pip.
set -eu
uv=$(command -v uv || command -v "$(dirname "$1")/uv" || true)
echo "Installing the packages that $2 pins (once) ..."
if [ -n "$uv" ] && "$uv" --quiet pip install --compile-bytecode --require-hashes --python "$1" -r "$2" 2>/dev/null; then
    exit
fi
if ! "$1" -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r "$2"; then
    echo "The packages of $2 could not be installed, for the reason above. Often it is the network. Run make again when it is mended." >&2
    exit 1
fi
