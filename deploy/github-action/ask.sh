#!/usr/bin/env bash
# ask.sh COMMAND asks, shows the report in the job's summary, and ends as serin ask does.
set -uo pipefail

serin=$1 report=${RUNNER_TEMP:-/tmp}/serin-report.txt
args=(ask --gate "$GATE" --wait "$WAIT")
[ -n "${WEIGHT:-}" ] && args+=(--weight "$WEIGHT")
while IFS= read -r arg; do
	[ -n "$arg" ] && args+=("$arg")
done <<<"${MORE:-}"

"$serin" "${args[@]}" | tee "$report"
code=${PIPESTATUS[0]}
case $code in
0) answer=yes ;;
3) answer=rollback ;;
4) answer=undecided ;;
5) answer=interrupted ;;
*) answer=failed ;;
esac
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	printf 'answer=%s\nreport=%s\n' "$answer" "$report" >>"$GITHUB_OUTPUT"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
	# shellcheck disable=SC2016 # the quotes are Markdown's
	printf '### Serin: %s\n\n```\n%s\n```\n' "$answer" "$(tail -n 12 "$report")" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$code"
