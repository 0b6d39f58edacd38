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

atf_init_test_cases() {
    atf_add_test_case a_user_installs_and_uninstalls_it_in_a_home
    atf_add_test_case uninstalling_leaves_what_it_has_not_installed
}
