#!/usr/bin/env atf-sh
# The build itself.  That it makes the same bytes wherever it is done, the tests of
# packages show.
. "$(atf_get_srcdir)/lib.sh"

# A copy of the tree without anything that was built.
copy_tree() {
    mkdir -p "$1"
    (cd "$TREE" && tar -cf - --exclude=./build --exclude=./.git .) |
        tar -xf - -C "$1" || atf_fail "the tree cannot be copied"
}

make_in() {
    _dir=$1
    shift
    env -u BUILD -u SANITIZE -u MAKEFLAGS make -s -C "$_dir" -j"$(nproc)" "$@"
}

# What a make of one object says that it does.
compiled() {
    env -u BUILD -u SANITIZE -u MAKEFLAGS make -C tree build/wire/id.o "$@"
}

atf_test_case what_is_out_of_date_is_made_anew
what_is_out_of_date_is_made_anew_head() {
    atf_set timeout 600
}
what_is_out_of_date_is_made_anew_body() {
    copy_tree tree
    atf_check -o match:'-c .*wire/id\.c' compiled
    atf_check -o not-match:'-c .*wire/id\.c' compiled
    touch tree/wire/id.h
    atf_check -o match:'-c .*wire/id\.c' compiled
    atf_check -o match:'-c .*wire/id\.c' compiled CFLAGS=-DNEW
    atf_check -o not-match:'-c .*wire/id\.c' compiled CFLAGS=-DNEW
}

atf_test_case install_honours_destdir_and_prefix
install_honours_destdir_and_prefix_head() {
    atf_set timeout 600
}
install_honours_destdir_and_prefix_body() {
    copy_tree tree
    make_in tree install-dom0 install-vm DESTDIR="$PWD/root" \
        PREFIX=/opt/q || atf_fail "install"
    for file in bin/qvm-remote bin/qvm-remote-dom0 \
        libexec/qvm-remote/parent libexec/qvm-remote/poller \
        libexec/qvm-remote/verifier libexec/qvm-remote/executor; do
        atf_check test -x "root/opt/q/$file"
    done
    atf_check -o match:'/opt/q/libexec/qvm-remote' \
        strings root/opt/q/bin/qvm-remote-dom0
    atf_check test ! -e root/usr
    # Where the files go into this machine, what a package refuses is refused.
    grep -v '^qvm-remote-key:' /etc/passwd >passwd
    echo qvm-remote-key:x:1000:1000::/home/joe:/bin/bash >>passwd
    for target in install-dom0 install-webui; do
        # shellcheck disable=SC2016 # the inner shell's
        atf_check -s not-exit:0 -o ignore -e match:'^qvm-remote: not installed: the user qvm-remote-key is somebody' \
            unshare -rm sh -c 'mount --bind passwd /etc/passwd && exec "$@"' sh \
            env -u BUILD -u SANITIZE -u MAKEFLAGS make -s -C tree -j1 $target \
            PREFIX="$PWD/here" SYSCONFDIR="$PWD/here"
    done
    atf_check test ! -e here
}

atf_test_case programs_are_hardened
programs_are_hardened_body() {
    for name in parent poller verifier executor; do
        file=$BUILD/$name/$name
        atf_check -o match:'Type: +DYN' readelf -h "$file"
        atf_check -o match:'GNU_RELRO' readelf -lW "$file"
        atf_check -o match:'BIND_NOW|NOW' readelf -dW "$file"
        atf_check -o match:'GNU_STACK.* RW ' readelf -lW "$file"
        atf_check -o match:'__stack_chk_fail' readelf -sW "$file"
    done
    file=$BUILD/client/qvm-remote
    atf_check -o match:'Type: +DYN' readelf -h "$file"
    atf_check -o not-match:'INTERP' readelf -lW "$file"
    [ "$(stat -c %s "$file")" -lt 524288 ] || atf_fail "512 KiB or more"
}

# symbols ROLE: what it is linked of, and what it needs of libraries.
symbols() {
    nm "$BUILD/$1/$1" | awk '{ print $NF }'
}

# What a role links against shows what it can do.
atf_test_case a_role_links_no_more_than_it_may_do
a_role_links_no_more_than_it_may_do_body() {
    hashing='(br_)?(hmac|sha256)_'
    keys='derive_keys|key_(parse|is_weak)|(request|receipt)_mac|seal_|seed_'
    framing='frame_(parse|print)|reader_'
    atf_check -o match:'^reader_next$' -o match:'^frame_parse$' \
        -o not-match:"^($hashing|$keys|token_|policy_)" symbols poller
    atf_check -o match:'^derive_keys$' -o match:'^token_parse$' \
        -o not-match:"^($framing)" symbols verifier
    atf_check -o match:'^sha256_update$' \
        -o not-match:"^((br_)?hmac_|$keys|token_|$framing)" symbols executor
    atf_check -o match:'^spawn$' \
        -o not-match:"^($hashing|$keys|token_|$framing)" symbols parent
}

atf_init_test_cases() {
    atf_add_test_case what_is_out_of_date_is_made_anew
    atf_add_test_case install_honours_destdir_and_prefix
    atf_add_test_case programs_are_hardened
    atf_add_test_case a_role_links_no_more_than_it_may_do
}
