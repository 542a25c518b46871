#!/usr/bin/env bash
# Sends a growing share of a web app's users to its slot "staging", and asks Serin before
# each step. Swaps the slots at the end; whatever goes wrong, all users go back.
#
#   APP=checkout GROUP=shop ./rollout.sh
#
# SERIN_URL and SERIN_TOKEN (or SERIN_TOKEN_FILE) say where Serin is. In Azure Pipelines
# the revision is BUILD_SOURCEVERSION.
set -euo pipefail

export SERIN_SERVICE=$APP
steps=${STEPS:-"10 25 50"}

back() {
	local code=$?
	trap - EXIT
	if [ "$code" -ne 0 ]; then
		echo "all users back to production (code $code: 3 rollback, 4 undecided, 5 interrupted, 1 no answer)"
		az webapp traffic-routing clear --name "$APP" --resource-group "$GROUP"
		serin rollout close --why "rolled back, code $code" || true
	fi
	exit "$code"
}
trap back EXIT
trap 'exit 143' TERM INT

serin ask --gate start --wait 5m --watch --canary-url "https://$APP-staging.azurewebsites.net"
for percent in $steps; do
	az webapp traffic-routing set --name "$APP" --resource-group "$GROUP" --distribution "staging=$percent"
	serin ask --gate step --weight "$percent" --wait "${STEP_WAIT:-20m}"
done
serin ask --gate promotion --wait "${PROMOTION_WAIT:-1h}"
# from here on the baseline goes away, and nothing may be compared
serin rollout close --why promoted || true
az webapp deployment slot swap --name "$APP" --resource-group "$GROUP" --slot staging --target-slot production
az webapp traffic-routing clear --name "$APP" --resource-group "$GROUP"
