#!/usr/bin/env atf-sh
# What systemd reads, as systemd reads it; nothing here needs it to run.
. "$(atf_get_srcdir)/lib.sh"

root=$PWD/root

install_root() {
    make -s -C "$TREE" BUILD="$BUILD" PREFIX=/usr DESTDIR="$root" \
        install-dom0 || atf_fail "install"
}

unit() {
    grep -v '^#' "$root/usr/lib/systemd/system/qvm-remote-dom0.service"
}

atf_test_case the_unit_is_clean
the_unit_is_clean_body() {
    install_root
    # The same units, whose program is where this root has it.
    for unit in dom0.service compress.service compress.timer; do
        sed "s,^ExecStart=,&$root," \
            "$root/usr/lib/systemd/system/qvm-remote-$unit" \
            >"qvm-remote-$unit"
    done
    atf_check systemd-analyze verify --man=no "$PWD/qvm-remote-dom0.service" \
        "$PWD/qvm-remote-compress.service" "$PWD/qvm-remote-compress.timer"
    sed -n 's/^Documentation=//p' qvm-remote-* | tr ' ' '\n' |
        sed -E 's/^man:(.*)\((.)\)$/man\2\/\1.\2/' >pages
    atf_check test -s pages
    while read -r page; do
        atf_check test -f "$root/usr/share/man/$page"
    done <pages
}

atf_test_case the_unit_names_where_the_programs_are
the_unit_names_where_the_programs_are_body() {
    make -s -C "$TREE" BUILD="$PWD/b" PREFIX=/opt/q DESTDIR="$root" \
        install-systemd || atf_fail "install"
    atf_check -o match:'^ExecStart=/opt/q/bin/qvm-remote-dom0$' \
        cat "$root/opt/q/lib/systemd/system/qvm-remote-dom0.service"
    atf_check test ! -e "$root/usr"
}

atf_test_case the_unit_confines_no_command
the_unit_confines_no_command_body() {
    install_root
    for name in NoNewPrivileges 'Protect[A-Za-z]*' 'Private[A-Za-z]*' \
        '[A-Za-z]*Paths' CapabilityBoundingSet 'SystemCall[A-Za-z]*' \
        'Restrict(Namespaces|SUIDSGID|AddressFamilies|Realtime)' \
        MemoryDenyWriteExecute LockPersonality User; do
        atf_check -o not-match:"^$name=" unit
    done
}

atf_test_case users_and_the_log_s_folder_are_made
users_and_the_log_s_folder_are_made_head() {
    atf_set require.user root
}
users_and_the_log_s_folder_are_made_body() {
    install_root
    atf_check -o ignore -e ignore systemd-sysusers --root="$root"
    for user in poll key log; do
        atf_check -o match:"^qvm-remote-$user:x:[0-9]+:[0-9]+:.*:/nonexistent:/usr/sbin/nologin$" \
            grep "^qvm-remote-$user:" "$root/etc/passwd"
    done
    atf_check -o ignore -e ignore systemd-tmpfiles --create --root="$root"
    atf_check -o inline:"700 $(awk -F: '$1 == "qvm-remote-key" { print $3, $4 }' \
        "$root/etc/passwd")\n" \
        stat -c '%a %u %g' "$root/var/log/qvm-remote"
}

atf_init_test_cases() {
    atf_add_test_case the_unit_is_clean
    atf_add_test_case the_unit_names_where_the_programs_are
    atf_add_test_case the_unit_confines_no_command
    atf_add_test_case users_and_the_log_s_folder_are_made
}
