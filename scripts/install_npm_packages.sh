#!/bin/sh
# Install the npm packages that package-lock.json pins, and copy the files that pages load to where
# the web app serves them. Arguments go to npm: --omit=dev leaves out what only the tests need.
set -eu
if ! command -v npm >/dev/null; then
    echo "npm is not installed. Install Node.js, which brings it, then run make again." >&2
    exit 1
fi
echo "Installing the npm packages that package-lock.json pins (once) ..."
if ! npm ci --ignore-scripts --loglevel=error "$@" >/dev/null; then
    echo "The npm packages could not be installed, for the reason above. Often it is the network. Run make again when it is mended." >&2
    exit 1
fi
served=app/static/vendor
mkdir -p "$served"
cp node_modules/htmx-ext-sse/sse.js "$served"
# make looks for the second file, so it must not be there before both are complete.
cp node_modules/htmx.org/dist/htmx.min.js "$served/.htmx.min.js"
mv "$served/.htmx.min.js" "$served/htmx.min.js"
