#!/bin/sh
# deb says remove or upgrade, rpm how many stay behind. An upgrade stops nothing.
set -e
case "$1" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now serin.service || true
fi
