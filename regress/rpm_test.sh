#!/usr/bin/env atf-sh
# The packages, built and then installed into roots that hold nothing but what
# their scriptlets run.
. "$(atf_get_srcdir)/lib.sh"

root=$PWD/root

built=$BUILD/rpm_test/one/rpm

make_rpm() {
    env -u MAKEFLAGS -u SANITIZE make -s "$@" rpm
}

# All cases share a build, which is kept until the tree is another one, with the
# tests of %check.  With the source of BearSSL where there is one, as
# script/bootstrap takes it.
build_packages() {
    bearssl=${BEARSSL_TARBALL:-system}
    kept=${built%/one/rpm}
    # Who builds does not say it.
    unset SOURCE_DATE_EPOCH
    mkdir -p "$kept"
    exec 9>"$kept/lock"
    flock 9
    "$TREE/script/source" "$PWD/now.tar.gz" || atf_fail "no source"
    ! cmp -s now.tar.gz "$kept/failed" || atf_fail "no packages: see above"
    if ! cmp -s now.tar.gz "$kept/now.tar.gz"; then
        rm -rf "$kept/now.tar.gz" "$kept/one"
        make_rpm -C "$TREE" BUILD="$kept/one" BEARSSL="$bearssl" >log 2>&1 ||
            not_built
        mv now.tar.gz "$kept"
    fi
    exec 9>&-
}

# Of the source elsewhere, by somebody who has other habits.
build_again() {
    again=$PWD/two/a_longer_name/rpm
    mkdir two
    (umask 077 && tar -xzf "$kept/now.tar.gz" -C two &&
        cd "two/qvm-remote-$(cat "$TREE/version")" &&
        HOME="${again%/a_longer_name/rpm}" LC_ALL=C.UTF-8 TZ=Asia/Tokyo \
            make_rpm -j1 BUILD="${again%/rpm}" BEARSSL="$bearssl" \
            RPM_FLAGS='--without check') >log 2>&1 && return
    cat log >&2
    atf_fail "no packages again: see the test's output"
}

not_built() {
    cat log >&2
    mv now.tar.gz "$kept/failed"
    atf_fail "no packages: see the test's output"
}

# rpm_file NAME: that package's.
rpm_file() {
    echo "$built/qvm-remote-$1-$(cat "$TREE/version")-"*.rpm
}

# rpm_test NAME: declares a test of the packages.
RPM_TESTS=
rpm_test() {
    atf_test_case "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set timeout 600
    }"
    RPM_TESTS="$RPM_TESTS $1"
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
    mkdir -p "$root/etc" "$root/usr/lib/systemd/system-preset" "$root/dev" \
        "$root/proc"
    for dir in bin sbin lib lib64; do
        mkdir -p "$root/usr/$dir"
        [ -e "$root/$dir" ] || ln -s "usr/$dir" "$root/$dir"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    (umask 077 && echo 'root:*:1::::::' >"$root/etc/shadow")
    preset "disable *"
    for program in sh getent useradd systemctl stat chown chmod rm mv cat tr; do
        into_root $program
    done
}

preset() {
    echo "$1" >"$root/usr/lib/systemd/system-preset/99.preset"
}

# Debian's rpm asks to be told that this is meant.
force=
! rpm --help | grep -q force-debian || force=--force-debian

in_root() {
    SYSTEMD_OFFLINE=1 rpm --root "$root" $force --nodeps "$@"
}

# installed: names and versions of what is.
installed() {
    rpm --root "$root" -qa --qf '%{NAME} %{VERSION}\n' | sort
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
    for role in parent poller verifier executor web upgrade; do
        is 755 root "/usr/libexec/qvm-remote/$role"
    done
    is 700 root /etc/qubes/remote.d
    is 644 root /usr/lib/systemd/system/qvm-remote-dom0.service
    is 644 root /usr/lib/systemd/system/qvm-remote-compress.service
    is 644 root /usr/lib/systemd/system/qvm-remote-compress.timer
    is 755 root /usr/bin/qvm-remote
    # Nothing is set-uid, nothing for others to write.
    rpm -qlp "$(rpm_file dom0)" "$(rpm_file vm)" "$(rpm_file webui-dom0)" >files
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

# Keys, policies and logs are not the package's: they outlive it.
removal_leaves_what_is_an_administrator_s() {
    echo secret >"$root/etc/qubes/remote.d/work.key"
    echo record >"$root/var/log/qvm-remote/1.log"
    in_root -e qvm-remote-dom0 qvm-remote-vm qvm-remote-webui-dom0 ||
        atf_fail "not removed"
    atf_check -o inline:'secret\n' cat "$root/etc/qubes/remote.d/work.key"
    atf_check -o inline:'record\n' cat "$root/var/log/qvm-remote/1.log"
    atf_check test ! -e "$root/usr/libexec/qvm-remote"
    atf_check test ! -e "$root/usr/bin/qvm-remote"
}

rpm_test packages_install_without_enabling_anything
packages_install_without_enabling_anything_body() {
    build_packages
    make_root
    in_root -i "$(rpm_file dom0)" "$(rpm_file vm)" "$(rpm_file webui-dom0)" \
        >said 2>&1 || atf_fail "not installed: $(tail -n 1 said)"
    atf_check -o not-match:'^qvm-remote: ' cat said
    atf_check -s exit:1 -o inline:'disabled\n' is_enabled
    atf_check -o empty find "$root/etc" -name 'qvm-remote-dom0*'
    users_are_made
    files_are_root_s
    nothing_is_left_out
    atf_check -o match:"$(cat "$TREE/version")" \
        "$root/usr/bin/qvm-remote" --version
    removal_leaves_what_is_an_administrator_s
    # The scriptlet does ask: whoever wants it enabled says so in a preset.
    preset 'enable qvm-remote-dom0.service'
    in_root -i "$(rpm_file dom0)" || atf_fail "not installed again"
    atf_check -o inline:'enabled\n' is_enabled
}

rpm_test packages_of_two_folders_are_the_same
packages_of_two_folders_are_the_same_body() {
    build_packages
    build_again
    (cd "$built" && printf '%s\n' *.rpm) >names
    for name in dom0 vm webui-dom0 debugsource dom0-debuginfo vm-debuginfo \
        webui-dom0-debuginfo; do
        atf_check -o match:"^qvm-remote-$name-[0-9]" cat names
    done
    while read -r name; do
        atf_check cmp "$built/$name" "$again/$name"
    done <names
    # %check has run, in one of the two.
    atf_check_equal 6 "$(grep -c '^[0-9]*/[0-9]* passed (0 failed)$' "$built/log")"
}

# Of any file as BearSSL's source: no more than the source package is made of it.
rpm_test source_packages_of_two_folders_are_the_same
source_packages_of_two_folders_are_the_same_body() {
    mkdir bin
    # shellcheck disable=SC2016 # the program's
    printf '%s\n' '#!/bin/sh' 'case " $* " in *" -bb "*) exit 0 ;; esac' \
        "exec $(command -v rpmbuild) \"\$@\"" >bin/rpmbuild
    chmod 755 bin/rpmbuild
    export PATH="$PWD/bin:$PATH"
    echo something >bearssl-0.6.tar.gz
    export BEARSSL="$PWD/bearssl-0.6.tar.gz"
    RPM_BUILD_NCPUS=2 make_rpm -C "$TREE" BUILD="$PWD/one" || atf_fail "one"
    # By somebody else, who has other habits.
    mkdir joe && echo '%packager Joe' >joe/.rpmmacros
    (umask 077 && unshare --user --map-user=65534 --map-group=65534 \
        env -u MAKEFLAGS RPM_BUILD_NCPUS=3 HOME="$PWD/joe" \
        make -s -C "$TREE" BUILD="$PWD/two/a_longer_name" \
        RPM_FLAGS='--without check' rpm) || atf_fail "two"
    atf_check cmp one/rpm/*.src.rpm two/a_longer_name/rpm/*.src.rpm
}

# %check, where an ordinary user builds.
rpm_test the_packages_check_passes_without_root
the_packages_check_passes_without_root_body() {
    sed -n 's/^%global check_folders //p' "$TREE/rpm/qvm-remote.spec.in" |
        tr ' ' '\n' >folders
    atf_check test -s folders
    while read -r folder; do
        unshare --user --map-user=65534 --map-group=65534 \
            kyua --config=none test --kyuafile="$TREE/$folder/Kyuafile" \
            --build-root="$BUILD/$folder" --results-file="$PWD/$folder.db" \
            >said || atf_fail "$(grep -E '(failed|broken):' said)"
    done <folders
}

# What a debugger asks for: by the program's build id, and the source's name.
rpm_test debuggers_find_what_belongs_to_each_program
debuggers_find_what_belongs_to_each_program_body() {
    build_packages
    mkdir x && cd x || atf_fail "x"
    for name in dom0 vm webui-dom0 debugsource dom0-debuginfo vm-debuginfo \
        webui-dom0-debuginfo; do
        rpm2cpio "$(rpm_file $name)" | cpio -idm --quiet || atf_fail "$name"
    done
    for of in client/main.c:bin/qvm-remote admin/main.c:bin/qvm-remote-dom0 \
        parent/parent.c:libexec/qvm-remote/parent; do
        program=usr/${of#*:}
        id=$(readelf -n "$program" | sed -n 's/.*Build ID: *//p')
        debug=usr/lib/debug/.build-id/${id%"${id#??}"}/${id#??}.debug
        atf_check -o match:"Build ID: $id" readelf -n "$debug"
        folder=$(readelf --debug-dump=info "$debug" 2>/dev/null |
            sed -n 's,.*DW_AT_comp_dir.*: \(/usr/src/debug/.*\)$,\1,p' |
            sort -u)
        atf_check test -f ".$folder/${of%%:*}"
    done
    # What it does not read, it leaves as it was.
    atf_check -o not-match:'debugedit: ' cat "$built/log"
}

# Versions, users, modes, what is static: rpmlint knows Fedora's rules.
rpm_test rpmlint_finds_what_is_explained_and_no_more
rpmlint_finds_what_is_explained_and_no_more_body() {
    build_packages
    config=$TREE/rpm/rpmlintrc.toml
    atf_check -o match:' 0 errors, 0 warnings, ' \
        rpmlint -c "$config" "$built"/*.rpm "$built/qvm-remote.spec"
    # An exception that nothing needs is none.
    sed '/^Filters/,/^]/d' "$config" >bare.toml
    rpmlint -c bare.toml "$built"/*.rpm "$built/qvm-remote.spec" >all
    atf_check -o empty python3 - "$config" all <<'END'
import re, sys, tomllib
lines = open(sys.argv[2]).read().splitlines()
for f in tomllib.load(open(sys.argv[1], "rb"))["Filters"]:
    if not any(re.search(f, line) for line in lines):
        print(f)
END
}

# What refuses is one line, and nothing has been installed.
refused() {
    [ "$1" -ne 0 ] || atf_fail "it was installed"
    atf_check -o match:"^qvm-remote: not installed: $2" cat said
    # The same for each package of the two.
    atf_check_equal 1 "$(grep '^qvm-remote: ' said | sort -u | wc -l)"
    atf_check -o empty installed
    for file in /usr/bin/qvm-remote-dom0 /usr/libexec/qvm-remote \
        /usr/bin/qvm-remote-webui /usr/lib/sysusers.d/qvm-remote-dom0.conf; do
        atf_check test ! -e "$root$file"
    done
}

# installed_with FILE OVER: where /proc/OVER has what is in FILE.
installed_with() {
    # shellcheck disable=SC2016 # the inner shell's
    unshare -m sh -c 'mount --rbind /proc "$1/proc" &&
        mount --bind "$2" "$1/proc/$3" || exit 99
        shift 3; exec "$@"' sh "$root" "$@" \
        env SYSTEMD_OFFLINE=1 rpm --root "$root" $force --nodeps -i \
        "$(rpm_file dom0)" "$(rpm_file webui-dom0)" >said 2>&1
}

# is_refused WHY: with nothing changed in /etc, where users and keys are.
is_refused() {
    all_of "$root/etc" >before
    in_root -i "$(rpm_file dom0)" "$(rpm_file webui-dom0)" >said 2>&1
    refused $? "$1"
    all_of "$root/etc" >after
    atf_check diff before after
}

rpm_test what_cannot_work_is_refused_whole
what_cannot_work_is_refused_whole_body() {
    build_packages
    make_root
    grep -v cgroup2 /proc/filesystems >filesystems
    installed_with filesystems filesystems
    refused $? 'this kernel has no cgroup2; boot'
    : >actions
    installed_with actions sys/kernel/seccomp/actions_avail
    refused $? 'this kernel has no seccomp filter; boot'
    for line in qvm-remote-key:x:1001:1001::/nonexistent:/usr/sbin/nologin \
        qvm-remote-log:x:0:0::/nonexistent:/usr/sbin/nologin \
        qvm-remote-poll:x:990:990::/nonexistent:/bin/sh \
        qvm-remote-web:x:990:990::/usr:/usr/sbin/nologin \
        qvm-remote-log:x:990:990::/nonexistent:/usr/sbin/nologin \
        qvm-remote-key:x:990:0::/nonexistent:/usr/sbin/nologin \
        qvm-remote-key:x:991:991::/nonexistent:/usr/sbin/nologin; do
        printf '%s\n' root:x:0:0:root:/root:/bin/sh "$line" \
            joe:x:991:1001::/home/joe:/bin/sh >"$root/etc/passwd"
        printf '%s\n' root:x:0: qubes:x:98:user,qvm-remote-log \
            >"$root/etc/group"
        is_refused "the user ${line%%:*} is somebody else's (.*); rename it and its group"
    done
    # A group of that name is no better, with or without such a user.
    echo qvm-remote-key:x:990:990::/nonexistent:/usr/sbin/nologin \
        >>"$root/etc/passwd"
    sed -i '/:991:991:/d' "$root/etc/passwd"
    for line in qvm-remote-log:x:1001:joe qvm-remote-key:x:989:; do
        printf '%s\n' root:x:0: "$line" >"$root/etc/group"
        is_refused "the group ${line%%:*} is somebody else's; rename it"
    done
    # rpm would give what a link leads to another owner, and a file away.
    make_root
    mkdir -p "$root/etc/qubes" "$root/etc/joes"
    ln -s /etc/joes "$root/etc/qubes/remote.d"
    is_refused '/etc/qubes/remote.d is a file or a link; put'
    rm "$root/etc/qubes/remote.d"
    echo mine >"$root/etc/qubes/remote.d"
    is_refused '/etc/qubes/remote.d is a file or a link; put'
    rm "$root/etc/qubes/remote.d"
    # The kernel as it is, and nobody of our names.
    make_root
    installed_with filesystems version || atf_fail "$(tail -n 1 said)"
}

# check_says WHY: of users and groups as they are in files of these names.
check_says() {
    cp passwd group "$root/etc"
    atf_check -s exit:1 -e match:"^qvm-remote: not installed: $1" \
        chroot "$root" sh /check.sh
}

atf_test_case users_and_groups_are_ours_whole
users_and_groups_are_ours_whole_head() {
    atf_set require.user root
}
users_and_groups_are_ours_whole_body() {
    make_root
    cp "$TREE/package/check.sh" "$root"
    ours=qvm-remote-key:x:990:990::/nonexistent:/usr/sbin/nologin
    printf '%s\n' root:x:0:0:root:/root:/bin/sh $ours >good.passwd
    printf '%s\n' root:x:0: qvm-remote-key:x:990: >good.group
    cp good.passwd passwd
    cp good.group group
    cp passwd group "$root/etc"
    atf_check chroot "$root" sh /check.sh
    # A last line needs no end, in either file, for whatever is looked up.
    printf qvm-remote-log:x:1000:1000::/home/j:/bin/bash >>passwd
    check_says "the user qvm-remote-log is somebody else's .its uid is 1000.; rename"
    cp good.passwd passwd
    printf joe:x:990:1000::/home/joe:/bin/sh >>passwd
    check_says "the user qvm-remote-key is somebody else's .its uid is another's too."
    cp good.passwd passwd
    printf qubes:x:98:user,qvm-remote-key >>group
    check_says "the user qvm-remote-key is somebody else's .it is in group qubes."
    cp good.group group
    printf qvm-remote-log:x:1001:joe >>group
    check_says "the group qvm-remote-log is somebody else's; rename it"
    # One's first group is one's own, and nobody else's.
    echo root:x:0: >group
    printf games:x:990: >>group
    check_says "the user qvm-remote-key has another's group; give it one"
    cp good.group group
    printf joe:x:1000:990::/home/joe:/bin/sh >>passwd
    check_says "the group qvm-remote-key is joe's too; give joe another"
    # The user alone, last: a package makes no other.
    printf '%s' root:x:0:0:root:/root:/bin/sh "
$ours" >passwd
    cp passwd group "$root/etc"
    atf_check chroot "$root" sh /check.sh
}

# package NAME VERSION LINE...: one that has nothing but what the lines say.
package() {
    name=$1
    printf '%s\n' "Name: $1" "Version: $2" 'Release: 1' 'Summary: Another' \
        'License: ISC' 'BuildArch: noarch' '%description' '%files' >"$1.spec"
    shift 2
    printf '%s\n' "$@" >>"$name.spec"
    rpmbuild -bb --quiet --load="$TREE/rpm/macros" \
        --define "_topdir $PWD/other" --define "_tmppath $PWD" \
        --define '_enable_debug_packages 0' "$name.spec" >log 2>&1 ||
        atf_fail "$name: $(tail -n 1 log)"
}

rpm_test a_newer_version_stays
a_newer_version_stays_body() {
    build_packages
    make_root
    package qvm-remote-dom0 2.0.1
    in_root -i other/RPMS/noarch/qvm-remote-dom0-2.0.1-1.noarch.rpm ||
        atf_fail "not installed"
    in_root -U "$(rpm_file dom0)" >said 2>&1 && atf_fail "it was installed"
    atf_check -o match:'which is newer than qvm-remote-dom0-2' cat said
    atf_check_equal 1 "$(wc -l <said)"
    atf_check -o inline:'qvm-remote-dom0 2.0.1\n' installed
    atf_check test ! -e "$root/usr/bin/qvm-remote-dom0"
}

# The same users in the check as in what makes them.
atf_test_case the_check_knows_all_users
the_check_knows_all_users_body() {
    cat "$TREE"/systemd/*.sysusers | sed -n 's/^u \([^ ]*\) .*/\1/p' |
        sort -u >want
    sed -n 's/^ *\(qvm-remote-[a-z]* |.*\)).*/\1/p' "$TREE/package/check.sh" |
        tr -d ' ' | tr '|' '\n' | sort >have
    atf_check test -s have
    atf_check diff want have
}

# The programs of before 2.0 as packages: what they own, and what they do when
# they go.
python_packages() {
    mkdir -p py
    printf '%s\n' '#!/bin/sh' 'echo qvm-remote 1.4.0' >py/program
    printf '%s\n' '[Service]' 'ExecStart=/usr/bin/qvm-remote-dom0' \
        '[Install]' 'WantedBy=multi-user.target' >py/unit
    printf '%s\n' '[Timer]' 'OnBootSec=30s' \
        '[Install]' 'WantedBy=timers.target' >py/timer
    printf '%s\n' '# VMs authorized to submit commands to dom0.' \
        '#QVM_REMOTE_VMS=' >py/conf
    cat >python.spec <<END
Name: qvm-remote
Version: 1.4.0
Release: 1
Summary: The same, of old
License: GPLv2+
BuildArch: noarch
%description
%package dom0
Summary: The same, of old
%description dom0
%package webui-dom0
Summary: The same, of old
Requires: qvm-remote-dom0 >= 1.1.0
%description webui-dom0
%install
install -D -m 0755 $PWD/py/program %{buildroot}/usr/bin/qvm-remote
install -D -m 0755 $PWD/py/program %{buildroot}/usr/bin/qvm-remote-dom0
install -D -m 0755 $PWD/py/program %{buildroot}/usr/bin/qubes-global-admin-web
install -D -m 0644 $PWD/py/conf %{buildroot}/etc/qubes/remote.conf
install -D -m 0644 $PWD/py/unit %{buildroot}/etc/systemd/system/qvm-remote-dom0.service
install -D -m 0644 $PWD/py/unit %{buildroot}/etc/systemd/system/qubes-global-admin-web.service
install -D -m 0644 $PWD/py/timer %{buildroot}/etc/systemd/system/qubes-admin-watchdog.timer
%post dom0
%systemd_post qvm-remote-dom0.service
%preun dom0
%systemd_preun qvm-remote-dom0.service
%postun dom0
%systemd_postun_with_restart qvm-remote-dom0.service
%post webui-dom0
%systemd_post qubes-global-admin-web.service
%systemd_post qubes-admin-watchdog.timer
%preun webui-dom0
%systemd_preun qubes-global-admin-web.service
%systemd_preun qubes-admin-watchdog.timer
%postun webui-dom0
%systemd_postun_with_restart qubes-global-admin-web.service
%files
/usr/bin/qvm-remote
%files dom0
%attr(0600,root,root) %config(noreplace) /etc/qubes/remote.conf
/usr/bin/qvm-remote-dom0
/etc/systemd/system/qvm-remote-dom0.service
%files webui-dom0
/usr/bin/qubes-global-admin-web
/etc/systemd/system/qubes-global-admin-web.service
/etc/systemd/system/qubes-admin-watchdog.timer
END
    rpmbuild -bb --quiet --load="$TREE/rpm/macros" \
        --define "_topdir $PWD/py" --define "_tmppath $PWD" \
        --define '_enable_debug_packages 0' python.spec >log 2>&1 ||
        atf_fail "no older packages: $(tail -n 1 log)"
    in_root -i py/RPMS/noarch/*.rpm >log 2>&1 ||
        atf_fail "not installed: $(tail -n 1 log)"
}

# all_of PATH...: every file with its mode, owner and what is in it.
all_of() {
    find "$@" -printf '%p %y %m %U:%G %l\n' | sort
    find "$@" -type f -exec sha256sum {} + | sort
}

upgrade() {
    in_root -U "$(rpm_file dom0)" "$(rpm_file webui-dom0)" "$(rpm_file vm)" \
        >said 2>&1 || atf_fail "not upgraded: $(tail -n 1 said)"
}

says() {
    atf_check -o match:"^qvm-remote: $1" cat said
}

enable_panel() {
    systemctl -q --root="$root" enable qubes-admin-watchdog.timer \
        qubes-global-admin-web.service 2>/dev/null || atf_fail "not enabled"
}

# panel_says UNIT TARGET [FILE]: where it was enabled, and whether its file is left.
panel_says() {
    echo "the Python program's $1 .*: systemctl stop $1, rm${3:+ $3}" \
        "/etc/systemd/system/$2.wants/$1, then systemctl daemon-reload"
}

no_panel() {
    atf_check -o empty find "$root" -name 'qubes-admin-watchdog*' -o \
        -name 'qubes-global-admin*'
}

rpm_test what_was_not_changed_is_not_said
what_was_not_changed_is_not_said_body() {
    build_packages
    make_root
    mkdir -p "$root/etc/qubes"
    mkdir -m 755 "$root/etc/qubes/remote.d"
    # shellcheck disable=SC2016 # the inner shell's
    unshare -m sh -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
        exec "$@"' "$root/etc/qubes/remote.d" env SYSTEMD_OFFLINE=1 rpm \
        --root "$root" $force --nodeps -i "$(rpm_file dom0)" >said 2>&1 &&
        atf_fail "it was installed"
    atf_check -o match:'Read-only file system' -o not-match:'root:root now' \
        cat said
    is 755 root /etc/qubes/remote.d
}

rpm_test the_web_panel_goes_and_does_not_come_back
the_web_panel_goes_and_does_not_come_back_body() {
    build_packages
    make_root
    python_packages
    enable_panel
    in_root -U "$(rpm_file dom0)" >said 2>&1 || atf_fail "$(tail -n 1 said)"
    atf_check -o not-match:'^qvm-remote: .*(panel|watchdog)' cat said
    atf_check -o inline:"qvm-remote 1.4.0\nqvm-remote-dom0 $(cat "$TREE/version")\n" \
        installed
    no_panel
    # Nor beside it, whoever installs it; --nodeps would not ask.
    # shellcheck disable=SC2086 # nothing or an option
    SYSTEMD_OFFLINE=1 rpm --root "$root" $force -i \
        py/RPMS/noarch/qvm-remote-webui-dom0-*.rpm >said 2>&1 &&
        atf_fail "it was installed"
    atf_check -o match:'qvm-remote-webui-dom0 < 2.0.0 is obsoleted by .*qvm-remote-dom0-2' \
        cat said
    no_panel
}

atf_test_case a_proposal_that_is_no_file_is_not_to_be_moved
a_proposal_that_is_no_file_is_not_to_be_moved_head() {
    atf_set require.user root
}
a_proposal_that_is_no_file_is_not_to_be_moved_body() {
    make_root
    cp "$TREE/package/upgrade.sh" "$root"
    dir=/etc/qubes/remote.d
    mkdir -p "$root$dir/work.conf.proposed"
    (umask 077 && other_key | tee "$root$dir/work.key" >"$root$dir/other.key")
    chmod 700 "$root$dir"
    ln -s /etc/passwd "$root$dir/other.conf.proposed"
    chroot "$root" sh /upgrade.sh >said
    for vm in work other; do
        says "$vm has a key .* not served; to serve it, write $dir/$vm.conf, for $dir/$vm.conf.proposed is no plain file"
    done
    atf_check_equal 2 "$(wc -l <said)"
}

# As its script leaves it, without a package: FILE and link, or a link alone.
atf_test_case what_is_left_of_the_web_panel_is_said
what_is_left_of_the_web_panel_is_said_head() {
    atf_set require.user root
}
what_is_left_of_the_web_panel_is_said_body() {
    make_root
    cp "$TREE/package/upgrade.sh" "$root"
    units=/etc/systemd/system
    mkdir -p "$root$units"
    atf_check chroot "$root" sh /upgrade.sh
    echo '[Timer]' >"$root$units/qubes-admin-watchdog.timer"
    chroot "$root" sh /upgrade.sh >said
    says "the Python program's qubes-admin-watchdog.timer starts the daemon .*, rm $units/qubes-admin-watchdog.timer, then"
    mkdir "$root$units/timers.target.wants" "$root$units/multi-user.target.wants"
    ln -s $units/qubes-admin-watchdog.timer "$root$units/timers.target.wants"
    ln -s $units/qubes-global-admin-web.service \
        "$root$units/multi-user.target.wants"
    printf '%s\n' 'import time' 'time.sleep(600)' >qubes-global-admin-web
    python3 "$PWD/qubes-global-admin-web" &
    python=$!
    tail -f "$PWD/qubes-global-admin-web" python3 >/dev/null 2>&1 &
    tail=$!
    # shellcheck disable=SC2016 # the inner shell's
    unshare -m sh -c 'mount --bind /proc "$1/proc" &&
        exec chroot "$1" sh /upgrade.sh' sh "$root" >said
    kill $python $tail
    atf_check_equal 1 "$(grep -c 'web panel runs' said)"
    says "the Python program's web panel runs, as process $python, and does"
    # What starts both again goes first.
    atf_check -o match:watchdog.timer head -n 1 said
    says "$(panel_says qubes-admin-watchdog.timer timers.target \
        $units/qubes-admin-watchdog.timer)"
    says "$(panel_says qubes-global-admin-web.service multi-user.target)"
    atf_check_equal 2 "$(grep -c 'systemctl daemon-reload$' said)"
}

rpm_test an_upgrade_corrects_what_the_python_program_left
an_upgrade_corrects_what_the_python_program_left_body() {
    build_packages
    make_root
    echo 'qubes:x:98:' >>"$root/etc/group"
    python_packages
    dir=/etc/qubes/remote.d
    mkdir -m 755 "$root$dir"
    for vm in work other third; do
        other_key >"$root$dir/$vm.key"
    done
    echo 'mode = deny' >"$root$dir/third.conf"
    echo 'QVM_REMOTE_VMS="work other"' >"$root/etc/qubes/remote.conf"
    chmod 664 "$root/etc/qubes/remote.conf"
    chown 0:98 "$root/etc/qubes/remote.conf"
    chmod 640 "$root$dir/other.key"
    chown 0:98 "$root$dir/other.key"
    # What is no key of a VM's, no file of its own, or not root's is left alone.
    (umask 077 && other_key >"$root$dir/joes.key")
    chown 1001:0 "$root$dir/joes.key"
    echo x >"$root$dir/a b.key"
    ln -s /etc/passwd "$root$dir/link.key"
    echo x >"$root/etc/other"
    ln "$root/etc/other" "$root$dir/hard.key"
    (cd "$root/etc/qubes" && sha256sum remote.conf remote.d/*.key) >before
    systemctl -q --root="$root" enable qvm-remote-dom0.service 2>/dev/null
    enable_panel
    upgrade
    for what in "/etc/qubes/remote.conf was 0664 root:qubes, is 0600 root:root" \
        "$dir was 0755 root:root, is 0700 root:root now" \
        "$dir/work.key was 0644 root:root, is 0600 root:root now" \
        "$dir/other.key was 0640 root:qubes, is 0600 root:root now" \
        "$dir/work.conf.proposed is new" "$dir/other.conf.proposed is new" \
        "work has a key and no policy, and is not served; " \
        "$dir has a key whose name is no VM's" \
        "$dir/joes.key is 0600 UNKNOWN:root, and stays so: the daemon refuses" \
        "$dir/link.key is no plain file" "$dir/hard.key is no plain file" \
        "the service is enabled, by whoever did so before" \
        "$(panel_says qubes-admin-watchdog.timer timers.target)" \
        "$(panel_says qubes-global-admin-web.service multi-user.target)"; do
        says "$what"
    done
    is 600 root /etc/qubes/remote.conf
    is 700 root "$dir"
    is 600 root "$dir/work.key"
    is 600 root "$dir/other.key"
    is 644 root "$dir/a b.key"
    atf_check -o inline:'1001\n' stat -c %u "$root$dir/joes.key"
    is 644 root /etc/passwd
    (cd "$root/etc/qubes" && sha256sum remote.conf remote.d/*.key) >after
    atf_check diff before after
    # A proposal is none for who has a policy, and accepted by nobody.
    (cd "$root$dir" && ls) >names
    atf_check -o inline:'a b.key\nhard.key\njoes.key\nlink.key\nother.conf.proposed\nother.key\nthird.conf\nthird.key\nwork.conf.proposed\nwork.key\n' \
        cat names
    is 600 root "$dir/work.conf.proposed"
    # Programs and unit are ours alone.
    version=$(cat "$TREE/version")
    atf_check -o inline:"qvm-remote-dom0 $version\nqvm-remote-vm $version\nqvm-remote-webui-dom0 $version\n" \
        installed
    atf_check test ! -e "$root/etc/systemd/system/qvm-remote-dom0.service"
    atf_check test ! -e "$root/usr/bin/qubes-global-admin-web"
    # Again, after an upgrade that was cut off in the middle of a proposal too:
    # what is there stays as it is.
    all_of "$root/etc/qubes" >before
    rm "$root$dir/work.conf.proposed"
    echo '# What' >"$root$dir/.work.conf.proposed.new"
    chroot "$root" /usr/libexec/qvm-remote/upgrade >said
    atf_check -o not-match:' was |other.conf.proposed is new' cat said
    says "$dir/work.conf.proposed is new"
    all_of "$root/etc/qubes" >after
    atf_check diff before after
    echo '# mine' >>"$root$dir/work.conf.proposed"
    all_of "$root/etc/qubes" >before
    chroot "$root" /usr/libexec/qvm-remote/upgrade >said
    atf_check -o not-match:'(is new|now)$' cat said
    all_of "$root/etc/qubes" >after
    atf_check diff before after
    # Run by hand, it follows no link either.
    mv "$root$dir" "$root/etc/joes"
    ln -s /etc/joes "$root$dir"
    chmod 755 "$root/etc/joes"
    chroot "$root" /usr/libexec/qvm-remote/upgrade >said
    says "$dir is no folder, and stays as it is"
    is 755 root /etc/joes
    rm "$root$dir"
    mv "$root/etc/joes" "$root$dir"
    goes_back
}

# As MIGRATING.md says.
goes_back() {
    (cd "$root/etc/qubes" && sha256sum remote.conf remote.d/*.key) >before
    in_root -e qvm-remote-webui-dom0 qvm-remote-vm || atf_fail "not removed"
    in_root -U --oldpackage py/RPMS/noarch/*.rpm >said 2>&1 ||
        atf_fail "not gone back: $(tail -n 1 said)"
    atf_check -o inline:'qvm-remote 1.4.0\nqvm-remote-dom0 1.4.0\nqvm-remote-webui-dom0 1.4.0\n' \
        installed
    (cd "$root/etc/qubes" && sha256sum remote.conf remote.d/*.key) >after
    atf_check diff before after
}

# What the person does who installed the Python program by its script.
rpm_test an_upgrade_says_what_no_package_owns
an_upgrade_says_what_no_package_owns_body() {
    build_packages
    make_root
    mkdir -p "$root/etc/systemd/system" "$root/etc/qubes"
    echo '[Service]' >"$root/etc/systemd/system/qvm-remote-dom0.service"
    printf '%s\n' 'QVM_REMOTE_VMS=work' 'OTHER=value' \
        >"$root/etc/qubes/remote.conf"
    printf '%s\n' 'import time' 'time.sleep(600)' >qvm-remote-dom0
    in_root -i "$(rpm_file dom0)" >said 2>&1 || atf_fail "$(tail -n 1 said)"
    says '/etc/systemd/system/qvm-remote-dom0.service takes the place of'
    for library in $(ldd "$root/usr/bin/qvm-remote-dom0" | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
    python3 "$PWD/qvm-remote-dom0" &
    python=$!
    # shellcheck disable=SC2016 # the inner shell's
    unshare -m sh -c 'mount --bind /proc "$1/proc" &&
        exec chroot "$1" /usr/libexec/qvm-remote/upgrade' sh "$root" >said
    kill $python
    says "the Python daemon runs, as process $python, and serves"
    says 'the daemon does not start before this is right: .*remote.conf:2: '
}

# v1 ARG...: see regress/v1_client.
v1() {
    in_vm vm1 sh -s -- "$@" <"$regress/v1_client"
}

result_of() {
    in_vm vm1 cat ".qvm-remote/queue/results/$1"
}

# The Python program's dom0, with a request that waits; upgraded, and its VM
# served by a policy that a person has accepted.
bed_test a_vm_of_the_python_program_goes_on_when_a_person_says_so
a_vm_of_the_python_program_goes_on_when_a_person_says_so_head() {
    atf_set require.user root
    # Somebody has to build the packages.
    atf_set timeout 600
}
a_vm_of_the_python_program_goes_on_when_a_person_says_so_body() {
    build_packages
    bed_new
    "$regress/bed" prepare || atf_fail "no bed"
    root=$BED
    conf=$BED/etc/qubes/remote.conf
    mv "$conf" conf
    make_root
    # The daemon's users are this machine's.
    grep -E '^(root|qvm-remote-[a-z]*):' /etc/passwd >"$root/etc/passwd"
    grep -E '^(root|qubes|qvm-remote-[a-z]*):' /etc/group >"$root/etc/group"
    python_packages
    echo 'QVM_REMOTE_VMS=vm1' | cat conf - >conf.new
    cat conf.new >"$conf"
    "$regress/bed" boot vm1 || atf_fail "vm1"
    in_vm vm1 sh -c 'umask 077 && mkdir -p .qvm-remote/queue/pending \
        .qvm-remote/queue/results .qvm-remote/queue/running .qvm-remote/history &&
        cat >.qvm-remote/auth.key' <<END
$(other_key)
END
    mkdir -m 755 "$BED/etc/qubes/remote.d"
    cp "$BED/vms/vm1/home/.qvm-remote/auth.key" "$BED/etc/qubes/remote.d/vm1.key"
    chown 0:0 "$BED/etc/qubes/remote.d/vm1.key"
    chmod 644 "$BED/etc/qubes/remote.d/vm1.key" "$conf"
    waiting=$(date -d '1 minute ago' +%Y%m%d-%H%M%S)-1-00000001
    v1 -i "$waiting" -n "$(witness)" >id
    atf_check -o inline:"$waiting\n" cat id
    all_of "$BED/vms/vm1/home/.qvm-remote" >queue
    in_root -U "$(rpm_file dom0)" "$(rpm_file webui-dom0)" >said 2>&1 ||
        atf_fail "not upgraded: $(tail -n 1 said)"
    atf_check cmp conf.new "$conf"
    atf_check cmp "$BED/vms/vm1/home/.qvm-remote/auth.key" \
        "$BED/etc/qubes/remote.d/vm1.key"
    atf_check -o inline:'600\n' stat -c %a "$BED/etc/qubes/remote.d/vm1.key"
    # The new daemon, started by a person, serves nobody yet.
    atf_check "$regress/bed" start
    atf_check -o match:'^vm1 .*policy: there is none$' \
        in_dom0 qvm-remote-dom0 keys
    reload
    all_of "$BED/vms/vm1/home/.qvm-remote" >now
    atf_check diff queue now
    no_witness
    # The person reads it, and says yes.
    mv "$BED/etc/qubes/remote.d/vm1.conf.proposed" \
        "$BED/etc/qubes/remote.d/vm1.conf"
    atf_check -o match:'^vm1: mode shell: ' \
        in_dom0 qvm-remote-dom0 policy check vm1
    reload
    wait_result vm1 "$waiting"
    # The Python program may have run what waits, and told nobody.
    atf_check -o match:'rejected: its id is older than what dom0 knows of' \
        result_of "$waiting.err"
    no_witness
    atf_check -s exit:7 -o inline:'out\n' -e inline:'err\n' \
        v1 'echo out; echo err >&2; exit 7'
    # Removed, it leaves keys, policy and log.
    atf_check "$regress/bed" stop
    all_of "$BED/etc/qubes" "$BED/var/log/qvm-remote" \
        "$BED/var/log/qubes" >before
    in_root -e qvm-remote-webui-dom0 qvm-remote-dom0 >said 2>&1 ||
        atf_fail "not removed: $(tail -n 1 said)"
    atf_check test ! -e "$BED/usr/bin/qvm-remote-dom0"
    all_of "$BED/etc/qubes" "$BED/var/log/qvm-remote" \
        "$BED/var/log/qubes" >after
    atf_check diff before after
}

atf_test_case packages_take_the_place_of_older_ones
packages_take_the_place_of_older_ones_body() {
    sed 's/@VERSION@/2.0.0/; s/@REL@/1/; /@CHANGELOG@/d' \
        "$TREE/rpm/qvm-remote.spec.in" >qvm-remote.spec
    for what in OBSOLETE PROVIDE; do
        atf_check -o save:$what -e ignore rpmspec -q \
            --load="$TREE/rpm/macros" --qf \
            "[%{=NAME} %{${what}S} %{${what}VERSION}\n]" qvm-remote.spec
    done
    for line in 'qvm-remote-dom0 qubes-remote-dom0 1.0.0' \
        'qvm-remote-dom0 qvm-remote-webui-dom0 2.0.0' \
        'qvm-remote-vm qubes-remote 1.0.0' 'qvm-remote-vm qvm-remote 2.0.0'; do
        atf_check -o ignore grep -x "$line" OBSOLETE
    done
    for line in 'qvm-remote-dom0 qubes-remote-dom0 2.0.0-1' \
        'qvm-remote-vm qubes-remote 2.0.0-1' \
        'qvm-remote-vm qvm-remote 2.0.0-1' 'qvm-remote-vm bundled(bearssl) 0.6' \
        'qvm-remote-dom0 bundled(bearssl) 0.6' \
        'qvm-remote-webui-dom0 bundled(bearssl) 0.6'; do
        atf_check -o ignore grep -xF "$line" PROVIDE
    done
}

atf_test_case only_the_known_source_of_bearssl_is_built
only_the_known_source_of_bearssl_is_built_body() {
    atf_check -s not-exit:0 -e match:'say BEARSSL=FILE' \
        make_rpm -C "$TREE" BUILD="$PWD/b"
    echo 'something else' >bearssl-0.6.tar.gz
    atf_check -s not-exit:0 -o ignore -e match:'did NOT match' make_rpm \
        -C "$TREE" BUILD="$PWD/b" BEARSSL="$PWD/bearssl-0.6.tar.gz"
    atf_check -o empty find b -name '*.rpm' -o -name '*.o'
    # The same that script/bootstrap takes.
    digest=$(sed -n 's/^BEARSSL_SHA256=//p' "$TREE/script/bootstrap")
    atf_check -o match:"^%global bearssl_sha256 $digest\$" \
        cat "$TREE/rpm/qvm-remote.spec.in"
}

# What README.md has one put beside the source, and what make leaves there.
atf_test_case the_source_has_nothing_that_was_put_beside_it
the_source_has_nothing_that_was_put_beside_it_body() {
    SOURCE_DATE_EPOCH=1
    export SOURCE_DATE_EPOCH
    mkdir -p tree/script tree/build
    cp "$TREE/script/source" "$TREE/script/epoch" tree/script
    cp "$TREE/version" "$TREE/.gitignore" tree
    digest="bearssl-0.6.tar.gz.sha256"
    cp "$TREE/$digest" tree
    printf '%s\n' .gitignore "$digest" script/epoch script/source version |
        sed "s,^,qvm-remote-$(cat "$TREE/version")/," >want
    for file in bearssl-0.6.tar.gz build/a.o compile_commands.json; do
        echo a >"tree/$file"
    done
    for git in without with; do
        [ $git = without ] || git init -q tree || atf_fail "git"
        tree/script/source "$PWD/$git.tar.gz" || atf_fail "$git git: no source"
        atf_check -o file:want tar -tzf "$git.tar.gz"
    done
}

atf_init_test_cases() {
    for name in $RPM_TESTS $BED_TESTS the_check_knows_all_users \
        the_source_has_nothing_that_was_put_beside_it \
        what_is_left_of_the_web_panel_is_said \
        a_proposal_that_is_no_file_is_not_to_be_moved \
        users_and_groups_are_ours_whole \
        packages_take_the_place_of_older_ones \
        only_the_known_source_of_bearssl_is_built; do
        atf_add_test_case "$name"
    done
}
