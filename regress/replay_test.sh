#!/usr/bin/env atf-sh
# One token, one answer: however often and whenever it is presented.
. "$(atf_get_srcdir)/lib.sh"

bed_test a_replay_during_the_run_is_the_same_request
a_replay_during_the_run_is_the_same_request_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved \
        --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done")
    wait_for '[ "$(count_witness)" = 1 ]'
    again vm1
    : >"$BED/go"
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_replay_after_the_end_is_refused_unsigned
a_replay_after_the_end_is_refused_unsigned_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_replay_after_its_expiry_is_refused_unsigned
a_replay_after_its_expiry_is_refused_unsigned_body() {
    bed_up 1
    now=$(date +%s)
    id=$(forge vm1 --save /home/user/saved --expires $((now + 2)) \
        --body "$(witness)")
    wait_result vm1 "$id"
    forget vm1
    wait_for "[ \$(date +%s) -gt $((now + 3)) ]"
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status (replayed|expired)$' -o not-match:'^mac ' \
        meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test all_files_restored_from_a_copy_run_once
all_files_restored_from_a_copy_run_once_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --only-save --body "$(witness)")
    in_vm vm1 cp -a .qvm-remote copy
    again vm1
    wait_result vm1 "$id"
    meta_of vm1 "$id" >first
    in_vm vm1 sh -c 'rm -rf .qvm-remote/queue/*/* .qvm-remote/history &&
        cp -a copy/. .qvm-remote/'
    again vm1
    wait_result vm1 "$id"
    meta_of vm1 "$id" >second
    atf_check -o match:'^mac ' cat first
    if grep -q '^mac ' second; then
        atf_check cmp first second
    fi
    atf_check -o inline:'1\n' count_witness
}

bed_test the_same_id_with_another_token_is_rejected
the_same_id_with_another_token_is_rejected_body() {
    bed_up 1
    id=$(forge vm1 --body "$(witness)")
    wait_result vm1 "$id"
    forget vm1
    forge vm1 --id "$id" --body "$(witness)" --note other --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status rejected$' -o not-match:'^mac ' cat meta
    atf_check -o inline:'1\n' count_witness
}

bed_test an_answer_that_was_not_kept_is_given_again_the_same
an_answer_that_was_not_kept_is_given_again_the_same_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved \
        --body "$(witness); until [ -e $BED/go ]; do sleep 0.05; done")
    wait_for '[ "$(count_witness)" = 1 ]'
    bed halt vm1
    : >"$BED/go"
    bed boot vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

bed_test a_token_from_before_its_key_was_known_is_refused
a_token_from_before_its_key_was_known_is_refused_body() {
    bed_up 1
    now=$(date +%s)
    forge vm1 --issued $((now - 60)) --expires $((now + 60)) \
        --body "$(witness)" --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status rejected$' -o not-match:'^mac ' cat meta
    no_witness
}

# By dom0's time: a VM's clock may be ahead of it.
bed_test a_clock_that_is_ahead_makes_no_token_newer_than_its_key
a_clock_that_is_ahead_makes_no_token_newer_than_its_key_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    vm_clock 200
    move_agent
    atf_check "$regress/bed" start
    ahead=$(($(date +%s) + 200))
    forge vm1 --issued $((ahead - 60)) --expires $((ahead + 60)) \
        --body "$(witness)" --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^reason issued before dom0 knew its key$' \
        -o not-match:'^mac ' cat meta
    no_witness
}

bed_test an_expired_token_is_answered_expired
an_expired_token_is_answered_expired_body() {
    bed_up 1
    now=$(date +%s)
    wait_for "[ \$(date +%s) -gt $((now + 2)) ]"
    forge vm1 --issued $((now + 1)) --expires $((now + 1)) \
        --body "$(witness)" --wait 20 >meta || atf_fail "no answer"
    atf_check -o match:'^status expired$' -o not-match:'^mac ' cat meta
    no_witness
}

bed_test a_replay_after_a_restart_is_refused
a_replay_after_a_restart_is_refused_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    atf_check "$regress/bed" stop
    forget vm1
    atf_check "$regress/bed" start
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' -o not-match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

# Where the log is gone, dom0 knows the key since now.  An agent without a key
# can say that the VM's clock is behind, so that an old token seems newer.
bed_test a_clock_that_lies_makes_no_old_token_new
a_clock_that_lies_makes_no_old_token_new_body() {
    bed_up 1
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    atf_check "$regress/bed" stop
    rm -r "$BED/var/log/qvm-remote"
    bed_altered
    now=$(date +%s)
    wait_for "[ \$(date +%s) -gt $now ]"
    forget vm1
    in_vm vm1 cp "$BED/usr/bin/qvm-remote" honest
    in_vm vm1 sh -c 'cat >liar && chmod +x liar' <<'END'
#!/usr/bin/env python3
import os, re, subprocess, sys
honest = "/home/user/honest"
if sys.argv[1:] != ["agent"]:
    os.execv(honest, [honest] + sys.argv[1:])
agent = subprocess.Popen([honest, "agent"], stdout=subprocess.PIPE)
while True:
    data = os.read(agent.stdout.fileno(), 65536)
    if not data:
        break
    data = re.sub(rb"^(request \S+ )(\d+)",
                  lambda m: m[1] + b"%d" % (int(m[2]) - 290), data)
    os.write(1, data)
END
    BED_USER=root in_vm vm1 mount --bind /home/user/liar \
        "$BED/usr/bin/qvm-remote" || atf_fail "mount"
    again vm1
    atf_check "$regress/bed" start
    wait_result vm1 "$id"
    atf_check -o match:'^status rejected$' -o not-match:'^mac ' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
}

atf_init_test_cases() {
    bed_add_tests
}
