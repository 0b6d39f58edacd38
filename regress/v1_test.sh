#!/usr/bin/env atf-sh
# A VM without our package: the agent that dom0 carries into it, and version 1
# of the protocol.
. "$(atf_get_srcdir)/lib.sh"

# shell_is PROGRAM: what `sh` is in the VM.  busybox: and all that sh calls.
shell_is() {
    _program=$(command -v "$1") || atf_skip "no $1"
    if [ "$1" = busybox ]; then
        # shellcheck disable=SC2016 # the VM's shell expands it
        in_vm vm1 sh -c 'mkdir applets && busybox --install -s applets &&
            printf "#!%s sh\n%s\n" "$1" \
                "PATH=\$HOME/applets exec $1 sh \"\$@\"" >ash && chmod +x ash' \
            sh "$_program" || atf_fail "applets"
        _program=/home/user/ash
    fi
    BED_USER=root in_vm vm1 mount --bind "$_program" \
        "$(readlink -f /bin/sh)" || atf_fail "mount"
}

# bed_up_without_client [SHELL]
bed_up_without_client() {
    bed_up 1
    atf_check "$regress/bed" stop
    hide_client
    [ $# = 0 ] || shell_is "$1"
    atf_check "$regress/bed" start
    wait_for 'cat_log | grep -q "qvm-remote-sh/1"'
}

# The files of a result have the digests that its receipt names.
output_is_whole() {
    for _stream in out err; do
        in_vm vm1 cat ".qvm-remote/queue/results/$1.$_stream" >"$_stream"
        _sum=$(sha256sum <"$_stream")
        meta_of vm1 "$1" | grep -q \
            "^$_stream [0-9]* $(wc -c <"$_stream") ${_sum%% *}\$" ||
            atf_fail "$1.$_stream is not what its receipt says"
    done
}

queue_is_empty() {
    [ -z "$(find "$BED/vms/vm1/home/.qvm-remote/queue/pending" \
        "$BED/vms/vm1/home/.qvm-remote/queue/running" -type f)" ]
}

no_complaints() {
    [ "$(count_log '"event":"violation"')" = 0 ] || atf_fail "a violation"
    [ "$(count_log '"event":"session-end",.*"exit":')" = 0 ] ||
        atf_fail "the agent ended: $(cat_log | grep session-end)"
}

served_by() {
    bed_up_without_client "$@"
    id=$(forge vm1 --input 'from the VM' --body 'cat; echo err >&2; exit 3')
    wait_result vm1 "$id"
    atf_check -o match:'^status exited$' -o match:'^exit 3$' meta_of vm1 "$id"
    output_is_whole "$id"
    atf_check -o inline:'from the VM' cat out
    atf_check -o inline:'err\n' cat err
    id=$(forge vm1 --body 'head -c 1000000 /dev/urandom
        head -c 70000 /dev/zero >&2; head -c 30 /dev/urandom')
    wait_result vm1 "$id"
    output_is_whole "$id"
    atf_check -o inline:'1000030\n' stat -c %s out
    id=$(forge vm1 --mac "$(other_key)")
    wait_result vm1 "$id"
    atf_check -o match:'^status rejected$' meta_of vm1 "$id"
    # Nothing is left of what was answered.
    wait_for 'queue_is_empty'
    no_complaints
}

bed_test a_vm_without_our_client_is_served_by_its_dash
a_vm_without_our_client_is_served_by_its_dash_body() {
    served_by dash
}

bed_test a_vm_without_our_client_is_served_by_its_bash
a_vm_without_our_client_is_served_by_its_bash_body() {
    served_by bash
}

bed_test a_vm_without_our_client_is_served_by_its_busybox
a_vm_without_our_client_is_served_by_its_busybox_body() {
    served_by busybox
}

# A result's own name may be taken by what is no file.
bed_test what_has_the_name_of_a_result_makes_way
what_has_the_name_of_a_result_makes_way_body() {
    bed_up_without_client
    id=$(date +%Y%m%d-%H%M%S)-1-0badf00d
    in_vm vm1 sh -c "cd .qvm-remote/queue/results && mkfifo $id.out $id.err &&
        ln -s /etc/passwd .$id.meta && ln -s nowhere .$id.exit"
    atf_check -o match:'^status exited$' forge vm1 --id "$id" --wait 20
    output_is_whole "$id"
    atf_check -o inline:'forged\n' cat out
    no_complaints
}

# More than may be is announced, and none of it sent.
bed_test the_carried_agent_sends_nothing_that_is_too_long
the_carried_agent_sends_nothing_that_is_too_long_body() {
    bed_up_without_client
    id=$(date +%Y%m%d-%H%M%S)-1-00000001
    in_vm vm1 sh -c "cd .qvm-remote/queue/pending &&
        head -c 1048577 /dev/zero >$id && printf %0100d 0 >.x && mv .x $id.auth &&
        touch -d '-10 seconds' $id.auth"
    wait_result vm1 "$id"
    atf_check -o match:'^reason the command has more than 1 MiB$' \
        meta_of vm1 "$id"
    atf_check -o match:'^status exited$' forge vm1 --wait 20
    no_complaints
}

bed_test the_carried_agent_brings_a_cancel
the_carried_agent_brings_a_cancel_body() {
    bed_up_without_client
    id=$(forge vm1 --body "$(witness); exec sleep 100")
    wait_for '[ "$(count_witness)" = 1 ]'
    forge vm1 --kind cancel --id "$id" >cancelled
    wait_result vm1 "$id"
    atf_check -o match:'^status cancelled$' meta_of vm1 "$id"
    wait_for 'in_vm vm1 test ! -e .qvm-remote/queue/pending/$id.cancel'
    no_complaints
}

# What was under way when the VM went comes to its next session, once.
bed_test the_carried_agent_offers_again_what_has_no_result
the_carried_agent_offers_again_what_has_no_result_body() {
    bed_up_without_client
    id=$(forge vm1 --body "$(witness); echo first; echo >$BED/there
        until [ -e $BED/go ]; do read -t 0.05 <> <(:); done; echo last")
    wait_for '[ -e $BED/there ]'
    wait_for 'in_vm vm1 test -s .qvm-remote/queue/results/$id.out'
    atf_check "$regress/bed" halt vm1
    touch "$BED/go"
    atf_check "$regress/bed" boot vm1
    hide_client
    wait_result vm1 "$id"
    output_is_whole "$id"
    atf_check -o inline:'first\nlast\n' cat out
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

# Version 1.

# v1 ARG...: see regress/v1_client.
v1() {
    in_vm vm1 sh -s -- "$@" <"$regress/v1_client"
}

result_of() {
    in_vm vm1 cat ".qvm-remote/queue/results/$1"
}

policy() {
    sed -i '/^auth/d' "$BED/etc/qubes/remote.d/vm1.conf"
    echo "auth = $1" >>"$BED/etc/qubes/remote.d/vm1.conf"
    reload
}

bed_up_v1() {
    bed_up 1
    policy v1
}

# is_refused ID REASON: as version 1 says it, and it has not run.
is_refused() {
    wait_result vm1 "$1"
    atf_check -o inline:'126\n' result_of "$1.exit"
    atf_check -o match:"^qvm-remote: [a-z]*: $2\$" result_of "$1.err"
    atf_check -o match:"^id=$1\$" -o match:'^exit_code=126$' \
        -o not-match:'^mac ' result_of "$1.meta"
    [ ! -e "$BED/witness" ] || ! grep -qx "$1" "$BED/witness" ||
        atf_fail "it ran"
}

# an_id HOURS [LAST]: of so many hours ago.
an_id() {
    echo "$(date -d "$1 hours ago" +%Y%m%d-%H%M%S)-1-${2:-00000001}"
}

v1_works() {
    atf_check -s exit:7 -o inline:'out\n' -e inline:'err\n' \
        v1 'echo out; echo err >&2; exit 7'
    id=$(v1 -n "$(witness)")
    wait_result vm1 "$id"
    result_of "$id.meta" >meta
    sed -i 's/^duration_ms=[0-9]*$/duration_ms=N/
        s/^started=20..-..-..T..:..:..+00:00$/started=T/' meta
    atf_check -o inline:"id=$id\nstarted=T\nduration_ms=N\nexit_code=0\n" \
        cat meta
    wait_for queue_is_empty_of_requests
    id=ping-$(date +%s%N)-12
    atf_check -o inline:'pong\n' v1 -i "$id" 'echo pong'
    # One after another, in order of arrival.
    for n in 1 2 3 4 5; do
        id=$(v1 -n "echo a$n >>$BED/order; echo b$n >>$BED/order") ||
            atf_fail "v1_client"
    done
    wait_result vm1 "$id"
    sed 's/^[ab]//' "$BED/order" >order
    sort -m -s -k 1,1 order >sorted
    atf_check -o empty diff order sorted
    atf_check -o inline:'10\n' sh -c 'wc -l <order'
    v1 -k "$(other_key)" -n "$(witness)" >id
    is_refused "$(cat id)" 'token not accepted'
    # Version 2 is served all the same.
    atf_check -o match:'^status exited$' -o match:'^mac ' forge vm1 --wait 20
}

# The client of version 1 leaves its .cmd: that is its own.
queue_is_empty_of_requests() {
    [ -z "$(find "$BED/vms/vm1/home/.qvm-remote/queue/pending" \
        "$BED/vms/vm1/home/.qvm-remote/queue/running" -type f \
        ! -name '*.cmd')" ]
}

# Who looks sees which VM has it.
bed_test version_1_is_shown
version_1_is_shown_body() {
    bed_up 1
    atf_check -o not-match:'version 1' in_dom0 qvm-remote-dom0 keys
    atf_check -o not-match:'version 1' in_dom0 qvm-remote-dom0 status
    atf_check -o match:'"auth":"v2"' in_dom0 qvm-remote-dom0 keys --json
    atf_check -o match:'"auth":"v2"' in_dom0 qvm-remote-dom0 status --json
    policy v1
    atf_check -o match:'^vm1 .*policy ok, version 1 too$' \
        in_dom0 qvm-remote-dom0 keys
    atf_check -o match:'key [0-9a-f]*, for version 1 too;' \
        in_dom0 qvm-remote-dom0 status
    atf_check -o match:'"auth":"v1"' in_dom0 qvm-remote-dom0 keys --json
    atf_check -o match:'"auth":"v1"' in_dom0 qvm-remote-dom0 status --json
    other_key >key
    atf_check -o match:'auth = v1' -e ignore \
        sh -c '"$1" dom0 qvm-remote-dom0 authorize other <key' sh \
        "$regress/bed"
}

bed_test version_1_works_through_our_agent
version_1_works_through_our_agent_body() {
    bed_up_v1
    v1_works
}

bed_test our_client_of_version_1_works_with_our_dom0
our_client_of_version_1_works_with_our_dom0_body() {
    bed_up_v1
    for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
        atf_check -o inline:"$n\n" in_vm vm1 \
            env QVM_REMOTE_PROTOCOL=1 qvm-remote -t 10 echo $n
    done
}

bed_test version_1_works_through_the_carried_agent
version_1_works_through_the_carried_agent_body() {
    bed_up_without_client
    policy v1
    v1_works
    no_complaints
}

bed_test version_1_is_refused_where_the_policy_says_version_2
version_1_is_refused_where_the_policy_says_version_2_body() {
    bed_up 1
    v1 -n "$(witness)" >id
    is_refused "$(cat id)" "version 1: dom0's policy for this VM has no .auth = v1."
    v1 -i "ping-$(date +%s%N)-12" -n "$(witness)" >id
    is_refused "$(cat id)" "version 1: dom0's policy for this VM has no .auth = v1."
    policy v1
    atf_check -o inline:'now\n' v1 'echo now'
    policy v2
    v1 -n "$(witness)" >id
    is_refused "$(cat id)" "version 1: dom0's policy for this VM has no .auth = v1."
    no_witness
}

# What waits for its turn is looked at again when that comes.
bed_test version_1_ends_with_the_policy_that_allows_it
version_1_ends_with_the_policy_that_allows_it_body() {
    bed_up_v1
    first=$(v1 -n "echo >$BED/there
        until [ -e $BED/go ]; do read -t 0.05 <> <(:); done; true")
    wait_for '[ -e $BED/there ]'
    second=$(v1 -n "$(witness)")
    wait_for 'in_vm vm1 test -e .qvm-remote/queue/running/$second.auth'
    policy v2
    touch "$BED/go"
    wait_result vm1 "$first"
    atf_check -o inline:'0\n' result_of "$first.exit"
    is_refused "$second" 'its policy has no .auth = v1. any more'
}

# again_v1 ID COMMAND: the id once more, whoever still had its token; its
# answer is gone from the VM.
again_v1() {
    wait_for queue_is_empty_of_requests
    forget vm1
    v1 -i "$1" -n "$2" >/dev/null
}

bed_test an_id_of_version_1_runs_once
an_id_of_version_1_runs_once_body() {
    bed_up_v1
    id=$(v1 -n "$(witness)")
    wait_result vm1 "$id"
    again_v1 "$id" "$(witness)"
    wait_result vm1 "$id"
    atf_check -o match:'this token was answered before' result_of "$id.err"
    again_v1 "$id" "$(witness); echo another body"
    wait_result vm1 "$id"
    atf_check -o match:'this token was answered before' result_of "$id.err"
    atf_check -o inline:'126\n' result_of "$id.exit"
    atf_check "$regress/bed" stop
    again_v1 "$id" "$(witness); echo after a restart"
    atf_check "$regress/bed" start
    wait_result vm1 "$id"
    atf_check -o match:'this token was answered before' result_of "$id.err"
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

# Not after its key was taken away and given back, either.
bed_test an_id_of_version_1_runs_once_whoever_had_its_key_revoked
an_id_of_version_1_runs_once_whoever_had_its_key_revoked_body() {
    bed_up_v1
    id=$(v1 -n "$(witness)")
    wait_result vm1 "$id"
    wait_for queue_is_empty_of_requests
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check -o ignore -e ignore sh -c \
        '"$1" dom0 qvm-remote-dom0 authorize vm1 <"$2"' sh "$regress/bed" \
        "$BED/vms/vm1/home/.qvm-remote/auth.key"
    policy v1
    again_v1 "$id" "$(witness)"
    wait_result vm1 "$id"
    atf_check -o match:'this token was answered before' result_of "$id.err"
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

# An id may be of a time that lies ahead: where the run that has it is missing,
# no start forgets that.
bed_test an_id_of_version_1_does_not_run_again_where_its_run_is_missing
an_id_of_version_1_does_not_run_again_where_its_run_is_missing_body() {
    bed_up_v1
    bed_altered
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    id=$(v1 -i "$(an_id -20)" -n "$(witness)")
    wait_result vm1 "$id"
    wait_for queue_is_empty_of_requests
    atf_check "$regress/bed" stop
    mv "$(find "$BED/var/log/qvm-remote" -name '*.log' | sort | tail -n 1)" away
    for start in first second; do
        atf_check "$regress/bed" start
        again_v1 "$id" "$(witness); echo $start start"
        wait_result vm1 "$id"
        atf_check -o match:'this token may have run before' \
            result_of "$id.err"
        atf_check "$regress/bed" stop
    done
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

# While it runs, another body under its id gets its answer.
bed_test another_body_under_a_running_id_does_not_run
another_body_under_a_running_id_does_not_run_body() {
    bed_up_v1
    id=$(v1 -n "$(witness); echo first; echo >$BED/there
        until [ -e $BED/go ]; do read -t 0.05 <> <(:); done")
    wait_for '[ -e $BED/there ]'
    v1 -i "$id" -n "$(witness); echo second" >/dev/null
    wait_for '! in_vm vm1 test -e .qvm-remote/queue/pending/$id.auth'
    touch "$BED/go"
    wait_result vm1 "$id"
    atf_check -o inline:'first\n' result_of "$id.out"
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

bed_test an_id_of_version_1_has_a_time
an_id_of_version_1_has_a_time_body() {
    bed_up_v1
    v1 -i "$(an_id 27)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is 97[0-9]* s old'
    v1 -i "$(an_id -27)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is of the future'
    v1 -i "$(an_id 25)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is older than what dom0 knows of its key'
    v1 -i "ping-$(($(date +%s) - 97200))000000000-1" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is 97[0-9]* s old'
    # A VM may be in another time zone.
    v1 -i "$(an_id -14)" -n "$(witness)" >id
    wait_result vm1 "$(cat id)"
    atf_check -o inline:'0\n' result_of "$(cat id).exit"
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

start_in_the_west() {
    zone=/usr/share/zoneinfo/Etc/GMT+8
    [ -e $zone ] && [ -e /etc/localtime ] || atf_skip "no time zones"
    # shellcheck disable=SC2016 # the inner shell's
    atf_check unshare -m sh -c \
        'mount --bind "$1" "$(readlink -f /etc/localtime)" && exec "$2" start' \
        sh $zone "$regress/bed"
}

# dom0_clock SECONDS: how far the daemon's clocks are ahead.
dom0_clock() {
    echo "$(($1 * 1000000)) $(($1 * 1000000))" >"$BED/.clock"
    mv "$BED/.clock" "$BED/clock"
}

# What is so old that it is forgotten is no younger where dom0 has travelled:
# by its clock there the id would be of 18 hours ago.
bed_test a_forgotten_id_of_version_1_is_old_in_every_time_zone
a_forgotten_id_of_version_1_is_old_in_every_time_zone_body() {
    bed_up_v1
    atf_check "$regress/bed" stop
    dom0_clock 0
    export BED_CLOCK="$BED/clock"
    atf_check "$regress/bed" start
    old=$(v1 -n "$(witness)")
    wait_result vm1 "$old"
    wait_for queue_is_empty_of_requests
    # What a start reads of it is not forgotten at once.
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    dom0_clock 95000
    atf_check "$regress/bed" stop
    start_in_the_west
    # What comes now makes dom0 look at what it remembers.
    id=$(v1 -i "$(an_id -26)" -n "$(witness)")
    wait_result vm1 "$id"
    atf_check -o inline:'0\n' result_of "$id.exit"
    again_v1 "$old" "$(witness)"
    wait_result vm1 "$old"
    atf_check -o match:'this token may have run before' result_of "$old.err"
    [ "$(count_witness)" = 2 ] || atf_fail "ran $(count_witness) times"
}

# Eight hours west of Greenwich: an id is no older and no younger than it says
# there.
bed_test an_id_of_version_1_is_of_dom0_s_local_time
an_id_of_version_1_is_of_dom0_s_local_time_body() {
    bed_up_v1
    atf_check "$regress/bed" stop
    start_in_the_west
    export TZ=UTC+8
    v1 -i "$(an_id 27)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is 97[0-9]* s old'
    v1 -i "$(an_id 25)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is 9[0-9]* s old'
    v1 -i "$(an_id 17)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is older than what dom0 knows of its key'
    v1 -i "$(an_id -27)" -n "$(witness)" >id
    is_refused "$(cat id)" 'its id is of the future'
    for hours in 0 -8 -25; do
        v1 -i "$(an_id $hours)" -n "$(witness)" >id
        wait_result vm1 "$(cat id)"
        atf_check -o inline:'0\n' result_of "$(cat id).exit"
    done
}

# An input would be covered by nothing.
bed_test version_1_has_no_input
version_1_has_no_input_body() {
    bed_up_v1
    id=$(an_id 0)
    in_vm vm1 sh -c "echo input >.qvm-remote/queue/pending/$id.in"
    v1 -i "$id" -n "$(witness)" >/dev/null
    is_refused "$id" 'version 1 has no input'
}

# Nor is the command covered: what its client would not send is dom0's to refuse.
bed_test a_command_of_version_1_that_breaks_a_rule_is_refused_by_dom0
a_command_of_version_1_that_breaks_a_rule_is_refused_by_dom0_body() {
    bed_up_v1
    bed_seed
    "$regress/refusals" "$BED" v1 || atf_fail "see the test's output"
    no_raw_in_dom0
    bed_verify
}

# Its token says nothing of an end, so its file's age does.
old_tokens_wait() {
    id=$(an_id 0 0000000d)
    in_vm vm1 sh -c "cd .qvm-remote/queue/pending && echo '$(witness)' >$id &&
        head -c 64 /dev/zero | tr '\0' a >.x && touch -d '-61 minutes' .x &&
        mv .x $id.auth"
    atf_check -o inline:'served\n' v1 'echo served'
    atf_check in_vm vm1 test -e ".qvm-remote/queue/pending/$id.auth"
    [ "$(count_log '"event":"refused"')" = 0 ] || atf_fail "it was offered"
    # Written in place: half of it is not taken for the whole.
    id=$(v1 -n true)
    wait_result vm1 "$id"
    id=$(an_id 0 0000000e)
    key=$(in_vm vm1 cat .qvm-remote/auth.key)
    mac=$(printf %s "$id" | openssl dgst -sha256 -hmac "$key" -r | cut -c 1-64)
    # The file's clock may be a tick ahead.
    in_vm vm1 sh -c "cd .qvm-remote/queue/pending && echo '$(witness)' >$id &&
        printf %.20s $mac >.x && touch -d '1 second' .x && mv .x $id.auth"
    atf_check -o inline:'served\n' v1 'echo served'
    in_vm vm1 sh -c "printf %s $mac >.qvm-remote/queue/pending/$id.auth"
    wait_result vm1 "$id"
    atf_check -o inline:'0\n' result_of "$id.exit"
}

bed_test a_token_of_version_1_that_is_old_or_cut_is_not_offered
a_token_of_version_1_that_is_old_or_cut_is_not_offered_body() {
    bed_up_v1
    old_tokens_wait
}

bed_test the_carried_agent_offers_no_old_or_cut_token
the_carried_agent_offers_no_old_or_cut_token_body() {
    bed_up_without_client
    policy v1
    old_tokens_wait
}

bed_test an_interrupted_request_of_version_1_ends_with_130
an_interrupted_request_of_version_1_ends_with_130_body() {
    bed_up_v1
    id=$(v1 -n "$(witness); exec sleep 100")
    wait_for '[ "$(count_witness)" = 1 ]'
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
    wait_result vm1 "$id"
    atf_check -o inline:'130\n' result_of "$id.exit"
    atf_check -o inline:'qvm-remote: interrupted: the daemon ended before the command did\n' \
        result_of "$id.err"
    atf_check -o match:'^exit_code=130$' result_of "$id.meta"
    [ "$(count_witness)" = 1 ] || atf_fail "ran $(count_witness) times"
}

atf_init_test_cases() {
    bed_add_tests
}
