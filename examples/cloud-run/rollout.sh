#!/usr/bin/env bash
# Rolls a new revision of a Cloud Run service out, step by step, and asks Serin before
# each. Whatever goes wrong, all traffic goes back to the old revision.
#
#   SERVICE=checkout REGION=europe-west1 IMAGE=…/checkout:1.2.3 ./rollout.sh
#
# SERIN_URL and SERIN_TOKEN (or SERIN_TOKEN_FILE) say where Serin is.
set -euo pipefail

export SERIN_SERVICE=$SERVICE
steps=${STEPS:-"5 25 50"}

traffic() { # traffic NAME=PERCENT,…
	gcloud run services update-traffic "$SERVICE" --region "$REGION" --to-revisions "$1" --quiet
}

old=$(gcloud run services describe "$SERVICE" --region "$REGION" --format 'value(status.traffic[0].revisionName)')
gcloud run deploy "$SERVICE" --region "$REGION" --image "$IMAGE" --no-traffic --tag canary --quiet
new=$(gcloud run services describe "$SERVICE" --region "$REGION" --format 'value(status.latestCreatedRevisionName)')
url=$(gcloud run services describe "$SERVICE" --region "$REGION" --format 'value(status.traffic.filter("tag:canary").extract("url"))')
export SERIN_REVISION=$new

back() {
	local code=$?
	trap - EXIT
	if [ "$code" -ne 0 ]; then
		echo "going back to $old (code $code: 3 rollback, 4 undecided, 5 interrupted, 1 no answer)"
		traffic "$old=100"
		serin rollout close --why "rolled back, code $code" || true
	fi
	exit "$code"
}
trap back EXIT
trap 'exit 143' TERM INT

serin ask --gate start --wait 5m --watch --canary-url "$url" \
	--baseline-label "revision=$old" --canary-label "revision=$new"
for percent in $steps; do
	traffic "$new=$percent,$old=$((100 - percent))"
	serin ask --gate step --weight "$percent" --wait "${STEP_WAIT:-20m}"
done
serin ask --gate promotion --wait "${PROMOTION_WAIT:-1h}"
# from here on the baseline goes away, and nothing may be compared
serin rollout close --why promoted || true
traffic "$new=100"
