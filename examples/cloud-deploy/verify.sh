#!/bin/sh
# Verifies one phase of a rollout: may traffic increase, or, at the last step, may the
# canary be promoted. The exit code is the verification's.
set -eu

case ${CLOUD_DEPLOY_PHASE:-} in
canary-50) exec serin ask --gate promotion --weight 50 --wait "${PROMOTION_WAIT:-50m}" --watch ;;
canary-*) exec serin ask --gate step --weight "${CLOUD_DEPLOY_PHASE#canary-}" --wait "${STEP_WAIT:-30m}" --watch ;;
stable) exec serin rollout close --why promoted ;;
*)
	echo "verify.sh knows no phase \"${CLOUD_DEPLOY_PHASE:-}\"" >&2
	exit 1
	;;
esac
