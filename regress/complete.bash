# complete.bash FOLDER: as complete.zsh, for bash.  Words are split as it does.
while IFS= read -r line; do
    # shellcheck disable=SC1090 # a folder that the test makes
    . "$1/${line%% *}"
    rest=${line//=/ = }
    read -ra COMP_WORDS <<<"$rest"
    [ "${line: -1}" != " " ] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    function=$(complete -p "${line%% *}" | sed 's/.*-F \([^ ]*\).*/\1/')
    "$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}"
    for word in "${COMPREPLY[@]}"; do
        printf '%s\t%s\n' "$line" "$word"
    done
done
