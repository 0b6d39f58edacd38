#!/usr/bin/env atf-sh
# authorize and revoke.
. "$(atf_get_srcdir)/lib.sh"

# authorize VM [KEY]: with the key on standard input, quietly.
authorize() {
    echo "${2:-$KEY}" | dom0 authorize "$1" >said 2>&1 ||
        atf_fail "authorize $1: $(cat said)"
}

root_test a_key_from_standard_input_is_written
a_key_from_standard_input_is_written_body() {
    make_root
    atf_check -o match:"work is authorised with the key 038284dcff6b5701" \
        -o match:'mode = shell' -o match:'No daemon runs' \
        sh -c "echo $KEY | dom0 authorize work"
    atf_check -o inline:"$KEY\n" cat "$keys/work.key"
    atf_check -o inline:'600 0:0\n700 0:0\n600 0:0\n' stat -c '%a %u:%g' \
        "$keys/work.key" "$keys" "$keys/work.conf"
    # Nothing else is left there.
    atf_check -o inline:'work.conf\nwork.key\n' ls -A "$keys"
}

root_test a_key_with_or_without_lf_and_in_either_case_is_taken
a_key_with_or_without_lf_and_in_either_case_is_taken_body() {
    make_root
    upper=$(echo "$KEY" | tr a-f A-F)
    printf %s "$upper" >in
    atf_check -o ignore -e ignore sh -c \
        "dom0 authorize work <in"
    # v1 signs with the characters: they stay.
    atf_check -o inline:"$upper\n" cat "$keys/work.key"
}

root_test a_positional_key_works_with_a_warning
a_positional_key_works_with_a_warning_body() {
    make_root
    atf_check -o match:'is authorised' -e match:"warning: .*history" \
        dom0 authorize work "$KEY"
    atf_check -o inline:"$KEY\n" cat "$keys/work.key"
}

root_test at_a_terminal_the_key_is_asked_for_and_not_shown
at_a_terminal_the_key_is_asked_for_and_not_shown_body() {
    make_root
    make_terminal
    atf_check -o match:'is authorised' -o match:'echo True status 0' \
        -o not-match:"$KEY" python3 terminal.py "not shown: " "$KEY\\n" \
        "$here/qvm-remote-dom0" --root "$root" authorize work
    atf_check -o inline:"$KEY\n" cat "$keys/work.key"
}

root_test an_interrupted_question_leaves_the_terminal_as_it_was
an_interrupted_question_leaves_the_terminal_as_it_was_body() {
    make_root
    make_terminal
    atf_check -o match:'echo True status -2' python3 terminal.py 'not shown: ' '\x03' \
        "$here/qvm-remote-dom0" --root "$root" authorize work
    atf_check test ! -e "$keys/work.key"
    atf_check -o match:'no key' -o match:'echo True status 1' \
        python3 terminal.py 'not shown: ' '\x04' \
        "$here/qvm-remote-dom0" --root "$root" authorize work
}

root_test a_next_key_is_asked_for_too_and_not_shown
a_next_key_is_asked_for_too_and_not_shown_body() {
    make_root
    make_terminal
    authorize work
    atf_check -o match:'work is authorised with the key 5dab181cc6842cca' \
        -o match:'echo True status 0' -o not-match:"$KEY_2" \
        python3 terminal.py 'not shown: ' "$KEY_2\\n" \
        "$here/qvm-remote-dom0" --root "$root" rotate work
    atf_check -o inline:"$KEY\n" cat "$keys/work.key"
    atf_check -o inline:"$KEY_2\n" cat "$keys/work.key.next"
    atf_check -o inline:'600\n' stat -c %a "$keys/work.key.next"
    # Another key than either ends the rotation.
    atf_check -o ignore -e ignore dom0 authorize work "${KEY%?}7"
    atf_check test ! -e "$keys/work.key.next"
}

root_test a_next_key_takes_the_place_of_the_present_one
a_next_key_takes_the_place_of_the_present_one_body() {
    make_root
    authorize work
    atf_check -s exit:1 -e match:'work has no next key' dom0 rotate work --finish
    echo "$KEY_2" | dom0 rotate work >said 2>&1 || atf_fail "rotate"
    hold_lock
    atf_check -o match:'key of work is 5dab181cc6842cca now' \
        -o match:"pid $holder" \
        dom0 rotate work --finish
    kill -TERM "$holder"
    wait "$holder"
    atf_check -o inline:"$KEY_2\n" cat "$keys/work.key"
    atf_check test ! -e "$keys/work.key.next"
}

root_test what_is_no_key_is_refused
what_is_no_key_is_refused_body() {
    make_root
    {
        echo
        echo "${KEY%?}"
        echo "${KEY}0"
        echo "${KEY%?}g"
        echo " ${KEY%?}"
        echo "$KEY "
    } >bad
    while IFS= read -r line; do
        printf '%s\n' "$line" >in
        atf_check -s exit:1 -e match:'error: not a key' \
            sh -c "dom0 authorize work <in"
    done <bad
    printf '%s\n\n' "$KEY" >in
    atf_check -s exit:1 -e match:'error: not a key' \
        sh -c "dom0 authorize work <in"
    atf_check -s exit:1 -e match:'not a key' -e match:warning \
        dom0 authorize work "${KEY}00"
    atf_check test ! -e "$keys"
}

root_test weak_keys_are_refused
weak_keys_are_refused_body() {
    make_root
    counting=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    for key in "$counting" "$(printf '%064d' 0)" \
        "$(printf '%064d' 0 | tr 0 a)"; do
        echo "$key" >in
        atf_check -s exit:1 -e match:'error: a weak key' \
            sh -c "dom0 authorize work <in"
    done
    atf_check test ! -e "$keys"
}

root_test another_vm_s_key_is_refused_in_either_case
another_vm_s_key_is_refused_in_either_case_body() {
    make_root
    authorize work
    echo "$KEY" | tr a-f A-F >in
    atf_check -s exit:1 -e match:'error: work.key is this key already' \
        sh -c "dom0 authorize home <in"
    atf_check test ! -e "$keys/home.key"
    atf_check test ! -e "$keys/home.conf"
    # A next key counts, of the VM itself too.
    echo "$KEY_2" >"$keys/vault.key.next"
    chmod 600 "$keys/vault.key.next"
    echo "$KEY_2" >in
    for vm in home vault; do
        atf_check -s exit:1 -e match:'vault.key.next is this key already' \
            sh -c "dom0 authorize $vm <in"
    done
    # The same key again is no other one.
    authorize work
}

root_test names_that_are_none_are_refused
names_that_are_none_are_refused_body() {
    make_root
    echo "$KEY" >in
    for vm in ../x .x x/y dom0 Domain-0 none default 1x x-dm '' \
        abcdefghijklmnopqrstuvwxyzabcdef; do
        atf_check -s exit:1 -e match:"is no VM's name" \
            sh -c "dom0 authorize '$vm' <in"
    done
    atf_check test ! -e "$keys"
}

root_test a_symbolic_link_is_replaced_and_not_followed
a_symbolic_link_is_replaced_and_not_followed_body() {
    make_root
    mkdir -m 700 "$keys"
    echo victim >victim
    ln -s "$PWD/victim" "$keys/work.key"
    ln -s "$PWD/victim" "$keys/.work.key.new"
    ln -s "$PWD/victim" "$keys/.work.conf.new"
    authorize work
    atf_check -o inline:'victim\n' cat victim
    atf_check -o inline:'regular file\n' stat -c %F "$keys/work.key"
}

root_test a_folder_that_others_may_write_is_refused
a_folder_that_others_may_write_is_refused_body() {
    make_root
    mkdir "$keys"
    echo "$KEY" >in
    for mode in 0770 0707; do
        chmod "$mode" "$keys"
        atf_check -s exit:1 -e match:'others than root may write it' \
            sh -c "dom0 authorize work <in"
    done
    chmod 0700 "$keys"
    chown 65534 "$keys"
    atf_check -s exit:1 -e match:'others than root may write it' \
        sh -c "dom0 authorize work <in"
}

root_test a_policy_that_is_there_stays
a_policy_that_is_there_stays_body() {
    make_root
    mkdir -m 700 "$keys"
    printf '# mine\nmode = shell\n' >"$keys/work.conf"
    authorize work
    atf_check -o match:'work.conf is there, and stays' cat said
    atf_check -o inline:'# mine\nmode = shell\n' cat "$keys/work.conf"
    printf 'mode = shell\nmoed = x\n' >"$keys/work.conf"
    authorize work
    atf_check -o match:'not served until this is right: .*work.conf:2: ' \
        cat said
    atf_check -o inline:'mode = shell\nmoed = x\n' cat "$keys/work.conf"
}

# socket PATH
socket() {
    python3 -c 'import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]) or ".")
socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))' "$1"
}

root_test a_running_vm_s_uuid_is_that_of_its_socket
a_running_vm_s_uuid_is_that_of_its_socket_body() {
    make_root
    cd "$root/run/qubes" || exit 1
    socket qrexec.3
    socket qrexec.4
    ln -s qrexec.3 qrexec.home
    ln -s qrexec.4 qrexec.work
    ln -s qrexec.3 "qrexec.uuid:${UUID%?}3"
    ln -s qrexec.4 "qrexec.uuid:${UUID%?}4"
    ln -s qrexec.4 qrexec.uuid:other
    cd "$OLDPWD" || exit 1
    authorize work
    atf_check -o match:"^uuid = ${UUID%?}4\$" cat "$keys/work.conf"
    atf_check -o match:"Bound to the UUID ${UUID%?}4" cat said
    # Another VM of this name now: the policy stays, and one is told.
    rm "$root/run/qubes/qrexec.work"
    ln -s qrexec.3 "$root/run/qubes/qrexec.work"
    authorize work
    atf_check -o match:"warning: work has the UUID ${UUID%?}3 now" cat said
    atf_check -o match:"^uuid = ${UUID%?}4\$" cat "$keys/work.conf"
}

root_test two_uuids_of_one_socket_are_none
two_uuids_of_one_socket_are_none_body() {
    make_root
    socket "$root/run/qubes/qrexec.4"
    ln -s qrexec.4 "$root/run/qubes/qrexec.work"
    ln -s qrexec.4 "$root/run/qubes/qrexec.uuid:${UUID%?}4"
    ln -s qrexec.4 "$root/run/qubes/qrexec.uuid:${UUID%?}5"
    authorize work
    atf_check -o not-match:'^uuid' cat "$keys/work.conf"
    atf_check -o match:'Bound to the name work alone' cat said
}

# prefs BODY: what stands where qvm-prefs does.
prefs() {
    printf '#!/bin/sh\n%s\n' "$1" >"$root/usr/bin/qvm-prefs"
    chmod 755 "$root/usr/bin/qvm-prefs"
}

root_test a_halted_vm_s_uuid_is_asked_for
a_halted_vm_s_uuid_is_asked_for_body() {
    make_root
    prefs "[ \"\$*\" = 'work uuid' ] && [ -z \"\$SECRET\" ] && echo $UUID"
    SECRET=x authorize work
    atf_check -o match:"^uuid = $UUID\$" cat "$keys/work.conf"
}

root_test without_an_answer_the_name_alone_binds
without_an_answer_the_name_alone_binds_body() {
    make_root
    for body in "echo $UUID; exit 1" "echo ${UUID}0" "echo $UUID; echo x" \
        'echo' 'exit 0' "echo $UUID | tr a-f A-F" \
        'head -c 1000000 /dev/zero'; do
        rm -f "$keys/work.conf"
        prefs "$body"
        authorize work
        atf_check -o match:'mode = shell' -o not-match:'^uuid' \
            cat "$keys/work.conf"
        atf_check -o match:'Bound to the name work alone' cat said
    done
}

root_test who_answers_and_does_not_end_is_ended
who_answers_and_does_not_end_is_ended_body() {
    make_root
    for body in "exec >&-" :; do
        rm -f "$keys/work.conf"
        prefs "echo $UUID; $body; exec sleep 60"
        begun=$(date +%s)
        authorize work
        atf_check test $(($(date +%s) - begun)) -le 30
        atf_check -o not-match:'^uuid' cat "$keys/work.conf"
    done
}

root_test a_running_daemon_is_told
a_running_daemon_is_told_body() {
    make_root
    hold_lock
    authorize work
    atf_check -o match:"The daemon \\(pid $holder\\) has been told" cat said
    kill -TERM "$holder"
    wait "$holder"
    atf_check -o inline:'SIGHUP\nSIGTERM\n' cat signals
    atf_check -o match:'No daemon runs' dom0 revoke work
}

root_test what_is_done_without_a_daemon_waits_for_one
what_is_done_without_a_daemon_waits_for_one_body() {
    make_root
    chown nobody: "$log"
    export SUDO_USER=alice
    authorize work
    # What was cut spoils no other.
    printf '\n17714 rev' >>"$log/acts"
    atf_check -o ignore dom0 revoke work
    atf_check -o inline:'600 nobody\n' stat -c '%a %U' "$log/acts"
    atf_check -o match:'^[0-9]+ authorize work alice - 038284dcff6b5701$' \
        -o match:'^[0-9]+ revoke work alice - -$' grep ' alice ' "$log/acts"
}

# The folder is the verifier's, and what is in it, too.
root_test what_cannot_wait_is_said_and_done
what_cannot_wait_is_said_and_done_body() {
    make_root
    said='who has done this is not in the log: no daemon answers, and .*/acts'
    touch other
    mkfifo fifo
    for thing in 'ln -s ../../../../other' 'ln fifo' 'ln other' mkdir \
        'truncate -s 65500' 'ln -s /dev/null'; do
        # shellcheck disable=SC2086 # words
        $thing "$log/acts"
        atf_check -o match:'is authorised' -e match:"$said" \
            sh -c "echo $KEY | dom0 authorize work"
        atf_check -o ignore -e match:"$said" dom0 revoke work
        rm -rf "$log/acts"
    done
    rm -r "$log"
    atf_check -o match:'is authorised' -e match:"$said" \
        sh -c "echo $KEY | dom0 authorize work"
    atf_check test ! -s other -a ! -e "$log"
}

root_test revoke_removes_the_keys_and_tells_the_daemon
revoke_removes_the_keys_and_tells_the_daemon_body() {
    make_root
    authorize work
    authorize home "$KEY_2"
    echo "$KEY" >"$keys/work.key.next"
    hold_lock
    atf_check -o match:'work is revoked' -o match:"pid $holder" dom0 revoke work
    kill -TERM "$holder"
    wait "$holder"
    atf_check -o inline:'SIGHUP\nSIGTERM\n' cat signals
    atf_check -o inline:'home.conf\nhome.key\nwork.conf\n' ls -A "$keys"
    atf_check -s exit:1 -e match:'error: work has no key' dom0 revoke work
}
