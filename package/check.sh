# What a package for dom0 does before its files are unpacked: it ends the
# installation, with one line that says what to do, where the daemon could not
# run or would run as somebody else.  A fragment of sh, put into the packages'
# scripts (rpm's %pre, Debian's preinst).
#
# There may be nothing but sh here: no program is called.

refuse() {
    echo "qvm-remote: not installed: $1" >&2
    exit 1
}

# is_in WORD FILE: whether FILE has it, between blanks.
is_in() {
    while IFS= read -r line || [ -n "$line" ]; do
        case " $line " in *[' 	']"$1"' '*) return 0 ;; esac
    done <"$2"
    return 1
}

# A root that is made for another machine may have no /proc, and no say.
check_kernel() {
    [ -e /proc/self/status ] || return 0
    actions=/proc/sys/kernel/seccomp/actions_avail
    { [ -r $actions ] && is_in kill_process $actions; } || refuse "this kernel has no seccomp\
 filter; boot one with CONFIG_SECCOMP_FILTER=y"
    is_in cgroup2 /proc/filesystems ||
        refuse "this kernel has no cgroup2; boot one with CONFIG_CGROUPS=y"
}

# not_ours NAME UID GID HOME SHELL: why it is not the user that a package makes.
not_ours() {
    case $2 in
    '' | 0 | *[!0-9]* | [1-9][0-9][0-9][0-9]*) echo "its uid is $2" ;;
    *)
        case $5 in
        */nologin) ;;
        *) echo "its shell is $5" && return ;;
        esac
        [ ! -e "$4" ] || { echo "its home $4 exists" && return; }
        ! in_qubes "$1" "$3" || echo "it is in group qubes"
        ;;
    esac
}

in_qubes() {
    while IFS=: read -r group _ gid members; do
        [ "$group" = qubes ] || continue
        [ "$gid" != "$2" ] || return 0
        case ,$members, in *,"$1",*) return 0 ;; esac
    done </etc/group
    return 1
}

# Users of these names: what systemd/*.sysusers make, and nobody else.
check_users() {
    [ -r /etc/passwd ] && [ -r /etc/group ] || return 0
    while IFS=: read -r name _ uid gid _ home shell; do
        case $name in
        qvm-remote-poll | qvm-remote-key | qvm-remote-log | qvm-remote-web) ;;
        *) continue ;;
        esac
        why=$(not_ours "$name" "$uid" "$gid" "$home" "$shell")
        [ -z "$why" ] || refuse "the user $name is somebody else's ($why);\
 rename it (usermod -l) or remove it"
    done </etc/passwd
}

check_kernel
check_users
