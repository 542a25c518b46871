#!/usr/bin/env bash
# Runs on each machine after the new revision was started. On the canary's machines it
# asks Serin whether that may be promoted: all of them ask about one rollout, which is
# that of the deployment (DEPLOYMENT_ID). The exit code fails the deployment, or not.
#
# The rollout is not closed here: another machine may still ask. The next deployment
# closes it, or Serin does by itself.
set -euo pipefail

# SERIN_URL and SERIN_TOKEN_FILE, one a line.
set -a
. "${SERIN_ENVIRONMENT:-/etc/serin/environment}"
set +a

curl --fail --silent --show-error --retry 10 --retry-connrefused --max-time 5 --output /dev/null "${HEALTH_URL:-http://127.0.0.1:8080/health}"
case $DEPLOYMENT_GROUP_NAME in
*-canary) exec serin ask --gate promotion --wait "${PROMOTION_WAIT:-40m}" ;;
esac
