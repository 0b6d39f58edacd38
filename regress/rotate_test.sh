#!/usr/bin/env atf-sh
# Two keys of one VM, while one takes over from the other.
. "$(atf_get_srcdir)/lib.sh"

KEYS=etc/qubes/remote.d

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

home_of() {
    echo "$BED/vms/$1/home/.qvm-remote"
}

fingerprint() {
    python3 -c 'import hashlib, sys
print(hashlib.sha256(b"qvm-remote key fingerprint 2\n"
                     + bytes.fromhex(open(sys.argv[1]).read())).hexdigest()[:16])' "$1"
}

# has_keys VM CURRENT [NEXT]: what the daemon holds now, by fingerprint.
has_keys() {
    wait_for "dom0 status --json | grep -q \
        '\"vm\":\"$1\".*\"key\":\"$2\",\"next_key\":\"${3:-}\"'"
}

# begin VM: both keys hold; they are in old.key and new.key, and $old and $new.
begin() {
    cp "$(home_of "$1")/auth.key" old.key
    in_vm "$1" qvm-remote key rotate >new.key 2>said || atf_fail "key rotate"
    dom0 rotate "$1" <new.key >said 2>&1 || atf_fail "rotate"
    old=$(fingerprint old.key)
    new=$(fingerprint new.key)
    has_keys "$1" "$old" "$new"
}

# run_with KEYFILE [ARG...]: one request of vm1, its receipt in meta.
run_with() {
    _key=$(cat "$1")
    shift
    forge vm1 --key "$_key" --body "$(witness)" --wait 20 "$@" >meta ||
        atf_fail "no answer"
}

# ran_with KEYFILE: its receipt is signed, and by this key.
ran_with() {
    run_with "$1"
    atf_check -o match:'^status exited$' cat meta
    signed_by "$1"
}

signed_by() {
    atf_check -o inline:'signed\n' python3 -c 'import hashlib, hmac, sys
key = bytes.fromhex(open(sys.argv[1]).read())
data = open("meta", "rb").read()
covered, mac = data.rsplit(b"mac ", 1)
key = hmac.new(key, b"qvm-remote receipt key 2", hashlib.sha256).digest()
ours = hmac.new(key, b"qvm-remote receipt 2\n" + covered, hashlib.sha256)
print("signed" if ours.hexdigest().encode() == mac.strip() else "not")' "$1"
}

refused_with() {
    run_with "$1"
    atf_check -o match:'^status rejected$' -o match:'^log -$' \
        -o match:'token not accepted' cat meta
}

held() {
    printf '%s; echo begun; until [ -e %s/go ]; do sleep 0.05; done; echo done' \
        "$(witness)" "$BED"
}

restart() {
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
}

crash() {
    kill -9 "$(role_pid "$1")"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
}

bed_test a_key_is_rotated_without_a_gap
a_key_is_rotated_without_a_gap_body() {
    bed_up 1
    begin vm1
    atf_check -o match:"^vm1 .*$old .*policy ok" \
        -o match:"^vm1 .*$new .*next key; policy ok" dom0 keys
    atf_check -o match:"key $old, next key $new" dom0 status
    atf_check -o inline:'still\n' in_vm vm1 qvm-remote 'echo still'
    atf_check -e match:"$new, is now the key" \
        in_vm vm1 qvm-remote key rotate --finish
    atf_check -o inline:'now\n' in_vm vm1 qvm-remote 'echo now'
    atf_check -o match:"key of vm1 is $new now" dom0 rotate vm1 --finish
    has_keys vm1 "$new"
    atf_check -o inline:'then\n' in_vm vm1 qvm-remote 'echo then'
    atf_check cmp "$BED/$KEYS/vm1.key" new.key
    atf_check test ! -e "$BED/$KEYS/vm1.key.next"
    atf_check -o ignore in_vm vm1 qvm-remote history verify
}

bed_test both_keys_hold_over_restarts_until_one_is_revoked
both_keys_hold_over_restarts_until_one_is_revoked_body() {
    bed_up 1
    begin vm1
    ran_with old.key
    ran_with new.key
    restart
    ran_with new.key
    crash verifier
    ran_with old.key
    crash parent
    ran_with new.key
    atf_check -o ignore dom0 rotate vm1 --finish
    has_keys vm1 "$new"
    refused_with old.key
    ran_with new.key
    restart
    refused_with old.key
    ran_with new.key
}

# saved KEYFILE NAME: a request that runs, and lies in a VM's folder.
saved() {
    in_vm vm1 rm -rf saved
    run_with "$1" --save /home/user/saved
    atf_check -o match:'^status exited$' cat meta
    in_vm vm1 mv saved "saved.$2"
}

replayed() {
    forget vm1
    in_vm vm1 sh -c "rm -rf saved && cp -r saved.$1 saved"
    again vm1
    _id=$(in_vm vm1 sh -c 'basename saved/*.auth .auth')
    wait_result vm1 "$_id"
    atf_check -o match:"^status $2\$" meta_of vm1 "$_id"
}

bed_test no_token_runs_twice_under_either_key
no_token_runs_twice_under_either_key_body() {
    bed_up 1
    begin vm1
    saved old.key old
    saved new.key new
    replayed old replayed
    replayed new replayed
    restart
    replayed old replayed
    replayed new replayed
    crash executor
    atf_check -o ignore dom0 rotate vm1 --finish
    has_keys vm1 "$new"
    replayed old rejected
    replayed new replayed
    # The old one comes back, as another next key: it is not forgotten.
    dom0 rotate vm1 <old.key >said 2>&1 || atf_fail "rotate"
    has_keys vm1 "$new" "$old"
    replayed old replayed
    atf_check -o inline:'2\n' count_witness
}

bed_test what_runs_ends_and_is_signed_by_the_key_that_asked
what_runs_ends_and_is_signed_by_the_key_that_asked_body() {
    bed_up 1
    begin vm1
    id=$(forge vm1 --key "$(cat old.key)" --order queue --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    waits=$(forge vm1 --key "$(cat old.key)" --order queue --body "$(witness)")
    wait_for 'dom0 status | grep -q "1 running, 1 waiting"'
    atf_check -o ignore dom0 rotate vm1 --finish
    has_keys vm1 "$new"
    wait_result vm1 "$waits"
    meta_of vm1 "$waits" >meta
    atf_check -o match:'^status rejected$' -o match:'key was revoked' cat meta
    signed_by old.key
    ran_with new.key
    refused_with old.key
    : >"$BED/go"
    wait_result vm1 "$id"
    meta_of vm1 "$id" >meta
    atf_check -o match:'^status exited$' cat meta
    signed_by old.key
    atf_check -o inline:'2\n' count_witness
}

bed_test an_answer_that_is_owed_is_signed_by_its_key_after_a_restart
an_answer_that_is_owed_is_signed_by_its_key_after_a_restart_body() {
    bed_up 1
    begin vm1
    one=$(forge vm1 --key "$(cat old.key)" --body "$(held)")
    two=$(forge vm1 --key "$(cat new.key)" --body "$(held)")
    wait_for '[ "$(count_witness)" = 2 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for '[ "$(count_log "\"event\":\"result\"")" = 2 ]'
    restart
    atf_check "$regress/bed" boot vm1
    wait_result vm1 "$one"
    meta_of vm1 "$one" >meta
    signed_by old.key
    wait_result vm1 "$two"
    meta_of vm1 "$two" >meta
    signed_by new.key
}

bed_test a_cancel_of_the_old_key_reaches_what_runs
a_cancel_of_the_old_key_reaches_what_runs_body() {
    bed_up 1
    begin vm1
    id=$(forge vm1 --key "$(cat old.key)" --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check -o ignore dom0 rotate vm1 --finish
    has_keys vm1 "$new"
    forge vm1 --key "$(cat old.key)" --kind cancel --id "$id" >said
    wait_result vm1 "$id"
    meta_of vm1 "$id" >meta
    atf_check -o match:'^status cancelled$' cat meta
    signed_by old.key
}

bed_test a_key_that_any_vm_has_is_refused
a_key_that_any_vm_has_is_refused_body() {
    bed_up 2
    begin vm1
    for key in old.key new.key; do
        atf_check -s exit:1 -o empty -e match:'is this key already' \
            sh -c "'$regress/bed' dom0 qvm-remote-dom0 rotate vm2 <$key"
        atf_check -s exit:1 -o empty -e match:'is this key already' \
            sh -c "'$regress/bed' dom0 qvm-remote-dom0 authorize vm2 <$key"
    done
    atf_check -s exit:1 -o empty -e match:'is this key already' \
        sh -c "'$regress/bed' dom0 qvm-remote-dom0 rotate vm1 <old.key"
    atf_check -s exit:1 -e match:'weak' \
        sh -c "printf %064d 0 | '$regress/bed' dom0 qvm-remote-dom0 rotate vm1"
    # By hand, all the same: whose it is cannot be told, and no other VM's
    # own key suffers.
    install -m 600 new.key "$BED/$KEYS/vm2.key.next"
    kill -HUP "$(role_pid parent)"
    has_keys vm1 "$old"
    atf_check -o match:'vm1.*the same' -o match:'vm2.*the same' dom0 keys
    atf_check -s exit:1 -e match:'its present key stays' \
        dom0 rotate vm2 --finish
    refused_with new.key
    ran_with old.key
    atf_check -o ignore in_vm vm2 qvm-remote true
    install -m 600 old.key "$BED/$KEYS/vm2.key.next"
    kill -HUP "$(role_pid parent)"
    wait_for 'dom0 status | grep -q "VM vm1: not served: VM vm2 has the same"'
    atf_check -o ignore in_vm vm2 qvm-remote true
}

bed_test a_next_key_that_does_not_hold_leaves_the_present_one
a_next_key_that_does_not_hold_leaves_the_present_one_body() {
    bed_up 1
    begin vm1
    chmod 644 "$BED/$KEYS/vm1.key.next"
    kill -HUP "$(role_pid parent)"
    has_keys vm1 "$old"
    atf_check -o match:'next key is not taken: .*others than root may read' \
        cat "$BED/daemon.log"
    echo short >"$BED/$KEYS/vm1.key.next"
    chmod 600 "$BED/$KEYS/vm1.key.next"
    kill -HUP "$(role_pid parent)"
    wait_for "grep -q 'next key is not taken: it is not 64 hex' '$BED/daemon.log'"
    ran_with old.key
    atf_check -s exit:1 -e match:'not 64 hex digits; its present key stays' \
        dom0 rotate vm1 --finish
    rm "$BED/$KEYS/vm1.key.next"
    atf_check -s exit:1 -e match:'has no next key' dom0 rotate vm1 --finish
    atf_check -s exit:1 -e match:'vm9 has no key' sh -c \
        "'$regress/bed' dom0 qvm-remote-dom0 rotate vm9 <new.key"
    atf_check -s exit:2 -e match:'too many words' dom0 rotate vm1 --finish now
}

bed_test a_revoked_vm_has_neither_key
a_revoked_vm_has_neither_key_body() {
    bed_up 1
    begin vm1
    id=$(forge vm1 --key "$(cat new.key)" --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check -o ignore dom0 revoke vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status cancelled$' -o match:'^log -$' meta_of vm1 "$id"
    atf_check test ! -e "$BED/$KEYS/vm1.key.next"
}

bed_test a_cancel_of_the_new_key_leaves_what_the_old_one_asked
a_cancel_of_the_new_key_leaves_what_the_old_one_asked_body() {
    bed_up 1
    begin vm1
    id=$(forge vm1 --key "$(cat old.key)" --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    forge vm1 --key "$(cat new.key)" --kind cancel --id "$id" >said
    wait_for '[ "$(count_log "before its request")" = 1 ]'
    : >"$BED/go"
    wait_result vm1 "$id"
    meta_of vm1 "$id" >meta
    atf_check -o match:'^status exited$' cat meta
    signed_by old.key
}

bed_test keys_of_a_vm_that_change_places_end_nothing
keys_of_a_vm_that_change_places_end_nothing_body() {
    bed_up 1
    begin vm1
    one=$(forge vm1 --key "$(cat old.key)" --body "$(held)")
    two=$(forge vm1 --key "$(cat new.key)" --body "$(held)")
    wait_for '[ "$(count_witness)" = 2 ]'
    install -m 600 new.key "$BED/$KEYS/vm1.key"
    install -m 600 old.key "$BED/$KEYS/vm1.key.next"
    reload
    has_keys vm1 "$new" "$old"
    : >"$BED/go"
    wait_result vm1 "$one"
    meta_of vm1 "$one" >meta
    atf_check -o match:'^status exited$' cat meta
    signed_by old.key
    wait_result vm1 "$two"
    meta_of vm1 "$two" >meta
    atf_check -o match:'^status exited$' cat meta
    signed_by new.key
    ran_with old.key
    ran_with new.key
}

# The next key of each becomes the other's, with all that it remembers.
bed_test next_keys_that_change_vms_run_nothing_twice
next_keys_that_change_vms_run_nothing_twice_body() {
    bed_up 2
    begin vm2
    cp new.key other.key
    kept=$old
    begin vm1
    saved new.key moved
    cp other.key "$BED/$KEYS/vm1.key.next"
    cp new.key "$BED/$KEYS/vm2.key.next"
    other=$(fingerprint other.key)
    reload
    has_keys vm1 "$old" "$other"
    has_keys vm2 "$kept" "$new"
    cp -a "$BED/vms/vm1/home/saved.moved" "$BED/vms/vm2/home/saved"
    chown -R --reference="$BED/vms/vm2/home" "$BED/vms/vm2/home/saved"
    again vm2
    id=$(in_vm vm2 sh -c 'basename saved/*.auth .auth')
    wait_result vm2 "$id"
    atf_check -o match:'^status replayed$' meta_of vm2 "$id"
    ran_with other.key
    refused_with new.key
    atf_check -o inline:'2\n' count_witness
}

bed_test a_key_that_goes_and_comes_to_another_vm_is_that_ones_alone
a_key_that_goes_and_comes_to_another_vm_is_that_ones_alone_body() {
    bed_up 2
    begin vm1
    id=$(forge vm1 --key "$(cat old.key)" --save /home/user/saved \
        --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check -o ignore dom0 rotate vm1 --finish
    has_keys vm1 "$new"
    dom0 authorize vm2 <old.key >said 2>&1 || atf_fail "authorize"
    has_keys vm2 "$old"
    wait_result vm1 "$id"
    atf_check -o match:'^status cancelled$' -o match:'^log -$' meta_of vm1 "$id"
    refused_with old.key
    forge vm2 --key "$(cat old.key)" --body "$(witness)" --wait 20 >meta ||
        atf_fail "no answer"
    atf_check -o match:'^status exited$' cat meta
    signed_by old.key
    atf_check -o inline:'2\n' count_witness
}

bed_test an_answer_goes_with_a_next_key
an_answer_goes_with_a_next_key_body() {
    bed_up 2
    begin vm1
    id=$(forge vm1 --key "$(cat new.key)" --save /home/user/saved \
        --body "$(held)")
    wait_for '[ "$(count_witness)" = 1 ]'
    atf_check "$regress/bed" halt vm1
    : >"$BED/go"
    wait_for '[ "$(count_log "\"event\":\"result\"")" = 1 ]'
    mv "$BED/$KEYS/vm1.key.next" "$BED/$KEYS/vm2.key.next"
    reload
    cp -a "$BED/vms/vm1/home/saved" "$BED/vms/vm2/home/"
    chown -R --reference="$BED/vms/vm2/home" "$BED/vms/vm2/home/saved"
    again vm2
    wait_result vm2 "$id"
    meta_of vm2 "$id" >meta
    atf_check -o match:'^status exited$' cat meta
    signed_by new.key
    atf_check -o inline:'1\n' count_witness
}

atf_init_test_cases() {
    bed_add_tests
}
