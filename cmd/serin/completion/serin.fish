# fish completion for serin, made by: serin completion fish
function __serin_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -l answer ($words[1] __complete -- $words[2..-1] "$last" 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path "$last"
        case dirs
            __fish_complete_directories "$last"
        case '*'
            test (count $answer) -gt 1; and printf '%s\n' $answer[2..-1]
    end
end
complete -c serin -f -a '(__serin_complete)'
