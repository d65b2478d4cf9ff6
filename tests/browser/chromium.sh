#!/bin/sh
# Runs $CHROMIUM with two features less, which cost each new window a process that no test ever
# sees: the address bar's suggestions, and a renderer kept ready. Chromium heeds the last list of
# features alone, so they are added to the one that Playwright gives it.
for each; do
	shift
	case $each in
	--disable-features=*) each=$each,WebUIOmniboxPopup,SpareRendererForSitePerProcess ;;
	esac
	set -- "$@" "$each"
done
exec "$CHROMIUM" "$@"
