#!/usr/bin/env atf-sh
# The table of processes: what each of them holds, as the kernel shows it.
. "$(atf_get_srcdir)/lib.sh"

served() {
    bed_up 1
    atf_check -o inline:'served\n' in_vm vm1 qvm-remote 'echo served'
}

# How many of a role's descriptors are of that kind.
descriptors() {
    find "/proc/$(role_pid "$1")/fd" -type l -printf '%l\n' | grep -c "^$2"
}

# Three pipes to qvm-run and two channels are all that a poller has, and two
# channels all that leads out of an executor that runs nothing; the key's files are closed.
bed_test each_process_has_the_descriptors_of_its_cell
each_process_has_the_descriptors_of_its_cell_body() {
    served
    for role in 'poller \[vm1\]' verifier executor; do
        for fd in 0 1 2; do
            atf_check -o inline:'/dev/null\n' \
                readlink "/proc/$(role_pid "$role")/fd/$fd"
        done
    done
    atf_check -o inline:'2\n' descriptors 'poller \[vm1\]' socket:
    atf_check -o inline:'3\n' descriptors 'poller \[vm1\]' pipe:
    atf_check -s exit:1 -o inline:'0\n' descriptors 'poller \[vm1\]' "$BED"
    atf_check -o inline:'2\n' descriptors executor socket:
    atf_check -s exit:1 -o inline:'0\n' descriptors executor pipe:
    for role in parent 'poller \[vm1\]' verifier executor; do
        atf_check -s exit:1 -o inline:'0\n' \
            descriptors "$role" "$BED/etc/qubes/remote.d/"
    done
}

# The folder of a process's cgroup, without its number.
cgroup_of() {
    sed -n 's,^0::.*/\([a-z]*\)[.0-9]*$,\1,p' "/proc/$1/cgroup"
}

bed_test a_poller_and_its_qvm_run_share_a_cgroup
a_poller_and_its_qvm_run_share_a_cgroup_body() {
    served
    poller=$(role_pid 'poller \[vm1\]')
    for pid in "$poller" "$(pgrep -P "$poller")"; do
        atf_check -o inline:'poller\n' cgroup_of "$pid"
    done
    for role in parent verifier executor; do
        atf_check -o inline:'daemon\n' cgroup_of "$(role_pid $role)"
    done
}

# How many of the verifier's mappings are locked (lo) and have that flag.
locked() {
    awk -v flag=" $1" '/^VmFlags:.* lo/ && index($0 " ", flag " ") { n++ }
        END { print n + 0 }' "/proc/$(role_pid verifier)/smaps"
}

# The keys are in locked memory that no dump has; so is the log's seal, among
# other data.
bed_test the_verifier_s_secrets_are_locked_and_not_dumped
the_verifier_s_secrets_are_locked_and_not_dumped_body() {
    served
    atf_check -o inline:'1\n' locked dd
    atf_check -o inline:'2\n' locked lo
    atf_check -o inline:'0\n' stat -c %u "/proc/$(role_pid verifier)/mem"
}

bed_test the_verifier_has_what_is_derived_from_a_key_alone
the_verifier_has_what_is_derived_from_a_key_alone_body() {
    served
    pid=$(role_pid verifier)
    "$regress/find-key" forms "$BED/etc/qubes/remote.d/vm1.key" >forms ||
        atf_fail "find-key forms"
    grep '^key' forms >itself
    atf_check -s exit:1 -o match:': request' "$regress/find-key" search forms \
        "$pid"
    atf_check -o inline:'clean\n' "$regress/find-key" search itself "$pid"
}

# Its uid would be worth something otherwise: of what is installed, made and left
# behind, nothing is its user's or its group's.
bed_test what_reads_a_vm_s_bytes_owns_nothing
what_reads_a_vm_s_bytes_owns_nothing_body() {
    served
    atf_check -o inline:'in' in_vm vm1 sh -c 'printf in | qvm-remote -i cat'
    atf_check -s exit:124 -e ignore in_vm vm1 qvm-remote -t 1 'sleep 9'
    in_vm vm1 qvm-remote ": >$BED/started; head -c 1000000 /dev/zero; sleep 9" \
        >out &
    wait_for "[ -e $BED/started ]"
    owned="find $BED $(bed_cgroup) ( -user qvm-remote-poll -o -group qvm-remote-poll )"
    # What goes meanwhile cannot be looked at.
    # shellcheck disable=SC2086
    atf_check -s ignore -e ignore $owned
    atf_check "$regress/bed" stop
    # shellcheck disable=SC2086
    atf_check $owned
}

atf_init_test_cases() {
    bed_add_tests
}
