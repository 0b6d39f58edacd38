# Makes the rows that bash.in, zsh.in and fish.in complete from.
#
# A line of a table is an option (`-x, --long=KIND`), or words in lower case, and
# then options of theirs in brackets (`[-x KIND]`, `[--long]`) and arguments: the
# first one's KIND may complete, and `KIND...` is any number of them.  KIND is one
# of those that the three files know, FILE, DIR, VM and ID, or COMMAND, which is
# all that follows, and dom0's; any other name completes nothing.
#
# A row is `where|word|KIND|what for`, quoted for a shell, and then `end`, which
# the caller sets.  where: the words before it; word: 1 for a first argument, *
# for any.

function row(where, word, kind, text) {
    if ((where, word) in seen)
        return
    seen[where, word] = 1
    gsub(/'/, "'\\''", text)
    printf "    '%s|%s|%s|%s'%s\n", where, word, kind, text, end
}

function bad(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"
    exit 1
}

# -x or --long, with its KIND behind a = or a space.
function option(where, text, what,   at) {
    at = match(text, /[= ]/)
    if (at == 0)
        row(where, text, "", what)
    else
        row(where, substr(text, 1, at - 1), substr(text, at + 1), what)
}

function options(left, text,   names, n, i, kind) {
    kind = ""
    if (match(left, /=.*/))
        kind = substr(left, RSTART)
    sub(/=.*/, "", left)
    n = split(left, names, /, /)
    for (i = 1; i <= n; i++)
        option("", names[i] kind, text)
}

function words(left, text,   where, word) {
    where = ""
    while (match(left, /^[a-z][a-z0-9-]*/)) {
        word = substr(left, 1, RLENGTH)
        left = substr(left, RLENGTH + 1)
        sub(/^ /, "", left)
        row(where, word, "", left ~ /^[a-z]/ ? "" : text)
        where = where == "" ? word : where " " word
    }
    while (match(left, /\[-[^]]*\]/)) {
        word = substr(left, RSTART + 1, RLENGTH - 2)
        left = substr(left, 1, RSTART - 1) substr(left, RSTART + RLENGTH)
        option(where, word, "")
    }
    sub(/^ +/, "", left)
    if (match(left, /^\[?[A-Z]+/)) {
        word = substr(left, 1, RLENGTH)
        left = substr(left, RLENGTH + 1)
        sub(/^\[/, "", word)
        row(where, left ~ /^\.\.\./ ? "*" : "1", word, "")
    }
}

/^#/ { next }
/\|/ { bad("a | has no place here") }
{
    at = index($0, "  ")
    if (at == 0)
        bad("what is it for?  Two spaces come before that")
    left = substr($0, 1, at - 1)
    text = substr($0, at + 2)
    sub(/^ +/, "", text)
    if (left ~ /^-/)
        options(left, text)
    else if (left ~ /^[a-z]/)
        words(left, text)
    else
        bad("neither an option nor words in lower case")
}
