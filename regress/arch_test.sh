#!/usr/bin/env atf-sh
# Arch's package of the client, made by makepkg and installed by pacman into an
# empty root.
. "$(atf_get_srcdir)/lib.sh"
. "$regress/packages.sh"

arch_test() {
    atf_test_case "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set timeout 300
    }"
    ARCH_TESTS="$ARCH_TESTS $1"
}

package() {
    echo "$packages/qvm-remote-vm-$(cat "$TREE/version")-$(cat \
        "$TREE/rel")-x86_64.pkg.tar.zst"
}

make_arch() {
    make_root
    mkdir -p "$root/home" "$root/var/lib/pacman" cache none
    # pacman removes a folder that is empty then.
    touch "$root/usr/bin/other"
    cat >pacman.conf <<EOF
[options]
Architecture = x86_64
SigLevel = Never
HookDir = $PWD/none
EOF
}

in_root() {
    pacman --root "$root" --dbpath "$root/var/lib/pacman" \
        --cachedir "$PWD/cache" --logfile /dev/null --config pacman.conf \
        --noconfirm "$@"
}

arch_test the_package_installs_and_goes
the_package_installs_and_goes_body() {
    built arch
    make_arch
    listing >before
    atf_check -o ignore -e empty in_root -U "$(package)"
    atf_check -o match:"$(cat "$TREE/version")" \
        "$root/usr/bin/qvm-remote" --version
    atf_check -o ignore in_root -Qkk qvm-remote-vm
    atf_check -o empty find "$root/usr" ! -type l \
        '(' -perm /6022 -o ! -user root -o ! -group root ')'
    nothing_is_left_out
    vm_home .qvm-remote
    upgraded .qvm-remote
    atf_check -o ignore in_root -R qvm-remote-vm
    home_is_kept
    listing >after
    atf_check diff before after
}

nothing_is_left_out() {
    make -s -C "$TREE" BUILD="$BUILD" PREFIX=/usr DESTDIR="$PWD/installed" \
        install-vm || atf_fail "install"
    (cd installed && find . ! -type d && printf '%s\n' \
        ./usr/share/licenses/qvm-remote-vm/LICENSE \
        ./usr/share/licenses/qvm-remote-vm/LICENSE.bundled) | sort >want
    (cd "$root" && find ./usr -mindepth 2 ! -type d ! -name other) |
        sed -E 's,(/man/.*)\.gz$,\1,' | sort >have
    atf_check diff want have
}

# older_package NAME VERSION: the Python client's, as far as files go.
older_package() {
    mkdir -p older/usr/bin
    printf '#!/usr/bin/python3\nprint("%s")\n' "$2" >older/usr/bin/qvm-remote
    printf '%s = %s\n' pkgname "$1" pkgver "$2" pkgdesc old size 1 arch any \
        >older/.PKGINFO
    (cd older && bsdtar -czf "../$1-$2-any.pkg.tar.gz" .PKGINFO usr) ||
        atf_fail "no older package"
}

# As its users do it: from a repository, with all that is new in it.
arch_test an_update_takes_the_place_of_older_ones
an_update_takes_the_place_of_older_ones_body() {
    built arch
    make_arch
    listing >before
    mkdir repo
    printf '[repo]\nServer = file://%s/repo\n' "$PWD" >>pacman.conf
    cp "$(package)" repo
    atf_check -o ignore repo-add -q repo/repo.db.tar.gz repo/*.zst
    atf_check -o ignore in_root -Sy
    for older in 'qubes-remote 0.9.0-1 .qubes-remote' \
        'qvm-remote 1.4.0-1 .qvm-remote'; do
        # shellcheck disable=SC2086 # words
        set -- $older
        older_package "$1" "$2"
        atf_check -o ignore in_root -U "$1-$2-any.pkg.tar.gz"
        vm_home "$3"
        atf_check -o ignore in_root -Syu
        atf_check -o match:'^qvm-remote-vm ' in_root -Q
        atf_check_equal 1 "$(in_root -Q | wc -l)"
        upgraded "$3"
        atf_check -o ignore in_root -R qvm-remote-vm
        home_is_kept
    done
    listing >after
    atf_check diff before after
}

arch_test an_older_one_says_what_it_has_done
an_older_one_says_what_it_has_done_body() {
    built arch
    make_arch
    program_into_root sh vercmp
    mkdir newer
    bsdtar -xf "$(package)" -C newer
    sed -i 's/^pkgver = .*/pkgver = 9.0.0-1/' newer/.PKGINFO
    (cd newer && bsdtar -czf ../newer.pkg.tar.gz .PKGINFO .INSTALL usr)
    atf_check -o ignore -e empty in_root -U newer.pkg.tar.gz
    in_root -U "$(package)" >said 2>&1 || atf_fail "$(cat said)"
    version=$(cat "$TREE/version")-$(cat "$TREE/rel")
    atf_check -o inline:"qvm-remote: $version has taken the place of 9.0.0-1, \
which is newer; to have that again, install it with pacman -U\n" \
        grep '^qvm-remote:' said
    atf_check -o ignore in_root -Qkk qvm-remote-vm
    in_root -U newer.pkg.tar.gz >said 2>&1 || atf_fail "$(cat said)"
    atf_check -s exit:1 grep '^qvm-remote:' said
}

arch_test two_builds_in_two_folders_are_the_same
two_builds_in_two_folders_are_the_same_body() {
    built arch
    # shellcheck disable=SC2046 # words
    same_twice arch $(cd "$packages" && ls ./*.pkg.tar.zst ./*.tar.gz)
    atf_check_equal 2 "$(wc -l <one)"
}

atf_init_test_cases() {
    for name in $ARCH_TESTS; do
        atf_add_test_case "$name"
    done
}
