#!/usr/bin/env atf-sh
# `make install-vm` in a home, by a user who is not root, and what takes it away.
. "$(atf_get_srcdir)/lib.sh"
. "$regress/packages.sh"

home=$root/home/user

make_in_home() {
    env -u MAKEFLAGS -u SANITIZE HOME="$home" make -s -C "$TREE" \
        BUILD="$PWD/b" PREFIX="$home/.local" "$@"
}

# As the user's shells look for it: with what they have by default, but zsh.
offered() {
    export HOME="$home" PATH="$home/.local/bin:$PATH"
    local="$home/.local/share"
    echo 'qvm-remote --vers' >line
    atf_check -o match:'--version' bash "$regress/complete.bash" \
        "$local/bash-completion/completions" <line
    atf_check -o match:'--version' fish -c "complete -C 'qvm-remote --vers'"
    atf_check -o match:'--version' zsh -f "$regress/complete.zsh" \
        "$local/zsh/site-functions" <line
}

atf_test_case a_user_installs_and_uninstalls_it_in_a_home
a_user_installs_and_uninstalls_it_in_a_home_head() {
    atf_set require.user unprivileged
}
a_user_installs_and_uninstalls_it_in_a_home_body() {
    vm_home .qubes-remote
    mkdir -p "$home/.config/mine"
    files >before
    # The Python program, where it was installed so.
    mkdir -p "$home/.local/bin"
    echo '#!/usr/bin/python3' >"$home/.local/bin/qvm-remote"
    make_in_home install-vm || atf_fail "not installed"
    # A second time changes nothing that is in its way.
    make_in_home install-vm || atf_fail "not installed again"
    for page in man1/qvm-remote.1 man7/qvm-remote-protocol.7; do
        atf_check cmp "$TREE/man/${page#*/}" "$home/.local/share/man/$page"
    done
    ln -s "$home/.local" "$root/usr"
    upgraded .qubes-remote
    offered
    # fish keeps a history.
    rm -rf "$home/.local/share/fish/fish_"* "$home/.config/fish" "$home/.cache"
    make_in_home uninstall-vm || atf_fail "not uninstalled"
    files >after
    atf_check diff before after
    home_is_kept
}

# All but what the client keeps.
files() {
    (cd "$home" && find . ! -path './.q*' | sort)
}

# What is somebody else's stays, and so does what is the user's.
atf_test_case uninstalling_leaves_what_it_has_not_installed
uninstalling_leaves_what_it_has_not_installed_body() {
    mkdir -p "$home/.qvm-remote" "$home/.local/bin" \
        "$home/.local/share/man/man1" root/usr/local/bin
    touch "$home/.qvm-remote/auth.key" "$home/.local/bin/other" \
        "$home/.local/bin/qvm-remote"
    atf_check make_in_home uninstall-vm
    atf_check -o inline:'./.local/bin/other\n./.qvm-remote/auth.key\n' sh -c \
        'cd "$1" && find . -type f | sort' sh "$home"
    atf_check test ! -e "$home/.local/share"
    touch root/usr/local/bin/qvm-remote
    atf_check make_in_home uninstall-vm DESTDIR="$PWD/root" PREFIX=/usr/local
    atf_check test -d root/usr/local/bin -a ! -e root/usr/local/bin/qvm-remote
}

as_installed() {
    mkdir -p "$home/.local/share/man/man1"
    touch "$home/.local/bin/qvm-remote" \
        "$home/.local/share/man/man1/qvm-remote.1"
}

# Folders that are links, a home without any, and a home that has none of it.
atf_test_case uninstalling_takes_a_home_as_it_is
uninstalling_takes_a_home_as_it_is_body() {
    atf_check make_in_home uninstall-vm
    mkdir -p "$home/disk/bin"
    ln -s disk "$home/.local"
    as_installed
    atf_check make_in_home uninstall-vm
    atf_check -o inline:'disk\n' readlink "$home/.local"
    atf_check -o empty find "$home/disk/" -mindepth 1
    rm -r "$home/.local" "$home/disk"
    mkdir -p "$home/.local" "$home/programs"
    ln -s ../programs "$home/.local/bin"
    as_installed
    atf_check make_in_home uninstall-vm
    atf_check test -L "$home/.local/bin" -a -d "$home/programs"
    atf_check -o empty find "$home" -type f
    atf_check -s exit:2 -e match:'a folder with a blank in its name' \
        make_in_home install-vm PREFIX="$home/a b"
    atf_check test ! -e "$home/a" -a ! -e "$home/a b"
}

atf_test_case what_is_no_home_keeps_its_folders
what_is_no_home_keeps_its_folders_body() {
    mkdir -p "$home" root/usr/bin root/usr/share/man/man1
    touch root/usr/bin/qvm-remote
    atf_check env -u HOME -u MAKEFLAGS -u SANITIZE make -s -C "$TREE" \
        BUILD="$PWD/b" PREFIX=/usr DESTDIR="$PWD/root" uninstall-vm
    atf_check test ! -e root/usr/bin/qvm-remote -a -d root/usr/bin \
        -a -d root/usr/share/man/man1
}

atf_test_case a_newer_one_stays
a_newer_one_stays_body() {
    bin=$home/.local/bin
    mkdir -p "$bin"
    # One of ours: the Python program is not asked, for it would tidy up.
    for program in qvm-remote qvm-remote-dom0 qvm-remote-webui; do
        printf '#!/bin/sh\ntouch %s/ran\necho "x 9.0.0"\n' "$home" \
            >"$bin/$program"
        chmod 755 "$bin/$program"
        make_in_home not-newer-$program || atf_fail "$program, a script"
    done
    atf_check test ! -e "$home/ran"
    echo 'int puts(const char *); int main(void)
{ return puts("qvm-remote 9.0.0 (protocol 3)") < 0; }' |
        gcc -x c -o newer - || atf_fail "gcc"
    for target in vm dom0 webui; do
        program=$bin/qvm-remote-$target
        [ $target != vm ] || program=$bin/qvm-remote
        cp newer "$program"
        atf_check -s exit:2 -e match:"^qvm-remote: not installed: $program is \
9.0.0 and newer than [0-9.]*; to go back, remove it first\$" \
            make_in_home install-$target
        atf_check cmp newer "$program"
        rm "$program"
    done
    atf_check test ! -e "$home/.local/share" -a ! -e "$home/.local/lib"
}

atf_init_test_cases() {
    for name in uninstalling_takes_a_home_as_it_is a_newer_one_stays \
        what_is_no_home_keeps_its_folders; do
        atf_add_test_case $name
    done
    atf_add_test_case a_user_installs_and_uninstalls_it_in_a_home
    atf_add_test_case uninstalling_leaves_what_it_has_not_installed
}
