# What a package for dom0 does before its files are unpacked: it ends the
# installation, with one line that says what to do, where the daemon could not
# run or would run as somebody else.  A fragment of sh, put into the packages'
# scripts (rpm's %pre, Debian's preinst); `make install-dom0` and `make
# install-webui` run it as it is.
#
# There may be nothing but sh here: no program is called.

# dpkg says so where it installs for another machine, and does not go there.
root=${DPKG_ROOT:-}

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
    [ -z "$root" ] && [ -e /proc/self/status ] || return 0
    actions=/proc/sys/kernel/seccomp/actions_avail
    { [ -r $actions ] && is_in kill_process $actions; } || refuse "this kernel has no seccomp\
 filter; boot one with CONFIG_SECCOMP_FILTER=y"
    is_in cgroup2 /proc/filesystems ||
        refuse "this kernel has no cgroup2; boot one with CONFIG_CGROUPS=y"
}

# not_ours NAME UID GID HOME SHELL: why it is not the user that a package makes.
not_ours() {
    if ! is_system "$2"; then
        echo "its uid is $2"
    elif ! is_system "$3"; then
        echo "its gid is $3"
    elif is_shared "$1" "$2" "$root/etc/passwd"; then
        echo "its uid is another's too"
    elif [ "${5%/nologin}" = "$5" ]; then
        echo "its shell is $5"
    elif [ "$4" != /nonexistent ] && [ -e "$root$4" ]; then
        echo "its home $4 exists"
    elif in_qubes "$1"; then
        echo "it is in group qubes"
    fi
}

# is_system ID: no person's, nor root's.
is_system() {
    case $1 in
    [1-9] | [1-9][0-9] | [1-9][0-9][0-9]) ;;
    *) return 1 ;;
    esac
}

# is_shared NAME ID FILE: whether another name has it too.
is_shared() {
    while IFS=: read -r other _ id _ || [ -n "$other" ]; do
        [ "$id" != "$2" ] || [ "$other" = "$1" ] || return 0
    done <"$3"
    return 1
}

in_qubes() {
    while IFS=: read -r group _ _ members || [ -n "$group" ]; do
        [ "$group" = qubes ] || continue
        case ,$members, in *,"$1",*) return 0 ;; esac
    done <"$root/etc/group"
    return 1
}

# Users and groups of these names: what systemd/*.sysusers make, and nobody else.
is_our_name() {
    case $1 in
    qvm-remote-poll | qvm-remote-key | qvm-remote-log | qvm-remote-web) ;;
    *) return 1 ;;
    esac
}

check_users() {
    [ -r "$root/etc/passwd" ] && [ -r "$root/etc/group" ] || return 0
    while IFS=: read -r name _ uid gid _ home shell || [ -n "$name" ]; do
        is_our_name "$name" || continue
        why=$(not_ours "$name" "$uid" "$gid" "$home" "$shell")
        [ -z "$why" ] || refuse "the user $name is somebody else's ($why);\
 rename it and its group (usermod -l, groupmod -n) or remove both"
        ! is_shared "$name" "$gid" "$root/etc/group" || refuse "the user $name has\
 another's group; give it one of its name (groupadd -r, usermod -g)"
    done <"$root/etc/passwd"
    while IFS=: read -r name _ gid _ || [ -n "$name" ]; do
        is_our_name "$name" || continue
        has_group "$name" "$gid" || refuse "the group $name is somebody else's;\
 rename it (groupmod -n) or remove it"
        other=$(other_with "$name" "$gid")
        [ -z "$other" ] || refuse "the group $name is $other's too; give $other\
 another (usermod -g)"
    done <"$root/etc/group"
}

# has_group NAME GID: whether it is the first group of the user NAME.
has_group() {
    while IFS=: read -r user _ _ first _ || [ -n "$user" ]; do
        [ "$user:$first" != "$1:$2" ] || return 0
    done <"$root/etc/passwd"
    return 1
}

# other_with NAME GID: a user of another name that has it as first group.
other_with() {
    while IFS=: read -r user _ _ first _ || [ -n "$user" ]; do
        [ "$first" != "$2" ] || [ "$user" = "$1" ] || {
            echo "$user"
            return
        }
    done <"$root/etc/passwd"
}

# A package manager would follow a link, and put its folder in a file's place.
check_folder() {
    keys=$root/etc/qubes/remote.d
    [ ! -L "$keys" ] && { [ -d "$keys" ] || [ ! -e "$keys" ]; } ||
        refuse "$keys is a file or a link; put the folder itself in its place, or\
 nothing"
}

check_kernel
check_users
check_folder
