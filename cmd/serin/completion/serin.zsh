#compdef serin
# zsh completion for serin, made by: serin completion zsh
_serin() {
	local -a answer lines
	local kind line
	answer=("${(@f)$("${words[1]}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
	kind=$answer[1]
	shift answer
	case $kind in
	files)
		compset -P '--*='
		_files
		return
		;;
	dirs)
		compset -P '--*='
		_files -/
		return
		;;
	esac
	for line in $answer; do
		lines+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
	done
	(($#lines)) && _describe -t serin serin lines
}
if [[ $funcstack[1] == _serin ]]; then
	_serin "$@"
else
	compdef _serin serin
fi
