#!/usr/bin/env atf-sh
# The packages, built and then installed into a root that holds nothing but what
# their scriptlets run.
. "$(atf_get_srcdir)/lib.sh"

root=$PWD/root

make_rpm() {
    env -u MAKEFLAGS make -s -C "$TREE" BUILD="$PWD/b" rpm "$@"
}

# A program with the libraries that it loads.
into_root() {
    for file in "$(command -v "$1")" \
        $(ldd "$(command -v "$1")" | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file" || atf_fail "$file"
    done
}

# dom0 as Fedora has it: what no preset names is disabled.
make_root() {
    mkdir -p "$root/etc" "$root/usr/lib/systemd/system-preset" "$root/dev"
    for dir in bin sbin lib lib64; do
        mkdir -p "$root/usr/$dir"
        ln -s "usr/$dir" "$root/$dir"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    (umask 077 && echo 'root:*:1::::::' >"$root/etc/shadow")
    preset "disable *"
    for program in sh getent useradd systemctl; do
        into_root $program
    done
}

preset() {
    echo "$1" >"$root/usr/lib/systemd/system-preset/99.preset"
}

# Debian's rpm asks to be told that this is meant.
in_root() {
    force=
    ! rpm --help | grep -q force-debian || force=--force-debian
    SYSTEMD_OFFLINE=1 rpm --root "$root" $force --nodeps "$@"
}

is_enabled() {
    systemctl --root="$root" is-enabled qvm-remote-dom0.service
}

# is MODE OWNER PATH: as the root's own users have it.
is() {
    uid=$(awk -F: -v n="$2" '$1 == n { print $3 ":" $4 }' "$root/etc/passwd")
    atf_check -o inline:"$1 $uid\n" stat -c '%a %u:%g' "$root$3"
}

users_are_made() {
    for user in poll key log web; do
        atf_check -o match:'^[^:]*:x:[1-9][0-9]*:[1-9][0-9]*:[^:]*:/nonexistent:/usr/sbin/nologin$' \
            grep "^qvm-remote-$user:" "$root/etc/passwd"
    done
    atf_check_equal 4 "$(grep '^qvm-remote' "$root/etc/passwd" |
        cut -d: -f3 | sort -u | wc -l)"
}

files_are_root_s() {
    is 755 root /usr/bin/qvm-remote-dom0
    is 755 root /usr/libexec/qvm-remote
    is 755 root /usr/bin/qvm-remote-webui
    for role in parent poller verifier executor web; do
        is 755 root "/usr/libexec/qvm-remote/$role"
    done
    is 700 root /etc/qubes/remote.d
    is 644 root /usr/lib/systemd/system/qvm-remote-dom0.service
    is 644 root /usr/lib/systemd/system/qvm-remote-compress.service
    is 644 root /usr/lib/systemd/system/qvm-remote-compress.timer
    is 755 root /usr/bin/qvm-remote
    # Nothing is set-uid, nothing for others to write.
    rpm -qlp b/rpm/*-dom0-*.rpm b/rpm/*-vm-*.rpm b/rpm/*-webui-*.rpm >files
    atf_check test -s files
    while read -r file; do
        [ -e "$root$file" ] && [ ! -L "$root$file" ] || continue
        atf_check -o empty find "$root$file" -maxdepth 0 \
            '(' -perm /6022 -o ! -user root -o ! -group root ')'
    done <files
    # They are not there before somebody makes them.
    atf_check test ! -e "$root/etc/qubes/remote.conf"
    atf_check test ! -e "$root/var/log/qvm-remote"
    atf_check -o ignore -e ignore systemd-tmpfiles --create --root="$root" \
        qvm-remote-dom0.conf
    is 700 qvm-remote-key /var/log/qvm-remote
}

# What both targets install, and nothing else but what packages add.
nothing_is_left_out() {
    make -s -C "$TREE" BUILD="$BUILD" PREFIX=/usr DESTDIR="$PWD/installed" \
        install-dom0 install-vm install-webui || atf_fail "install"
    (cd installed && find . ! -type d) | sed 's/^\.//' | sort >want
    sed -E 's/(\/man\/.*)\.gz$/\1/' files | sort |
        grep -vE '/(doc|licenses|\.build-id)(/|$)' >have
    atf_check -o empty comm -23 want have
    comm -13 want have | while read -r file; do
        [ ! -e "$root$file" ] || [ -d "$root$file" ] || echo "$file"
    done >extra
    atf_check -o empty cat extra
}

# One of before 2.0, as far as its configuration goes.
older_package() {
    cat >older.spec <<'EOF'
Name: qvm-remote-dom0
Version: 1.4.0
Release: 1
Summary: The same, of old
License: ISC
BuildArch: noarch
%description
%install
mkdir -p %{buildroot}/etc/qubes
echo '# nothing' >%{buildroot}/etc/qubes/remote.conf
%files
%config(noreplace) %attr(0600,root,root) /etc/qubes/remote.conf
EOF
    rpmbuild -bb --quiet --define "_topdir $PWD/older" \
        --define "_tmppath $PWD" older.spec || atf_fail "no older package"
}

# Who is served is in it: without it, all that have a key and a policy would be.
upgrade_and_removal_keep_the_configuration() {
    older_package
    in_root -i older/RPMS/noarch/*.rpm || atf_fail "not installed"
    echo 'QVM_REMOTE_VMS=work' >"$root/etc/qubes/remote.conf"
    in_root -U b/rpm/*-dom0-*.rpm || atf_fail "not upgraded"
    is 600 root /etc/qubes/remote.conf
    atf_check -o inline:'QVM_REMOTE_VMS=work\n' \
        cat "$root/etc/qubes/remote.conf"
    in_root -e qvm-remote-dom0 || atf_fail "not removed"
    atf_check test -s "$root/etc/qubes/remote.conf"
}

# A key and a policy are not the package's: they outlive it.
removal_leaves_what_is_an_administrator_s() {
    echo secret >"$root/etc/qubes/remote.d/work.key"
    in_root -e qvm-remote-dom0 qvm-remote-vm qvm-remote-webui ||
        atf_fail "not removed"
    atf_check -o inline:'secret\n' cat "$root/etc/qubes/remote.d/work.key"
    atf_check test ! -e "$root/usr/libexec/qvm-remote"
    atf_check test ! -e "$root/usr/bin/qvm-remote"
}

atf_test_case packages_install_without_enabling_anything
packages_install_without_enabling_anything_head() {
    atf_set require.user root
    atf_set timeout 600
}
packages_install_without_enabling_anything_body() {
    make_rpm BEARSSL=system || atf_fail "no packages"
    make_root
    in_root -i b/rpm/*-dom0-*.rpm b/rpm/*-vm-*.rpm b/rpm/*-webui-*.rpm ||
        atf_fail "not installed"
    atf_check -s exit:1 -o inline:'disabled\n' is_enabled
    atf_check -o empty find "$root/etc" -name 'qvm-remote-dom0*'
    users_are_made
    files_are_root_s
    nothing_is_left_out
    atf_check -o match:"$(cat "$TREE/version")" \
        "$root/usr/bin/qvm-remote" --version
    removal_leaves_what_is_an_administrator_s
    upgrade_and_removal_keep_the_configuration
    # The scriptlet does ask: whoever wants it enabled says so in a preset.
    preset 'enable qvm-remote-dom0.service'
    in_root -i b/rpm/*-dom0-*.rpm || atf_fail "not installed again"
    atf_check -o inline:'enabled\n' is_enabled
}

atf_test_case packages_take_the_place_of_older_ones
packages_take_the_place_of_older_ones_body() {
    sed 's/@VERSION@/2.0.0/; s/@REL@/1/; /@CHANGELOG@/d' \
        "$TREE/rpm/qvm-remote.spec.in" >qvm-remote.spec
    cp "$TREE"/systemd/*.sysusers .
    atf_check -o save:obsoletes -e ignore rpmspec -q --load="$TREE/rpm/macros" \
        --define "_sourcedir $PWD" --qf '[%{=NAME} %{OBSOLETES} %{OBSOLETEVERSION}\n]' \
        qvm-remote.spec
    for line in 'qvm-remote-dom0 qubes-remote-dom0 1.0.0' \
        'qvm-remote-vm qubes-remote 1.0.0' 'qvm-remote-vm qvm-remote 2.0.0'; do
        atf_check -o ignore grep -x "$line" obsoletes
    done
}

atf_test_case only_the_known_source_of_bearssl_is_built
only_the_known_source_of_bearssl_is_built_body() {
    atf_check -s not-exit:0 -e match:'say BEARSSL=FILE' make_rpm
    echo 'something else' >bearssl-0.6.tar.gz
    atf_check -s not-exit:0 -o ignore -e match:'did NOT match' \
        make_rpm BEARSSL="$PWD/bearssl-0.6.tar.gz"
    atf_check -o empty find b -name '*.rpm' -o -name '*.o'
    # The same that script/bootstrap takes.
    digest=$(sed -n 's/^BEARSSL_SHA256=//p' "$TREE/script/bootstrap")
    atf_check -o match:"^%global bearssl_sha256 $digest\$" \
        cat "$TREE/rpm/qvm-remote.spec.in"
}

atf_init_test_cases() {
    atf_add_test_case packages_install_without_enabling_anything
    atf_add_test_case packages_take_the_place_of_older_ones
    atf_add_test_case only_the_known_source_of_bearssl_is_built
}
