#!/usr/bin/env atf-sh
# `make install-vm` in a home, by a user who is not root, and what takes it away.
. "$(atf_get_srcdir)/lib.sh"

make_in_home() {
    env -u MAKEFLAGS -u SANITIZE HOME="$PWD/home" make -s -C "$TREE" \
        BUILD="$PWD/b" PREFIX="$PWD/home/.local" "$@"
}

# As the user's shells look for it: with what they have by default, but zsh.
offered() {
    export HOME="$PWD/home" PATH="$PWD/home/.local/bin:$PATH"
    local="$HOME/.local/share"
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
    mkdir -p home/.config/mine
    touch home/.profile
    find home | sort >before
    make_in_home install-vm || atf_fail "not installed"
    # A second time changes nothing that is in its way.
    make_in_home install-vm || atf_fail "not installed again"
    for page in man1/qvm-remote.1 man7/qvm-remote-protocol.7; do
        atf_check cmp "$TREE/man/${page#*/}" "home/.local/share/man/$page"
    done
    offered
    atf_check -o match:"$(cat "$TREE/version")" \
        home/.local/bin/qvm-remote --version
    # fish keeps a history.
    rm -rf home/.local/share/fish/fish_* home/.config/fish home/.cache
    make_in_home uninstall-vm || atf_fail "not uninstalled"
    find home | sort >after
    atf_check diff before after
}

# What is somebody else's stays, and so does what is the user's.
atf_test_case uninstalling_leaves_what_it_has_not_installed
uninstalling_leaves_what_it_has_not_installed_body() {
    mkdir -p home/.qvm-remote home/.local/bin home/.local/share/man/man1 \
        root/usr/local/bin
    echo key >home/.qvm-remote/key
    touch home/.local/bin/other home/.local/bin/qvm-remote
    atf_check make_in_home uninstall-vm
    atf_check -o inline:'home
home/.local
home/.local/bin
home/.local/bin/other
home/.qvm-remote
home/.qvm-remote/key
' sh -c 'find home | LC_ALL=C sort'
    touch root/usr/local/bin/qvm-remote
    atf_check make_in_home uninstall-vm DESTDIR="$PWD/root" PREFIX=/usr/local
    atf_check test -d root/usr/local/bin -a ! -e root/usr/local/bin/qvm-remote
}

atf_init_test_cases() {
    atf_add_test_case a_user_installs_and_uninstalls_it_in_a_home
    atf_add_test_case uninstalling_leaves_what_it_has_not_installed
}
