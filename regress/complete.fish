# complete.fish FOLDER: as complete.zsh, for fish.
set fish_complete_path $argv[1]
while read -l line
    for word in (complete -C $line)
        printf '%s\t%s\n' $line (string split -m 1 \t -- $word)[1]
    end
end
