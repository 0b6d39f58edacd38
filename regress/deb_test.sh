#!/usr/bin/env atf-sh
# Debian's packages, built and then installed by dpkg into a root that holds
# nothing but what their scripts run.
. "$(atf_get_srcdir)/lib.sh"
. "$regress/packages.sh"

deb_test() {
    atf_test_case "$1"
    eval "$1_head() {
        atf_set require.user root
        atf_set timeout 600
    }"
    DEB_TESTS="$DEB_TESTS $1"
}

# dom0, or a VM, as Debian has it: perl is what deb-systemd-helper is made of.
make_debian() {
    make_root
    program_into_root sh cat chmod chown dpkg mv rm stat tr systemd-sysusers \
        systemd-tmpfiles perl
    for file in $(dpkg -L perl-base | grep '/perl-base/.*[.]') \
        /usr/bin/deb-systemd-helper /usr/bin/deb-systemd-invoke; do
        file_into_root "$file"
    done
    for program in parent verifier webui/web admin/qvm-remote-dom0; do
        case $program in */*) ;; *) program=$program/$program ;; esac
        libraries_into_root "$BUILD/$program"
    done
    mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" \
        "$root/var/lib/systemd" "$root/home"
    others_have /etc/qubes /etc/systemd/system /lib /var/log/qubes
    touch "$root/dev/null"
}

# Folders that are also other packages', and so are never ours to remove.
others_have() {
    for dir; do
        mkdir -p "$root$dir"
        echo "$dir"
    done >"$root/var/lib/dpkg/info/others.list"
    touch "$root/var/lib/dpkg/info/others.md5sums"
    cat >"$root/var/lib/dpkg/status" <<EOF
Package: others
Status: install ok installed
Architecture: all
Version: 1
Maintainer: somebody <somebody@localhost>
Description: what a root has
EOF
}

# What the root lacks is known: its packages are not dpkg's.  PROC is a command
# that changes what the kernel says there, in $proc.
in_root() {
    # shellcheck disable=SC2016 # the inner shell's
    proc=$root/proc unshare --mount sh -c 'mount --rbind /proc "$proc" &&
        mount --bind /dev/null "$proc/../dev/null" && eval "${PROC:-:}" && exec "$@"' sh \
        dpkg --root="$root" --log=/dev/null --force-depends "$@"
}

# The three packages, without those for debuggers.
binaries() {
    for package in vm dom0 webui-dom0; do
        echo "$packages/qvm-remote-${package}_$(cat "$TREE/version"
        )-$(cat "$TREE/rel")_amd64.deb"
    done
}

# shellcheck disable=SC2046 # words
install_all() {
    in_root -i $(binaries) >said 2>&1 && return
    cat said >&2
    atf_fail "not installed"
}

state_of() {
    dpkg-query --root="$root" -W -f '${db:Status-Status}\n' "$1" 2>/dev/null ||
        echo unknown
}

# Each exception has its reason beside it.
lintian_is_content() {
    # shellcheck disable=SC2046 # words
    lintian --allow-root --fail-on error,warning $(binaries) \
        "$packages"/*.dsc >tags 2>&1 || atf_fail "lintian: $(head -n 1 tags)"
}

is_enabled() {
    systemctl --root="$root" is-enabled "$1"
}

users_are_made() {
    for user in poll key log web; do
        atf_check -o match:'^[^:]*:[^:]*:[1-9][0-9]{0,2}:[1-9][0-9]{0,2}:[^:]*:/nonexistent:/usr/sbin/nologin$' \
            grep "^qvm-remote-$user:" "$root/etc/passwd"
    done
    atf_check_equal 4 "$(grep '^qvm-remote' "$root/etc/passwd" |
        cut -d: -f3 | sort -u | wc -l)"
}

files_are_root_s() {
    for package in dom0 vm webui-dom0; do
        dpkg --root="$root" -L "qvm-remote-$package" | grep -vx '/\.'
    done >files
    while read -r file; do
        atf_check -o empty find "$root$file" -maxdepth 0 ! -type l \
            '(' -perm /6022 -o ! -user root -o ! -group root ')'
    done <files
    is 755 root /usr/bin/qvm-remote
    is 755 root /usr/libexec/qvm-remote/verifier
    is 700 root /etc/qubes/remote.d
    # As it is unpacked: the upgrade would correct it later.
    atf_check -o match:'^drwx------ root/root .* \./etc/qubes/remote.d/$' \
        dpkg-deb -c "$(binaries | grep -e -remote-dom0_)"
    is 700 qvm-remote-key /var/log/qvm-remote
    atf_check test ! -e "$root/etc/qubes/remote.conf"
}

# All that make installs is in a package, and nothing else but documents; units
# and zsh's functions where Debian has them.
nothing_is_left_out() {
    make -s -C "$TREE" BUILD="$BUILD" PREFIX=/usr DESTDIR="$PWD/installed" \
        ZSH=vendor-completions install-dom0 install-vm install-webui ||
        atf_fail "install"
    (cd installed && find . ! -type d) | sed 's,^\.,,' | sort >want
    sed -E 's,(/man/.*)\.gz$,\1,; s,^/lib/,/usr/lib/,' files |
        grep -v '/share/\(doc\|lintian\)/' | sort -u | while read -r file; do
        [ -d "$root$file" ] || echo "$file"
    done >have
    atf_check diff want have
}

deb_test packages_install_without_enabling_anything
packages_install_without_enabling_anything_body() {
    built deb
    make_debian
    lintian_is_content
    install_all
    for package in dom0 vm webui-dom0; do
        atf_check_equal installed "$(state_of qvm-remote-$package)"
    done
    for unit in qvm-remote-dom0.service qvm-remote-compress.timer; do
        atf_check -s exit:1 -o inline:'disabled\n' is_enabled $unit
    done
    # Nor does a machine's first boot, which enables what no preset names.
    atf_check -o ignore -e ignore \
        systemctl --root="$root" preset-all --preset-mode=enable-only
    atf_check -o empty find "$root/etc" -type l
    users_are_made
    files_are_root_s
    nothing_is_left_out
    version=$(cat "$TREE/version")
    atf_check -o match:"$version" "$root/usr/bin/qvm-remote" --version
    atf_check -o match:"$version" chroot "$root" qvm-remote-dom0 --version
    atf_check -o match:"$version" chroot "$root" qvm-remote-webui --version
    # Where zsh of Debian looks.
    atf_check -o match:'^/usr/share/zsh/vendor-completions$' \
        zsh -fc 'print -l $fpath'
}

# What an administrator and the daemon have made.
use_it() {
    echo secret >"$root/etc/qubes/remote.d/work.key"
    echo 'mode = shell' >"$root/etc/qubes/remote.d/work.conf"
    echo 'QVM_REMOTE_VMS=work' >"$root/etc/qubes/remote.conf"
    mkdir -p "$root/var/lib/qvm-remote/spool" "$root/run/qvm-remote"
    echo record >"$root/var/log/qvm-remote/1.log"
    echo line >"$root/var/log/qubes/qvm-remote.log"
    systemctl --root="$root" enable qvm-remote-dom0.service 2>/dev/null ||
        atf_fail "not enabled"
}

deb_test removing_keeps_what_purging_takes
removing_keeps_what_purging_takes_body() {
    built deb
    make_debian
    wants=$root/etc/systemd/system/multi-user.target.wants
    mkdir "$wants"
    ln -s /dev/null "$wants/other.service"
    listing >before
    install_all
    use_it
    atf_check -o ignore -e ignore in_root -r qvm-remote-webui-dom0 \
        qvm-remote-dom0 qvm-remote-vm
    atf_check test ! -e "$root/usr/libexec/qvm-remote" \
        -a ! -e "$root/usr/bin/qvm-remote"
    for kept in etc/qubes/remote.d/work.key etc/qubes/remote.d/work.conf \
        etc/qubes/remote.conf var/log/qvm-remote/1.log \
        var/log/qubes/qvm-remote.log; do
        atf_check test -s "$root/$kept"
    done
    # An administrator who installs it again finds all that.
    install_all
    atf_check -o inline:'secret\n' cat "$root/etc/qubes/remote.d/work.key"
    atf_check -o ignore -e ignore in_root -P qvm-remote-webui-dom0 \
        qvm-remote-dom0 qvm-remote-vm
    # But the users stay.
    users_are_made
    for list in before after; do
        [ $list = before ] || listing >after
        grep -vE '\./etc/(passwd|group|g?shadow|\.pwd\.lock)-?( |$)' $list \
            >$list.left
    done
    atf_check diff before.left after.left
}

# As where systemd is pid 1: what it is asked is in $root/asked.
boot() {
    mkdir -p "$root/run/systemd/system"
    for program in deb-systemd-invoke systemctl; do
        cat >"$root/usr/bin/$program" <<'EOF'
#!/bin/sh
echo "$*" >>/asked
[ "$1" != stop ] || [ ! -e /stuck ]
EOF
        chmod 755 "$root/usr/bin/$program"
    done
}

deb_test what_runs_is_restarted_and_ended_and_nothing_started
what_runs_is_restarted_and_ended_and_nothing_started_body() {
    built deb
    make_debian
    boot
    install_all
    atf_check -o not-match:'start' cat "$root/asked"
    install_all
    atf_check -o match:'^try-restart .*qvm-remote-dom0.service' \
        -o not-match:'^(re)?start ' -o not-match:'^stop ' cat "$root/asked"
    # What cannot be ended is not removed.
    touch "$root/stuck"
    atf_check -s not-exit:0 -o ignore -e ignore in_root -r \
        qvm-remote-webui-dom0 qvm-remote-dom0
    atf_check test -x "$root/usr/libexec/qvm-remote/verifier"
    rm "$root/stuck" "$root/asked"
    atf_check -o ignore -e ignore in_root -r qvm-remote-dom0
    atf_check -o match:'^stop .*qvm-remote-dom0.service' cat "$root/asked"
}

# In dom0, what came before was the Python program's, which no package of
# Debian's had.
deb_test an_upgrade_corrects_and_proposes_and_accepts_nothing
an_upgrade_corrects_and_proposes_and_accepts_nothing_body() {
    built deb
    make_debian
    mkdir -p "$root/etc/qubes/remote.d"
    other_key >"$root/etc/qubes/remote.d/work.key"
    echo 'QVM_REMOTE_VMS=work' >"$root/etc/qubes/remote.conf"
    chmod 644 "$root/etc/qubes/remote.conf" "$root/etc/qubes/remote.d/work.key"
    (cd "$root/etc/qubes" && sha256sum remote.conf remote.d/work.key) >sums
    install_all
    is 600 root /etc/qubes/remote.conf
    is 600 root /etc/qubes/remote.d/work.key
    is 700 root /etc/qubes/remote.d
    for file in remote.conf remote.d remote.d/work.key; do
        atf_check -o match:"^qvm-remote: /etc/qubes/$file was 0" cat said
    done
    atf_check -o match:'work has a key and no policy' cat said
    atf_check test -s "$root/etc/qubes/remote.d/work.conf.proposed" \
        -a ! -e "$root/etc/qubes/remote.d/work.conf"
    contents_are_kept
    # The same again: nothing is left to correct.
    install_all
    atf_check -o not-match:'was 0' cat said
    contents_are_kept
    atf_check -s exit:1 -o inline:'disabled\n' is_enabled qvm-remote-dom0.service
}

deb_test another_machine_s_root_is_changed_and_this_one_is_not
another_machine_s_root_is_changed_and_this_one_is_not_body() {
    built deb
    make_debian
    foreign=qvm-remote-key:x:1000:1000::/home/j:/bin/bash
    (grep -v ^qvm-remote-key: /etc/passwd && echo $foreign) >passwd
    mkdir -p libexec/qvm-remote
    printf '#!/bin/sh\necho >%s/ran\n' "$PWD" >libexec/qvm-remote/upgrade
    chmod 755 libexec/qvm-remote/upgrade
    cp "$root/etc/passwd" good
    echo $foreign >>"$root/etc/passwd"
    ! chrootless >said 2>&1 || atf_fail "installed"
    atf_check -o match:'not installed: the user qvm-remote-key is' cat said
    cp good "$root/etc/passwd"
    chrootless >said 2>&1 || atf_fail "$(tail -n 1 said)"
    atf_check_equal installed "$(state_of qvm-remote-dom0)"
    atf_check test ! -e ran
}

# With this machine's passwd and libexec from here.
chrootless() {
    unshare -m sh -c 'mount --bind passwd /etc/passwd &&
        mount --bind libexec /usr/libexec && exec "$@"' sh \
        dpkg --root="$root" --log=/dev/null --force-depends \
        --force-script-chrootless -i "$(binaries | grep -e -remote-dom0_)"
}

contents_are_kept() {
    (cd "$root/etc/qubes" && sha256sum --quiet -c) <sums ||
        atf_fail "changed"
}

# older_package NAME VERSION: the Python client's, as far as files go.
older_package() {
    mkdir -p older/DEBIAN older/usr/bin older/usr/share/doc/old
    printf '#!/usr/bin/python3\nprint("%s")\n' "$2" >older/usr/bin/qvm-remote
    echo old >older/usr/share/doc/old/README
    cat >older/DEBIAN/control <<EOF
Package: $1
Version: $2
Architecture: all
Maintainer: somebody <somebody@localhost>
Description: the same, of old
EOF
    dpkg-deb -b older "$1.deb" >/dev/null || atf_fail "no older package"
}

deb_test the_client_takes_the_place_of_older_ones
the_client_takes_the_place_of_older_ones_body() {
    built deb
    make_debian
    listing >before
    for older in 'qubes-remote 0.9.0 .qubes-remote' \
        'qvm-remote 1.4.0-1 .qvm-remote'; do
        # shellcheck disable=SC2086 # words
        set -- $older
        older_package "$1" "$2"
        in_root -i "$1.deb" >/dev/null || atf_fail "$1 not installed"
        vm_home "$3"
        atf_check -o ignore -e ignore in_root -i \
            "$(binaries | grep -e -vm_)"
        atf_check_equal installed "$(state_of qvm-remote-vm)"
        atf_check -o match:'^(unknown|not-installed)$' state_of "$1"
        atf_check test ! -e "$root/usr/share/doc/old"
        upgraded "$3"
        atf_check -o ignore -e ignore in_root -P qvm-remote-vm
        home_is_kept
    done
    listing >after
    atf_check diff before after
}

# refused WHY: both packages for dom0 are, with a line, and nothing has changed.
refused() {
    listing >before
    # shellcheck disable=SC2046 # words
    ! in_root -i $(binaries | grep -e -dom0_) >said 2>&1 ||
        atf_fail "installed: $1"
    atf_check -o match:"^qvm-remote: not installed: .*$1" cat said
    atf_check_equal 2 "$(grep -c '^qvm-remote: ' said)"
    listing >after
    atf_check diff before after
    atf_check in_root --audit
}

deb_test what_cannot_work_is_refused_and_nothing_unpacked
what_cannot_work_is_refused_and_nothing_unpacked_body() {
    export PROC
    built deb
    make_debian
    cp "$root/etc/passwd" passwd
    cp "$root/etc/group" group
    echo 'qubes:x:98:qvm-remote-web' >>"$root/etc/group"
    for user in 'poll:x:1000:1000::/nonexistent:/usr/sbin/nologin' \
        'key:x:900:900::/nonexistent:/bin/bash' \
        'log:x:900:900::/home:/usr/sbin/nologin' \
        'web:x:900:900::/nonexistent:/usr/sbin/nologin'; do
        echo "qvm-remote-$user" >>"$root/etc/passwd"
        refused "the user qvm-remote-${user%%:*} is somebody else's"
        cp passwd "$root/etc/passwd"
    done
    cp group "$root/etc/group"
    printf qvm-remote-key:x:1000:1000::/home/j:/bin/bash >>"$root/etc/passwd"
    refused "the user qvm-remote-key is somebody else's"
    cp passwd "$root/etc/passwd"
    printf qvm-remote-log:x:1001:joe >>"$root/etc/group"
    refused "the group qvm-remote-log is somebody else's"
    cp group "$root/etc/group"
    echo mine >"$root/etc/qubes/remote.d"
    refused 'remote.d is a file or a link; put'
    ln -sf /home "$root/etc/qubes/remote.d"
    refused 'remote.d is a file or a link; put'
    rm "$root/etc/qubes/remote.d"
    grep -v cgroup2 /proc/filesystems >"$root/tmp/filesystems"
    PROC='mount --bind "$proc/../tmp/filesystems" "$proc/filesystems"'
    refused 'no cgroup2; boot one with'
    PROC='mount -t tmpfs none "$proc/sys/kernel/seccomp"'
    refused 'no seccomp filter; boot one with'
    PROC=
    for package in dom0 webui-dom0; do
        atf_check -o match:'^(unknown|not-installed)$' \
            state_of qvm-remote-$package
    done
    # All that was in the way was that.
    install_all
    a_newer_one_stays
}

# newer_package PACKAGE VERSION: the same with that, as far as dpkg knows.
newer_package() {
    rm -rf newer
    dpkg-deb -R "$1" newer
    sed -i "s/$version/$2/" newer/DEBIAN/control newer/DEBIAN/preinst
    dpkg-deb -Znone -b newer newer.deb >/dev/null || atf_fail "no newer package"
}

# stays PACKAGE VERSION: PACKAGE does not take the place of VERSION, and asks for
# nothing.
stays() {
    name=$(dpkg-deb -f "$1" Package)
    newer_package "$1" "$2"
    atf_check -o ignore -e ignore in_root -i newer.deb
    listing >before
    atf_check -s not-exit:0 -o ignore -e save:said in_root -i "$1"
    atf_check -o match:"^qvm-remote: not installed: $2 is here and newer" \
        cat said
    atf_check_equal 1 "$(grep -c '^qvm-remote: ' said)"
    atf_check -o inline:"installed $2\n" dpkg-query --root="$root" -W \
        -f '${db:Status-Status} ${Version}\n' "$name"
    listing >after
    atf_check diff before after
}

a_newer_one_stays() {
    boot
    version=$(cat "$TREE/version")-$(cat "$TREE/rel")
    dom0=$(binaries | grep -e -remote-dom0_)
    stays "$dom0" "$version.1"
    stays "$dom0" 2.10.0-1
    stays "$(binaries | grep -e -vm_)" 2.10.0-1
}

deb_test two_builds_in_two_folders_are_the_same
two_builds_in_two_folders_are_the_same_body() {
    built deb
    # .buildinfo and .changes say where and when.
    # shellcheck disable=SC2046 # words
    same_twice deb $(cd "$packages" && ls ./*.deb ./*.dsc ./*.tar.*)
    atf_check_equal 9 "$(wc -l <one)"
}

deb_test the_changelog_has_the_version
the_changelog_has_the_version_body() {
    atf_check -o inline:"qvm-remote ($(cat "$TREE/version")-$(cat \
        "$TREE/rel")) unstable; urgency=medium\n" \
        head -n 1 "$TREE/debian/changelog"
}

# A package's time, wherever it is built.
deb_test the_time_is_that_of_the_last_commit_in_an_archive_too
the_time_is_that_of_the_last_commit_in_an_archive_too_body() {
    unset SOURCE_DATE_EPOCH
    mkdir -p tree/script
    cp "$TREE/script/epoch" "$TREE/script/source" tree/script
    cp "$TREE/version" tree
    (cd tree && git init -q . && git add . &&
        GIT_COMMITTER_DATE='1700000001 +0000' git -c user.name=a \
            -c user.email=b commit -q -m c) || atf_fail "git"
    atf_check -o inline:'1700000001\n' tree/script/epoch
    atf_check -o inline:'5\n' env SOURCE_DATE_EPOCH=5 tree/script/epoch
    tree/script/source "$PWD/ours.tar.gz" || atf_fail "no source"
    git -C tree archive --prefix=git/ -o "$PWD/git.tar.gz" HEAD ||
        atf_fail "no archive"
    for name in ours git; do
        tar -xzf $name.tar.gz || atf_fail "$name"
    done
    for folder in "qvm-remote-$(cat "$TREE/version")" git; do
        atf_check -o inline:'1700000001\n' "$folder/script/epoch"
    done
    # And so on.
    "qvm-remote-$(cat "$TREE/version")/script/source" "$PWD/again.tar.gz" ||
        atf_fail "no source"
    atf_check cmp ours.tar.gz again.tar.gz
}

atf_init_test_cases() {
    for name in $DEB_TESTS; do
        atf_add_test_case "$name"
    done
}
