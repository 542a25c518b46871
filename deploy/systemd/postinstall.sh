#!/bin/sh
# Makes the user and the folders. It neither enables nor starts the service: first it
# needs a plan, and where Prometheus is.
set -e
if command -v systemd-sysusers >/dev/null 2>&1; then
	systemd-sysusers serin.conf
	systemd-tmpfiles --create serin.conf || true
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart serin.service
fi
