# The VM's side of a session where the VM has no agent of its own: dom0 carries
# this text in.  It runs in dash, bash and busybox sh, answers at once, and is
# asked once a second.  Nothing that it reads is evaluated: lines are split
# into words, and a word is a number or an id before it is used as one.

set -fu
umask 077
export LC_ALL=C
IFS=' '
home=$HOME/.qvm-remote
pending=$home/queue/pending
running=$home/queue/running
results=$home/queue/results

offered=' '   # ids that dom0 has answered neither with take nor with done
cancelled=' ' # ids whose cancel it has
begun=' '     # outputs that this session has begun to write
old=' '       # requests of version 1 whose client is long gone

die() {
    printf 'qvm-remote agent: %s\n' "$1" >&2
    exit 1
}

# is_number WORD: one that the shell can calculate with.
is_number() {
    case $1 in
    '' | *[!0-9]* | 0?* | 9?????????????????? | ????????????????????*) return 1 ;;
    esac
}

# is_date YYYYMMDD: one that exists.
is_date() {
    _day=${1#????}
    case $1 in
    *[!0-9]*) return 1 ;;
    ????????) ;;
    *) return 1 ;;
    esac
    case $_day in
    0[1-9]0[1-9] | 0[1-9]1? | 0[1-9]2[0-8]) return 0 ;;
    1[0-2]0[1-9] | 1[0-2]1? | 1[0-2]2[0-8]) return 0 ;;
    0[13-9]29 | 0[13-9]30 | 1[0-2]29 | 1[0-2]30) return 0 ;;
    0[13578]31 | 1[02]31) return 0 ;;
    0229) ;;
    *) return 1 ;;
    esac
    # The 1 keeps a leading zero from making it octal, and the rule as it is.
    _year=1${1%????}
    [ $((_year % 4)) = 0 ] &&
        { [ $((_year % 100)) != 0 ] || [ $((_year % 400)) = 0 ]; }
}

# is_id WORD: by the grammar of PROTOCOL (Queue); dom0 ends the session of who
# offers another.
is_id() {
    [ "${#1}" -le 64 ] || return 1
    case $1 in
    *[!0-9a-z-]*) return 1 ;;
    ping-*-*)
        _rest=${1#ping-}
        is_number "${_rest%%-*}" && is_number "${_rest#*-}"
        return
        ;;
    ????????-??????-*-????????) ;;
    *) return 1 ;;
    esac
    is_date "${1%%-*}" || return 1
    _rest=${1#*-}
    case ${_rest%%-*} in
    [01][0-9][0-5][0-9][0-5][0-9] | 2[0-3][0-5][0-9][0-5][0-9]) ;;
    *) return 1 ;;
    esac
    _rest=${_rest#*-}
    case ${_rest#*-} in
    *[!0-9a-f]*) return 1 ;;
    esac
    is_number "${_rest%%-*}"
}

# is_file PATH: a regular file that we may read, and no link to one.
is_file() {
    [ -f "$1" ] && [ ! -L "$1" ] && [ -r "$1" ]
}

# size PATH: into $size; a number.
size() {
    size=$(stat -c %s "$1" 2>/dev/null)
    is_number "$size"
}

# send PATH LENGTH: exactly as many bytes as were announced, whatever has become
# of the file meanwhile.
send() {
    [ "$2" = 0 ] || cat "$1" /dev/zero 2>/dev/null | head -c "$2"
}

# receive LENGTH: as many bytes of dom0's, and not one more.
receive() {
    if [ -n "$full" ]; then
        dd bs="$1" count=1 "$full" 2>/dev/null
    else
        dd bs=1 count="$1" 2>/dev/null
    fi
}

has_result() {
    [ ! -e "$results/$1.exit" ] || return 0
    set +f
    set -- "$home"/history/*/"$1"/exit
    set -f
    [ -e "$1" ]
}

forget() {
    rm -f "$pending/$1.auth" "$pending/$1" "$pending/$1.in" \
        "$pending/$1.cancel" "$running/$1.auth" "$running/$1" "$running/$1.in"
}

answered() {
    case $offered in
    *" $1 "*) offered="${offered%%" $1 "*} ${offered#*" $1 "}" ;;
    esac
}

# take ID: the token first: who has it has the request.
take() {
    for _suffix in .auth '' .in; do
        if [ -e "$pending/$1$_suffix" ]; then
            mv -f "$pending/$1$_suffix" "$running/$1$_suffix"
        fi
    done
}

# too_old ID TOKEN: only version 1 has a token of 64 bytes, which its client
# writes in place and which says nothing of an end.
too_old() {
    [ "$size" -le 65 ] || return 1
    _written=$(stat -c %Y "$2" 2>/dev/null)
    is_number "$_written" || return 0
    _age=$((now - _written))
    if [ $_age -gt 3600 ]; then
        old="$old$1 "
        return 0
    fi
    [ "$size" -lt 64 ] && [ $_age -gt -2 ] && [ $_age -lt 2 ]
}

# offer_request FOLDER ID: false where that is no request now.
offer_request() {
    case $offered$old in
    *" $2 "*) return 1 ;;
    esac
    if has_result "$2"; then
        forget "$2"
        return 1
    fi
    is_file "$1/$2.auth" && is_file "$1/$2" || return 1
    now=$(date +%s)
    size "$1/$2.auth" && ! too_old "$2" "$1/$2.auth" || return 1
    _token=$size
    size "$1/$2" || return 1
    _body=$size
    size=0
    if [ -e "$1/$2.in" ] || [ -L "$1/$2.in" ]; then
        is_file "$1/$2.in" && size "$1/$2.in" || return 1
    fi
    printf 'request %s %s %s %s %s\n' "$2" "$now" "$_token" "$_body" "$size"
    offered="$offered$2 "
    if [ "$_token" -le 4096 ] && [ "$_body" -le 1048576 ] &&
        [ "$size" -le "$input_limit" ]; then
        send "$1/$2.auth" "$_token"
        send "$1/$2" "$_body"
        send "$1/$2.in" "$size"
    fi
}

# offer_cancel ID
offer_cancel() {
    case $1$cancelled in
    ping-* | *" $1 "*) return 1 ;;
    esac
    if has_result "$1"; then
        rm -f "$pending/$1.cancel"
        return 1
    fi
    is_file "$pending/$1.cancel" && size "$pending/$1.cancel" || return 1
    if [ "$size" -gt 4096 ]; then
        rm -f "$pending/$1.cancel"
        return 1
    fi
    [ "$size" -gt 0 ] || return 1
    printf 'cancel %s %s %s\n' "$1" "$(date +%s)" "$size"
    send "$pending/$1.cancel" "$size"
    cancelled="$cancelled$1 "
    if [ ! -e "$pending/$1.auth" ] && [ ! -e "$running/$1.auth" ]; then
        rm -f "$pending/$1.cancel"
    fi
}

# ids FOLDER SUFFIX: into $ids, oldest first.
ids() {
    ids=
    _suffix=$2
    set +f
    set -- "$1"/*"$2"
    set -f
    for _name; do
        _name=${_name##*/}
        _name=${_name%"$_suffix"}
        if is_id "$_name"; then
            ids="$ids$_name "
        fi
    done
}

next_cancel() {
    ids "$pending" .cancel
    for id in $ids; do
        ! offer_cancel "$id" || return 0
    done
    return 1
}

# What an earlier session took and did not answer comes first, once.
next_request() {
    while [ -n "$resumed" ]; do
        id=${resumed%% *}
        resumed=${resumed#* }
        take "$id"
        ! offer_request "$running" "$id" || return 0
    done
    ids "$pending" .auth
    for id in $ids; do
        ! offer_request "$pending" "$id" || return 0
    done
    return 1
}

# make_way PATH: what is no file is no output, and would be written to.
make_way() {
    [ -f "$1" ] && [ ! -L "$1" ] || rm -f "$1" || die "$1 is in the way"
}

# begin ID SUFFIX: each session brings an output from its first byte on.
begin() {
    case $begun in
    *" $1.$2 "*) return 0 ;;
    esac
    make_way "$results/$1.$2"
    printf '' >"$results/$1.$2" || die "$1.$2 cannot be written"
    begun="$begun$1.$2 "
}

# piece SUFFIX ID OFFSET LENGTH: the same piece may come again.
piece() {
    if has_result "$2"; then
        receive "$4" >/dev/null
        return
    fi
    begin "$2" "$1"
    _file=$results/$2.$1
    size "$_file" && [ "$3" -le "$size" ] || die "$2: a gap in its output"
    _have=$size
    _skip=$((_have - $3))
    if [ $_skip -ge "$4" ]; then
        receive "$4" >/dev/null
        return
    elif [ $_skip = 0 ]; then
        receive "$4" >>"$_file"
    else
        receive "$4" | tail -c +$((_skip + 1)) >>"$_file"
    fi
    size "$_file" && [ "$size" = $(($3 + $4)) ] || die "$2: its output is cut"
}

to_disk() {
    sync -f "$results" 2>/dev/null || sync 2>/dev/null || :
}

# end ID STATUS LENGTH: the result is there once .exit is, and whole by then.
end() {
    if has_result "$1"; then
        receive "$3" >/dev/null
    else
        begin "$1" out
        begin "$1" err
        make_way "$results/.$1.meta"
        make_way "$results/.$1.exit"
        receive "$3" >"$results/.$1.meta"
        size "$results/.$1.meta" && [ "$size" = "$3" ] ||
            die "$1: its receipt is cut"
        printf '%s\n' "$2" >"$results/.$1.exit" || die "$1: no room"
        to_disk
        # From here on its client may take all of it away.
        mv -f "$results/.$1.meta" "$results/$1.meta" &&
            mv -f "$results/.$1.exit" "$results/$1.exit" ||
            die "$1: its result has no place"
        to_disk
    fi
    for _stream in out err; do
        case $begun in
        *" $1.$_stream "*)
            begun="${begun%%" $1.$_stream "*} ${begun#*" $1.$_stream "}"
            ;;
        esac
    done
    answered "$1"
    forget "$1"
    printf 'kept %s\n' "$1"
}

counts() {
    _counts=
    for _folder in "$pending .auth" "$running .auth" "$results .exit"; do
        ids "${_folder% *}" "${_folder##* }"
        # shellcheck disable=SC2086 # ids have no other characters
        set -- $ids
        _counts="$_counts $#"
    done
    printf 'counts%s\n' "$_counts"
}

# frame WORD...: dom0 never sends what fails this.
frame() {
    case $#:$1 in
    3:next) [ "$2" = any ] && is_number "$3" || [ "$2" = cancel ] ;;
    4:state | 2:take) is_id "$2" ;;
    4:out | 4:err | 4:done) is_id "$2" && is_number "$3" && is_number "$4" ;;
    1:count | 1:bye) ;;
    *) return 1 ;;
    esac
}

handle() {
    case $1 in
    next)
        if [ "$2" = any ]; then
            input_limit=$3
        fi
        next_cancel || { [ "$2" = any ] && next_request; } || echo none
        ;;
    take)
        take "$2"
        answered "$2"
        ;;
    out | err) piece "$@" ;;
    done) end "$2" "$3" "$4" ;;
    count) counts ;;
    bye) exit 0 ;;
    esac
}

# One agent at a time, where there is a flock: an earlier one is ending.
lock() {
    command -v flock >/dev/null || return 0
    exec 9>>"$home/agent.lock" || exit 1
    _tries=0
    until flock -n 9; do
        _tries=$((_tries + 1))
        [ $_tries -le 10 ] || die 'another agent has a session already'
        sleep 1
    done
}

mkdir -p "$pending" "$running" "$results" || exit 1
lock
full=iflag=fullblock
dd count=0 "$full" </dev/null >/dev/null 2>&1 || full=
ids "$running" .auth
resumed=$ids

IFS= read -r line && [ "$line" = 'qvm-remote 2' ] || die 'dom0 must greet'
echo 'ready 2 qvm-remote-sh/1 poll'
while IFS= read -r line; do
    # shellcheck disable=SC2086 # split on purpose; set -f
    set -- $line
    [ $# -gt 0 ] && frame "$@" || die 'a line that is no frame'
    handle "$@"
done
exit 1
