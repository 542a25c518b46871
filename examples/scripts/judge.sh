#!/bin/sh
# Has a canary judged, and waits for the answer. Exits with 0 for promote, 1 for
# rollback, 2 where nothing was decided, 3 where Serin could not be asked.
#
#   SERIN=https://serin.example.com SERIN_TOKEN=... ./judge.sh announcement.json [RUN]
#
# RUN tells this run from every other (a build's number): run again with the same one,
# the script waits for the same answer.
set -u

poll=${SERIN_POLL:-10}
body=${1:?announcement.json}
key=${2:-$(date +%s)-$$}
headers=$(mktemp) answer=$(mktemp) auth=$(mktemp)
trap 'rm -f "$headers" "$answer" "$auth"' EXIT
trap 'cancel; exit 3' INT TERM
# The token stays out of the process list.
printf 'header = "Authorization: Bearer %s"\n' "$SERIN_TOKEN" >"$auth"

ask() { curl --config "$auth" --silent --show-error --max-time 30 --output "$answer" --write-out '%{http_code}' "$@"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$answer" | head -n 1; }
cancel() { ask --request POST --data-binary "@$body" "$SERIN/v1/judge/cancel" >/dev/null; }

tries=0
until code=$(ask --dump-header "$headers" --header 'Content-Type: application/json' --header 'Prefer: respond-async' \
  --header "Idempotency-Key: $key" --data-binary "@$body" "$SERIN/v1/judge") && [ "$code" = 202 ]; do
  tries=$((tries + 1))
  case "$code" in 000 | 429 | 5??) [ "$tries" -lt 30 ] && sleep "$poll" && continue ;; esac
  echo "Serin answered $code: $(cat "$answer")" >&2
  exit 3
done
status=$(sed -n 's/^[Ll]ocation: *//p' "$headers" | tr -d '\r')
case "$status" in /*) status=$SERIN$status ;; esac

away=0
while :; do
  code=$(ask "$status")
  case "$code" in
  200) away=0 ;;
  000 | 429 | 5??) # ten minutes of that are enough
    away=$((away + 1))
    [ "$away" -lt 60 ] && sleep "$poll" && continue
    echo "Serin cannot be reached; the last answer was $code" >&2
    exit 3
    ;;
  *) echo "Serin answered $code: $(cat "$answer")" >&2 && exit 3 ;;
  esac
  field progress
  case "$(field status)" in
  promote | advance) exit 0 ;;
  rollback) exit 1 ;;
  inconclusive | closed) exit 2 ;;
  esac
  sleep "$poll"
done
