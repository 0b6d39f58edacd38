#!/usr/bin/env atf-sh
# The sandbox of each role, as the kernel shows it while a command runs.
. "$(atf_get_srcdir)/lib.sh"

status() {
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$(role_pid "$1")/status"
}

up_and_running() {
    bed_up 1
    in_vm vm1 qvm-remote -q "$(witness); : >$BED/started
        until [ -e $BED/go ]; do sleep 0.05; done" &
    client=$!
    wait_for "[ -e $BED/started ]"
}

end_it() {
    : >"$BED/go"
    wait "$client" || atf_fail "the client failed"
}

for role in 'poller \[vm1\]' verifier; do
    case $role in
    verifier) name=verifier user=qvm-remote-key;;
    *) name=poller user=qvm-remote-poll;;
    esac
    bed_test "the_${name}_has_no_privilege"
    eval "the_${name}_has_no_privilege_body() {
        up_and_running
        for set in CapInh CapPrm CapEff CapBnd CapAmb; do
            atf_check -o inline:'0000000000000000\n' status '$role' \$set
        done
        atf_check -o inline:'2\n' status '$role' Seccomp
        atf_check -o inline:'1\n' status '$role' NoNewPrivs
        atf_check -o match:'^ *\$' status '$role' Groups
        uid=\$(id -u $user)
        atf_check -o inline:\"\$uid\t\$uid\t\$uid\t\$uid\n\" status '$role' Uid
        gid=\$(id -g $user)
        atf_check -o inline:\"\$gid\t\$gid\t\$gid\t\$gid\n\" status '$role' Gid
        end_it
    }"
done

bed_test the_poller_sees_an_empty_folder
the_poller_sees_an_empty_folder_body() {
    up_and_running
    pid=$(role_pid 'poller \[vm1\]')
    atf_check -o inline:"$BED/run/qvm-remote/empty\n" readlink "/proc/$pid/root"
    atf_check -o inline:'' ls -A "/proc/$pid/root/"
    end_it
}

bed_test the_verifier_sees_the_log_folder_alone
the_verifier_sees_the_log_folder_alone_body() {
    up_and_running
    atf_check -o inline:"$BED/var/log/qvm-remote\n" \
        readlink "/proc/$(role_pid verifier)/root"
    end_it
}

bed_test parent_and_executor_have_a_filter_and_may_still_use_sudo
parent_and_executor_have_a_filter_and_may_still_use_sudo_body() {
    up_and_running
    for role in parent executor; do
        atf_check -o inline:'2\n' status $role Seccomp
        atf_check -o inline:'0\n' status $role NoNewPrivs
    done
    end_it
    atf_check -o inline:'2\n0\n' in_vm vm1 qvm-remote \
        "sed -n 's/^Seccomp:\t//p; s/^NoNewPrivs:\t//p' /proc/self/status |
            sort -r"
}

# What the roles' own filters, and theirs alone, say to each call.

# A root folder for poller and verifier that are started again and again.
forbid() {
    root=$BED/forbid
    install -d -m 0755 "$root/usr/bin" "$root/var/log"
    install -d -m 0555 "$root/run/qvm-remote/empty"
    install -d -m 0700 -o qvm-remote-key -g qvm-remote-key \
        "$root/var/log/qvm-remote"
    printf '#!/bin/sh\nwhile read -r _; do :; done\n' >"$root/usr/bin/qvm-run"
    chmod 0755 "$root/usr/bin/qvm-run"
    "$BUILD/regress/forbid" "$root" "$BED/usr/libexec/qvm-remote" "$1"
}

for role in poller verifier; do
    bed_test "the_${role}_is_killed_by_every_call_that_its_table_does_not_list"
    eval "the_${role}_is_killed_by_every_call_that_its_table_does_not_list_body() {
        bed_up 1
        atf_check -o match:'^[0-9]{4} tried, 0 wrong\$' forbid $role
    }"
done

bed_test parent_and_executor_are_refused_what_the_deny_list_says
parent_and_executor_are_refused_what_the_deny_list_says_body() {
    unset BED_CLOCK # the daemon is traced here
    up_and_running
    for role in parent executor; do
        atf_check -o match:'^[1-9][0-9]* tried, 0 wrong$' \
            "$BUILD/regress/forbid" "$(role_pid $role)" deny
    done
    end_it
}

# x32's getpid; i386's writev, which is getpid here.
bed_test parent_and_executor_are_killed_by_a_foreign_abi
parent_and_executor_are_killed_by_a_foreign_abi_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    for role in executor parent; do
        for call in 0x40000027 i386; do
            atf_check -o inline:'killed by signal 31\n' \
                "$BUILD/regress/forbid" "$(role_pid $role)" $call
            bed_expect_crash
            rm "$BED/daemon.log"
            atf_check "$regress/bed" start
        done
    done
}

bed_test a_role_that_its_filter_kills_fails_the_test
a_role_that_its_filter_kills_fails_the_test_body() {
    unset BED_CLOCK # the daemon is traced here
    bed_up 1
    openat=257
    for how in '' --no-check; do
        [ -e "$BED" ] || bed_up 1
        wait_for 'role_pid "poller \[vm1\]" >/dev/null'
        atf_check -o inline:'killed by signal 31\n' "$BUILD/regress/forbid" \
            "$(role_pid 'poller \[vm1\]')" $openat
        # shellcheck disable=SC2086 # none, or one
        atf_check -s exit:1 \
            -e match:'^qvm-remote: parent: poller .vm1.: killed by signal 31' \
            "$regress/bed" down $how
    done
}

bed_test a_command_can_do_what_root_can
a_command_can_do_what_root_can_body() {
    bed_up 1
    cat >"$BED/all" <<'END'
set -e
mkdir mnt
mount -t tmpfs none mnt
[ "$(stat -f -c %T mnt)" = tmpfs ]
umount mnt
unshare -n -m -p -f true
install -m 4755 "$(command -v id)" "$1"
setpriv --reuid=65534 --regid=65534 --clear-groups "$1" -u
setpriv --reuid=65534 --regid=65534 --clear-groups unshare -r id -u
END
    atf_check -o inline:'0\n0\n' in_vm vm1 qvm-remote \
        "bash $BED/all $BED/setuid-id"
}

# Those that outlive an exec: what it has opened itself is close-on-exec.
descriptors_given() {
    for info in "/proc/$1/fdinfo/"*; do
        grep -q '^flags:[[:space:]]*02[0-7]\{6\}$' "$info" || basename "$info"
    done
}

bed_test qvm_run_has_no_capability_and_three_descriptors
qvm_run_has_no_capability_and_three_descriptors_body() {
    up_and_running
    pid=$(pgrep -P "$(role_pid 'poller \[vm1\]')")
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
        atf_check -o inline:'0000000000000000\n' \
            sed -n "s/^$set:[[:space:]]*//p" "/proc/$pid/status"
    done
    atf_check -o inline:'1\n' sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status"
    # Whom the configuration does not name: the group's first.
    uid=$(id -u "$(getent group qubes | cut -d: -f4 | cut -d, -f1)")
    atf_check -o inline:"$uid\t$uid\t$uid\t$uid\n" \
        sed -n 's/^Uid:\t//p' "/proc/$pid/status"
    atf_check -o inline:'0\n1\n2\n' descriptors_given "$pid"
    atf_check -o inline:"$(getent group qubes | cut -d: -f3)\n" \
        sed -n 's/^Groups:[[:space:]]*\([0-9]*\) *$/\1/p' "/proc/$pid/status"
    end_it
}

bed_test ps_reads_well
ps_reads_well_body() {
    up_and_running
    parent=$(role_pid parent)
    ps -o args= --ppid "$parent" | sort >seen
    atf_check -o inline:'qvm-remote: executor\nqvm-remote: poller [vm1]\nqvm-remote: verifier\n' \
        cat seen
    end_it
}

atf_init_test_cases() {
    bed_add_tests
}
