#!/bin/sh
# Installs the pinned requirements file $2 with the Python $1.
set -eu
echo "Installing what $2 pins (once) ..."
if ! "$1" -m pip install --quiet --no-input --disable-pip-version-check -r "$2"; then
    echo "What $2 pins could not be installed; the reason stands above. Mend it (often the network), then run make again." >&2
    exit 1
fi
