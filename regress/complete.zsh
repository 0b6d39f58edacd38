# complete.zsh FOLDER: what zsh completes of each line of standard input, with
# the completions of FOLDER: a line `LINE<TAB>WORD` each.  In a terminal of its
# own: nothing completes without one.
zmodload zsh/zpty
lines=("${(@f)$(cat)}")
export COMPLETE_OUT=$PWD/zsh.out COMPLETE_FOLDER=$1
: >$COMPLETE_OUT
print -rl -- $lines >zsh.lines
zpty z zsh -f -i
zpty -w z "source ${0:A:h}/complete-in.zsh"
zpty -w z $'\x18t'
while zpty -r z line; do
    [[ $line != *complete-end* ]] || break
done
zpty -d z
cat $COMPLETE_OUT
