#!/usr/bin/env atf-sh
# A VM without our package: the agent that dom0 carries into it, and version 1
# of the protocol.
. "$(atf_get_srcdir)/lib.sh"

# Our client goes, and one that knows nothing of protocol 2 has its name.
hide_client() {
    in_vm vm1 sh -c 'printf "#!/bin/sh\necho qvm-remote 1.4.0\n" >old &&
        chmod +x old'
    BED_USER=root in_vm vm1 mount --bind /home/user/old \
        "$BED/usr/bin/qvm-remote" || atf_fail "mount"
}

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
    [ "$(count_log '"event":"session-end"')" = 0 ] ||
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

# Names that are none, and what is no file, are no requests; and whoever wrote
# them into an argument of the shell finds nothing run.
bed_test what_is_no_request_does_not_end_the_carried_agent
what_is_no_request_does_not_end_the_carried_agent_body() {
    bed_up_without_client
    in_vm vm1 bash -c 'cd .qvm-remote/queue/pending || exit 1
        now=$(date +%Y%m%d-%H%M%S)
        touch "\$(touch ran).auth" "a;touch ran;.auth" "*.auth" "-n.auth" \
            $'"'a\\nb.auth'"' $'"'$now-1-00000000\\n.auth'"' "x y.auth"
        touch 20260230-000000-1-00000000{,.auth} 20260101-250000-1-00000000{,.auth} \
            "$now"-01-00000000{,.auth} ping-01-1{,.auth}
        ln -s /etc/passwd $now-1-00000001; touch $now-1-00000001.auth
        touch $now-1-00000002; ln -s /etc/passwd $now-1-00000002.auth
        mkfifo $now-1-00000003; touch $now-1-00000003.auth
        touch $now-1-00000004; mkfifo $now-1-00000004.auth
        mkdir $now-1-00000005 $now-1-00000006.auth
        touch $now-1-00000005.auth $now-1-00000006
        touch $now-1-00000007{,.auth}; mkfifo $now-1-00000007.in
        ln -s nowhere $now-1-00000008; touch $now-1-00000008.auth
        touch $now-1-00000009{,.auth}; chmod 0 $now-1-00000009
        mkfifo $now-1-0000000a.cancel; mkdir $now-1-0000000b.cancel
        touch $now-1-0000000c.auth' || atf_fail "the odd names"
    forge vm1 --body "$(witness)" --wait 20 >meta
    atf_check -o match:'^status exited$' cat meta
    # A result's own name may be taken by what is no file.
    id=$(date +%Y%m%d-%H%M%S)-1-0badf00d
    in_vm vm1 sh -c "cd .qvm-remote/queue/results && mkfifo $id.out $id.err &&
        ln -s /etc/passwd .$id.meta && ln -s nowhere .$id.exit"
    atf_check -o match:'^status exited$' forge vm1 --id "$id" --wait 20
    output_is_whole "$id"
    atf_check -o inline:'forged\n' cat out
    no_complaints
    [ "$(count_log '"event":"refused"')" = 0 ] || atf_fail "one was offered"
    ! find "$BED/vms/vm1/home" -name ran | grep . || atf_fail "something ran"
}

# More than may be is announced, and none of it sent.
bed_test the_carried_agent_sends_nothing_that_is_too_long
the_carried_agent_sends_nothing_that_is_too_long_body() {
    bed_up_without_client
    id=$(date +%Y%m%d-%H%M%S)-1-00000001
    in_vm vm1 sh -c "cd .qvm-remote/queue/pending &&
        head -c 1048577 /dev/zero >$id && echo x >.x && mv .x $id.auth &&
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

atf_init_test_cases() {
    bed_add_tests
}
