# bash completion for serin, made by: serin completion bash
_serin() {
	local rest=${COMP_LINE:0:COMP_POINT} word space prefix= kind= value i n=-1
	local -a words=()
	COMPREPLY=()
	# Bash cuts words at = and : too; they are put together again.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		space=${rest%%[![:space:]]*}
		rest=${rest#"$space"}
		word=${COMP_WORDS[i]}
		((i == COMP_CWORD)) && word=$rest
		rest=${rest#"$word"}
		if [[ -n $space || $n -lt 0 ]]; then
			n=$((n + 1))
			words[n]=$word
		else
			words[n]+=$word
		fi
	done
	word=${words[n]}
	case $word in *[=:]*) prefix=${word%"${word##*[=:]}"} ;; esac
	while IFS=$'\t' read -r value _; do
		if [[ -z $kind ]]; then
			kind=$value
		else
			COMPREPLY+=("${value#"$prefix"}")
		fi
	done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
	case $kind in
	files) ;; # what complete -o default does
	dirs) compopt -o dirnames +o default 2>/dev/null ;;
	*) compopt +o default 2>/dev/null ;;
	esac
}
complete -o default -F _serin serin
