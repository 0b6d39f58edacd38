#!/usr/bin/env atf-sh
# Who is served: what is missing, empty or unreadable narrows, never widens.
. "$(atf_get_srcdir)/lib.sh"

conf() {
    echo "$BED/etc/qubes/remote.d/$1"
}

# vm1 is not served, vm2 is, and the daemon says why.
only_vm2() {
    reload
    wait_for "grep 'VM vm1 is not served' $BED/daemon.log | grep -q '$1'"
    atf_check -o inline:'served\n' in_vm vm2 qvm-remote 'echo served'
    forge vm1 --body "$(witness)" >id || atf_fail "forge"
    atf_check -o inline:'still\n' in_vm vm2 qvm-remote 'echo still'
    # What crosses the reload may be refused, unsigned; nothing is run or signed.
    atf_check -s exit:1 -o empty in_vm vm1 sh -c \
        'cat .qvm-remote/queue/results/*.meta 2>/dev/null | grep "^mac "'
    no_witness
}

bed_test a_vm_without_a_key_is_not_served
a_vm_without_a_key_is_not_served_body() {
    bed_up 2
    rm "$(conf vm1.key)"
    only_vm2 'vm1.*key'
}

# Who is served is said by the list then, and not by the keys that there are.
bed_test a_vm_that_is_listed_and_has_no_key_is_not_served
a_vm_that_is_listed_and_has_no_key_is_not_served_body() {
    bed_up 2
    echo 'QVM_REMOTE_VMS="vm1 vm2"' >>"$BED/etc/qubes/remote.conf"
    rm "$(conf vm1.key)"
    only_vm2 'it has no key'
}

bed_test a_vm_with_an_unreadable_key_is_not_served
a_vm_with_an_unreadable_key_is_not_served_body() {
    bed_up 2
    mv "$(conf vm1.key)" "$BED/elsewhere"
    ln -s "$BED/elsewhere" "$(conf vm1.key)"
    only_vm2 'vm1.*key'
}

bed_test a_vm_whose_key_is_no_file_is_not_served
a_vm_whose_key_is_no_file_is_not_served_body() {
    bed_up 2
    rm "$(conf vm1.key)"
    mkdir "$(conf vm1.key)"
    only_vm2 'vm1.*key'
    rmdir "$(conf vm1.key)"
    mkfifo -m 0600 "$(conf vm1.key)"
    only_vm2 'vm1.*key'
}

bed_test a_vm_with_a_short_key_is_not_served
a_vm_with_a_short_key_is_not_served_body() {
    bed_up 2
    truncate -s 63 "$(conf vm1.key)"
    only_vm2 'vm1.*64 hex digits'
}

bed_test a_vm_with_a_weak_key_is_not_served
a_vm_with_a_weak_key_is_not_served_body() {
    bed_up 2
    printf '%064d\n' 0 >"$(conf vm1.key)"
    only_vm2 'vm1.*its key is weak'
}

bed_test a_folder_of_keys_that_others_may_write_serves_none
a_folder_of_keys_that_others_may_write_serves_none_body() {
    bed_up 1
    chmod 0770 "$(conf .)"
    reload
    wait_for "grep -q 'must be a folder that only root may write' $BED/daemon.log"
    wait_for '! role_pid "poller \[vm1\]" >/dev/null'
    chmod 0700 "$(conf .)"
    reload
    atf_check -o inline:'1\n' -e ignore in_vm vm1 qvm-remote 'echo 1'
}

bed_test a_vm_with_a_group_readable_key_is_not_served
a_vm_with_a_group_readable_key_is_not_served_body() {
    bed_up 2
    chmod 0640 "$(conf vm1.key)"
    only_vm2 'vm1.*key'
}

bed_test two_vms_with_one_key_are_both_not_served
two_vms_with_one_key_are_both_not_served_body() {
    bed_up 3
    tr 'a-f' 'A-F' <"$(conf vm3.key)" >"$(conf vm1.key)"
    only_vm2 'vm1.*same key'
    atf_check -o match:'vm3.*same key' cat "$BED/daemon.log"
}

bed_test a_vm_without_a_policy_is_not_served
a_vm_without_a_policy_is_not_served_body() {
    bed_up 2
    rm "$(conf vm1.conf)"
    only_vm2 'vm1.*policy'
}

bed_test a_vm_with_a_policy_that_does_not_parse_is_not_served
a_vm_with_a_policy_that_does_not_parse_is_not_served_body() {
    bed_up 2
    echo 'mood = shell' >>"$(conf vm1.conf)"
    only_vm2 'vm1.conf:[0-9]'
}

bed_test a_vm_with_an_empty_policy_is_not_served
a_vm_with_an_empty_policy_is_not_served_body() {
    bed_up 2
    : >"$(conf vm1.conf)"
    only_vm2 'vm1.conf:1: no mode'
}

bed_test whoever_reaches_the_vms_must_be_in_group_qubes
whoever_reaches_the_vms_must_be_in_group_qubes_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    echo 'QVM_REMOTE_DOM0_USER=nobody' >>"$BED/etc/qubes/remote.conf"
    atf_check -s exit:1 -e match:'nobody is not in group qubes' \
        timeout 20 "$regress/bed" dom0 qvm-remote-dom0
}

# What serves goes on serving.
bed_test a_transport_that_is_not_there_is_an_error
a_transport_that_is_not_there_is_an_error_body() {
    BED_TRANSPORT='' bed_up 1
    atf_check in_vm vm1 qvm-remote true
    rm "$BED/usr/bin/qrexec-client"
    echo 'QVM_REMOTE_TRANSPORT=qrexec-client' >>"$BED/etc/qubes/remote.conf"
    reload
    atf_check -o match:"old settings stay: $BED/usr/bin/qrexec-client: No such" \
        cat "$BED/daemon.log"
    atf_check -o inline:'on\n' in_vm vm1 qvm-remote 'echo on'
    atf_check "$regress/bed" stop
    atf_check -s exit:1 -e match:'usr/bin/qrexec-client: No such file' \
        -e match:'install it, or name another QVM_REMOTE_TRANSPORT' \
        in_dom0 qvm-remote-dom0
    rm "$BED/usr/bin/qvm-run"
    sed -i '/TRANSPORT/d' "$BED/etc/qubes/remote.conf"
    atf_check -s exit:1 -e match:'usr/bin/qvm-run: No such file' \
        in_dom0 qvm-remote-dom0
}

bed_test a_vm_with_another_uuid_is_not_served
a_vm_with_another_uuid_is_not_served_body() {
    bed_up 2
    sed -i 's/^uuid.*/uuid = 01234567-89ab-cdef-0123-456789abcdef/' \
        "$(conf vm1.conf)"
    atf_check "$regress/bed" halt vm1
    reload
    atf_check "$regress/bed" boot vm1
    only_vm2 'vm1.*UUID'
}

bed_test an_empty_list_of_vms_serves_none
an_empty_list_of_vms_serves_none_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    echo 'QVM_REMOTE_VMS=' >>"$BED/etc/qubes/remote.conf"
    atf_check "$regress/bed" start
    id=$(forge vm1 --body "$(witness)")
    # A poller would be there at once; its VM's links are looked at for 1 s.
    sleep 2
    atf_check -s exit:1 pgrep -f "qvm-remote: poller" -P \
        "$(role_pid parent)"
    atf_check -s exit:1 in_vm vm1 test -e \
        ".qvm-remote/queue/results/$id.exit"
    no_witness
}

only_vm2_is_known() {
    atf_check -o match:'^VM vm2' -o not-match:'^VM vm1' \
        in_dom0 qvm-remote-dom0 status
}

# A key and a policy are not enough where there is a list.
bed_test a_vm_that_is_not_listed_is_not_served
a_vm_that_is_not_listed_is_not_served_body() {
    bed_up 2
    atf_check "$regress/bed" stop
    echo 'QVM_REMOTE_VMS=vm2' >>"$BED/etc/qubes/remote.conf"
    atf_check "$regress/bed" start
    forge vm1 --body "$(witness)" >id || atf_fail "forge"
    atf_check -o inline:'served\n' in_vm vm2 qvm-remote 'echo served'
    only_vm2_is_known
    no_witness
}

bed_test a_vm_with_a_policy_that_others_may_write_is_not_served
a_vm_with_a_policy_that_others_may_write_is_not_served_body() {
    bed_up 2
    chmod 0620 "$(conf vm1.conf)"
    only_vm2 'vm1.conf: others than root may write it'
}

# not_believed REASON: by whom runs, nor by whom starts.
not_believed() {
    reload
    atf_check -o match:"old settings stay: $1" cat "$BED/daemon.log"
    only_vm2_is_known
    atf_check -s exit:1 -e match:"$1" \
        in_dom0 timeout 20 qvm-remote-dom0
}

# The list that it would have is longer than the one before.
bed_test a_remote_conf_that_is_not_believed_serves_nobody_more
a_remote_conf_that_is_not_believed_serves_nobody_more_body() {
    bed_up 2
    file=$BED/etc/qubes/remote.conf
    echo 'QVM_REMOTE_VMS=vm2' >>"$file"
    reload
    wait_for '! role_pid "poller \[vm1\]" >/dev/null'
    forge vm1 --body "$(witness)" >id || atf_fail "forge"
    sed -i 's/^QVM_REMOTE_VMS=.*/QVM_REMOTE_VMS="vm1 vm2"/' "$file"
    cp "$file" good
    # shellcheck disable=SC2016 # no shell is to expand it
    echo 'QVM_REMOTE_DOM0_USER=$(id)' >>"$file"
    not_believed "$file:$(wc -l <"$file"): "
    cp good "$file"
    chmod 0620 "$file"
    not_believed "$file: others than root may write it"
    atf_check -o inline:'still\n' in_vm vm2 qvm-remote 'echo still'
    no_witness
}

bed_test revoke_and_authorize_take_effect_in_a_running_daemon
revoke_and_authorize_take_effect_in_a_running_daemon_body() {
    bed_up 1
    atf_check -o inline:'1\n' in_vm vm1 qvm-remote 'echo 1'
    key=$(in_vm vm1 sh -c 'cat ~/.qvm-remote/auth.key')
    in_vm vm1 qvm-remote -q "$(witness); : >$BED/started; sleep 1000" &
    client=$!
    wait_for "[ -e $BED/started ]"
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    wait "$client"
    [ $? -eq 255 ] || atf_fail "a revoked key's answer is not 255"
    echo "$key" >key
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 authorize vm1 <key
    atf_check -o inline:'2\n' -e ignore in_vm vm1 qvm-remote 'echo 2'
}

bed_test a_reload_does_not_touch_what_runs
a_reload_does_not_touch_what_runs_body() {
    bed_up 1
    in_vm vm1 qvm-remote "$(witness); : >$BED/started
        until [ -e $BED/go ]; do sleep 0.05; done; echo whole" >out &
    client=$!
    wait_for "[ -e $BED/started ]"
    reload
    : >"$BED/go"
    wait "$client" || atf_fail "the client failed"
    atf_check -o inline:'whole\n' cat out
}

bed_test a_second_daemon_names_the_first
a_second_daemon_names_the_first_body() {
    bed_up 1
    atf_check -s exit:1 -e match:"$(role_pid parent)" \
        timeout 20 "$regress/bed" dom0 qvm-remote-dom0
}

bed_test a_halted_vm_costs_nothing_and_a_booted_one_is_served
a_halted_vm_costs_nothing_and_a_booted_one_is_served_body() {
    bed_up 1
    atf_check -o inline:'1\n' in_vm vm1 qvm-remote 'echo 1'
    atf_check "$regress/bed" halt vm1
    wait_for '! role_pid "poller \[vm1\]" >/dev/null'
    atf_check "$regress/bed" boot vm1
    atf_check -o inline:'2\n' -e ignore in_vm vm1 qvm-remote 'echo 2'
    # Halted from the start, it is not even asked for.
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" halt vm1
    atf_check "$regress/bed" start
    atf_check "$regress/bed" boot vm1
    atf_check -o inline:'3\n' -e ignore in_vm vm1 qvm-remote 'echo 3'
    tr -d '\000' <"$(printf '%s\n' "$BED"/var/log/qvm-remote/*.log | tail -n 1)" >log
    atf_check -s exit:1 grep '"event":"session-end"' log
}

# Until the folder of their sockets is there, the one above is watched: before
# the start it has gone, or after.
bed_test vms_are_found_in_a_folder_that_comes_later
vms_are_found_in_a_folder_that_comes_later_body() {
    bed_up 1
    for when in before after; do
        atf_check "$regress/bed" stop
        atf_check "$regress/bed" halt vm1
        [ $when = before ] || atf_check "$regress/bed" start
        mv "$BED/run/qubes" "$BED/run/gone-$when"
        [ $when = after ] || atf_check "$regress/bed" start
        install -d -m 0775 -g qubes "$BED/run/qubes"
        atf_check "$regress/bed" boot vm1
        atf_check -o inline:"$when\n" -e ignore \
            in_vm vm1 timeout 30 qvm-remote "echo $when"
    done
}

# The newest record of EVENT and vm1, as jq prints MEMBERS of it.
newest() {
    cat_log | jq -r "select(.event == \"$1\" and .vm == \"vm1\") | $2" | tail -n 1
}

digest() {
    sha256sum <"$1" | cut -d ' ' -f 1
}

bed_test with_which_key_and_policy_a_vm_is_served_is_on_record
with_which_key_and_policy_a_vm_is_served_is_on_record_body() {
    bed_up 1
    bed_seed
    key=$(in_vm vm1 qvm-remote key show --fingerprint)
    was=$(digest "$(conf vm1.conf)")
    atf_check -o inline:"$key $was null\n" newest served \
        '"\(.fingerprint) \(.policy_sha256) \(.policy_before)"'
    # What stays as it is has no record of its own.
    reload
    atf_check -o inline:'1\n' count_log '"event":"served"'
    echo '# another' >>"$(conf vm1.conf)"
    reload
    atf_check -o inline:"$(digest "$(conf vm1.conf)") $was\n" newest served \
        '"\(.policy_sha256) \(.policy_before)"'
    # Changed while no daemon runs: the log says what held before, in a record
    # of the last run and then in a snapshot alone.
    for before in record snapshot; do
        was=$(digest "$(conf vm1.conf)")
        [ $before = record ] ||
            atf_check -o ignore in_dom0 qvm-remote-dom0 clock accept
        atf_check "$regress/bed" stop
        echo "# $before" >>"$(conf vm1.conf)"
        atf_check "$regress/bed" start
        atf_check -o inline:"$(digest "$(conf vm1.conf)") $was\n" \
            newest served '"\(.policy_sha256) \(.policy_before)"'
    done
    in_vm vm1 qvm-remote key rotate >next 2>/dev/null || atf_fail 'key rotate'
    in_dom0 qvm-remote-dom0 rotate vm1 <next >/dev/null 2>&1 ||
        atf_fail 'rotate'
    wait_for '[ "$(newest served .next_fingerprint)" != null ]'
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    # Its reload may be first, or the message that it was revoked.
    wait_for '[ "$(count_log \"event\":\"unserved\")" = 1 ]'
    atf_check -o match:'key' newest unserved .reason
    bed_verify
}

# It answers a reload of long ago, about a VM that is long gone.
bed_test a_verifier_that_is_late_may_speak_of_who_is_forgotten
a_verifier_that_is_late_may_speak_of_who_is_forgotten_body() {
    bed_up 2
    verifier=$(role_pid verifier)
    atf_check "$regress/bed" halt vm1
    wait_for '! role_pid "poller \\[vm1\\]" >/dev/null'
    kill -STOP "$verifier"
    reload
    rm "$(conf vm1.key)" "$(conf vm1.conf)"
    for _ in 1 2 3 4; do
        reload
    done
    kill -CONT "$verifier"
    atf_check -o inline:'served\n' in_vm vm2 qvm-remote 'echo served'
    atf_check -o inline:"$verifier\n" role_pid verifier
}

atf_init_test_cases() {
    bed_add_tests
}
