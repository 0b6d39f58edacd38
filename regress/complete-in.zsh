# In the terminal that complete.zsh makes: Ctrl-X t completes each line.
PROMPT= RPROMPT=
fpath=($COMPLETE_FOLDER $fpath)
autoload -Uz compinit
compinit -D -u
zstyle ':completion:*' menu no
# What is added is written down.
compadd() {
    local -a found
    builtin compadd -O found "$@"
    print -rl -- "${(@)found/#/$BUFFER	}" >>$COMPLETE_OUT
    builtin compadd "$@"
}
complete-line() { _main_complete; compstate[insert]=; compstate[list]= }
zle -C complete-line complete-word complete-line
complete-all() {
    local line
    for line in "${(@f)$(<zsh.lines)}"; do
        BUFFER=$line CURSOR=$#line
        zle complete-line
    done
    BUFFER=
    print complete-end
}
zle -N complete-all
bindkey '^Xt' complete-all
