#!/bin/sh
# qvm-remote's upgrade: run by each installation of dom0's package, after its
# files are in place.  It gives to root alone what the Python program's versions
# left to others in /etc/qubes, and writes proposals for VMs that have a key and no
# policy.  Each change is a line.  It changes no content, accepts, starts and
# enables nothing, and never ends an installation: what it cannot do, it says.
#
# It may be run again at any time, and does nothing where all is as it should be.
# Moving VM.conf.proposed to VM.conf accepts a proposal: the daemon reads no
# other name.
export LC_ALL=C
umask 077

conf=/etc/qubes/remote.conf
dir=/etc/qubes/remote.d

say() {
    echo "qvm-remote: $*"
}

# only_root MODE PATH: PATH has this mode and is root's, from now on.  Not where
# it was another user's, who knows it or has chosen it: a person decides.
only_root() {
    was=$(stat -c '0%a %U:%G' "$2") || return 1
    case $was in
    "$1 root:root") return 0 ;;
    *' root:'*) ;;
    *)
        say "$2 is $was, and stays so: the daemon refuses it; chown root:root" \
            "and chmod $1 it, or put another in its place"
        return 1
        ;;
    esac
    if chown root:root "$2" && chmod "$1" "$2"; then
        say "$2 was $was, is $1 root:root now"
    else
        say "$2 is $was and could not be changed: chown root:root and" \
            "chmod $1 it"
    fi
}

# What is no file of its own may lead anywhere: that is a person's to decide.
own_file() {
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %h "$1")" = 1 ] && return
    say "$1 is no plain file with one name, and stays as it is: put a copy of" \
        "what is meant in its place"
    return 1
}

# Names that VMs can have; with any other, nothing is done or shown.
is_vm() {
    case $1 in
    '' | [!a-zA-Z]* | *[!a-zA-Z0-9_.-]*) return 1 ;;
    esac
    [ ${#1} -le 31 ]
}

proposal() {
    cat <<END
# What $1 may do in dom0: qvm-remote-policy(5).
# A proposal: it counts for nothing before a person has moved it to
# $1.conf.
#
# Any command, as root, as with the Python program.
mode = shell
# Version 1 of the protocol is all that the Python client has.  This line gives
# up what version 2 has: a token covers the id of a command and not the command,
# so whatever can write into the VM's queue can put another command in its place;
# and no answer is signed.  Without this line, qvm-remote-vm is needed in the VM.
# What waits in its queue from before is refused: it may have run.
auth = v1
# Any VM that gets the name $1 and its key is served, unless this says
# which one is meant, with what \`qvm-prefs $1 uuid\` prints: uuid = UUID
END
}

# propose VM: not where one is there; whole or not at all.
propose() {
    to=$dir/$1.conf.proposed
    new=$dir/.$1.conf.proposed.new
    [ ! -e "$dir/$1.conf" ] && [ ! -L "$dir/$1.conf" ] || return 0
    if [ ! -e "$to" ] && [ ! -L "$to" ]; then
        if ! rm -f "$new" || ! proposal "$1" >"$new" || ! mv "$new" "$to"; then
            rm -f "$new"
            say "$to could not be written"
            return
        fi
        say "$to is new"
    fi
    how="read $to and mv it to $dir/$1.conf"
    [ -f "$to" ] && [ ! -L "$to" ] ||
        how="write $dir/$1.conf, for $to is no plain file"
    say "$1 has a key and no policy, and is not served; to serve it, $how"
}

keys() {
    for key in "$dir"/*.key; do
        vm=${key##*/}
        vm=${vm%.key}
        [ -e "$key" ] || [ -L "$key" ] || continue
        if ! is_vm "$vm"; then
            say "$dir has a key whose name is no VM's; it stays as it is"
            continue
        fi
        own_file "$key" || continue
        ! only_root 0600 "$key" || propose "$vm"
    done
}

# Processes go on without their files, and ask nobody for a policy.
python_programs() {
    for process in /proc/[0-9]*; do
        words=$( (tr '\0' ' ' <"$process/cmdline") 2>/dev/null)
        first=${words%% *}
        case ${first##*/}' '${words#* } in
        python*/qvm-remote-dom0' '*)
            say "the Python daemon runs, as process ${process##*/}, and serves" \
                "by its own rules: systemctl stop qvm-remote-dom0, or kill it"
            ;;
        python*/qubes-global-admin-web' '*)
            say "the Python program's web panel runs, as process" \
                "${process##*/}, and does as root what its page asks for:" \
                "systemctl stop qubes-global-admin-web, or kill it"
            ;;
        esac
    done
}

# The Python program took any variable, and had a shell's rules for values.
configuration() {
    why=$(/usr/bin/qvm-remote-dom0 config 2>&1 >/dev/null)
    case $why in
    *"$conf:"*) say "the daemon does not start before this is right: $why" ;;
    esac
}

# Files of before that systemd reads, and that no package may own.
units() {
    unit=/etc/systemd/system/qvm-remote-dom0.service
    [ ! -f "$unit" ] || say "$unit takes the place of this package's unit:" \
        "rm it if it is the Python program's, then systemctl daemon-reload"
    wants=/etc/systemd/system/multi-user.target.wants/qvm-remote-dom0.service
    [ ! -L "$wants" ] || say "the service is enabled, by whoever did so before:" \
        "systemctl disable qvm-remote-dom0 if it is not to start by itself"
    panel_unit qubes-global-admin-web.service \
        "is a web panel that does as root what its page asks for"
}

# panel_unit UNIT WHAT: a link without its file counts, and links alone may be left.
panel_unit() {
    left=
    for path in /etc/systemd/system/"$1" /etc/systemd/system/*.wants/"$1"; do
        [ ! -e "$path" ] && [ ! -L "$path" ] || left="$left $path"
    done
    [ -z "$left" ] || say "the Python program's $1 $2: systemctl stop $1, rm$left," \
        "then systemctl daemon-reload"
}

if [ -e "$conf" ] || [ -L "$conf" ]; then
    ! own_file "$conf" || only_root 0600 "$conf"
    configuration
fi
if [ -L "$dir" ] || { [ -e "$dir" ] && [ ! -d "$dir" ]; }; then
    say "$dir is no folder, and stays as it is: put what is meant in its place"
elif [ -d "$dir" ]; then
    # First: from then on nobody else changes what is in it.
    ! only_root 0700 "$dir" || keys
fi
# Before what it starts again.
panel_unit qubes-admin-watchdog.timer "starts the daemon whenever it is down"
python_programs
units
exit 0
