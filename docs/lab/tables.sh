#!/usr/bin/env bash
# Writes the tables and charts of docs/lab.md anew. Every table there stands below a
# line such as
#
#	<!-- $ serin lab --scenario aa -o matrix -->
#
# and is replaced by what that command writes; charts are written by --plot in the
# same commands. Where SERIN_SERIES_DIR is not set, what needs recorded series stays.
#
#	docs/lab/tables.sh            all of it, a quarter of an hour or so on two processors
#	docs/lab/tables.sh 20         the same with 20 runs for each cell, to try it out
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly page=docs/lab.md runs=${1-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/serin" ./cmd/serin

# table COMMAND prints what the command writes, or fails.
table() {
	local -a words
	read -ra words <<<"${1/\$SERIN_SERIES_DIR/${SERIN_SERIES_DIR-}}"
	printf '%s\n' "${words[*]}" >&2
	"$work/serin" "${words[@]:1}" ${runs:+--runs "$runs"} 2>/dev/null
}

skip=false
while IFS= read -r line; do
	if $skip; then
		[[ $line == '|'* ]] && continue
		skip=false
	fi
	[[ $line == '*Trial run:'* ]] && continue
	printf '%s\n' "$line"
	if [[ $line == '<!-- trial -->' && -n $runs ]]; then
		printf '*Trial run: %s rollouts for each cell, whatever the commands say.*\n' "$runs"
	fi
	if [[ $line =~ ^'<!-- $ '(serin .*)' -->'$ ]]; then
		command=${BASH_REMATCH[1]}
		if [[ $command == *SERIN_SERIES_DIR* && -z ${SERIN_SERIES_DIR-} ]]; then
			echo "kept as it is: SERIN_SERIES_DIR is not set for $command" >&2
			continue
		fi
		table "$command"
		skip=true
	fi
done <"$page" >"$work/page"
cp "$work/page" "$page"
