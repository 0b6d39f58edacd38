#!/usr/bin/env atf-sh
# Only the verifier's memory holds a key, in whatever form, and only while the
# key is of use.  regress/find-key looks.
. "$(atf_get_srcdir)/lib.sh"

KEYS=etc/qubes/remote.d

find_key() {
    "$regress/find-key" "$@"
}

# bed_with_keys: vm1 has two keys, in old and new; vm2's policy lets it speak
# version 1, too; a command of each runs until end_it.
bed_with_keys() {
    bed_up 2
    bed_seed
    atf_check "$regress/bed" stop
    echo 'auth = v1' >>"$BED/$KEYS/vm2.conf"
    atf_check "$regress/bed" start
    cp "$BED/$KEYS/vm1.key" old
    rotate_key
    cp "$BED/$KEYS/vm2.key" other
    for key in old new other; do
        find_key forms $key >$key.forms || atf_fail "find-key forms"
    done
    cat old.forms new.forms other.forms >all.forms
    clients=
    for vm in vm1 vm2; do
        in_vm $vm qvm-remote -q "$(witness); : >$BED/started.$vm
            until [ -e $BED/go ]; do sleep 0.05; done" &
        clients="$clients $!"
        wait_for "[ -e $BED/started.$vm ]"
    done
}

rotate_key() {
    in_vm vm1 qvm-remote key rotate >new 2>said || atf_fail "key rotate"
    in_dom0 qvm-remote-dom0 rotate vm1 <new >said 2>&1 || atf_fail "rotate"
}

end_it() {
    : >"$BED/go"
    for client in $clients; do
        wait "$client" || atf_fail "a client failed"
    done
}

# All of the daemon's processes but the verifier, and what they write.
others() {
    bed_processes | grep -vx "$(role_pid verifier)"
    # The bed's own first seed is in run/bed.
    echo "$BED/daemon.log" "$BED/var" "$BED/run/qvm-remote"
}

no_other_has() {
    # shellcheck disable=SC2046
    find_key search "$1" $(others) >found || {
        cat found >&2
        atf_fail "a secret is where it should not be"
    }
}

verifier_has() {
    find_key search "$1" "$(role_pid verifier)" | sed -n 's/^[0-9]*: //p' |
        sort -u
}

bed_test no_process_but_the_verifier_has_a_key_in_any_form
no_process_but_the_verifier_has_a_key_in_any_form_body() {
    bed_with_keys
    # Parent, two pollers with their qvm-run, executor, two commands.
    [ "$(bed_processes | wc -l)" -ge 9 ] || atf_fail "too few processes"
    no_other_has all.forms
    for key in old new; do
        verifier_has $key.forms >has
        atf_check -o match:'^request$' -o match:'^receipt$' cat has
    done
    verifier_has other.forms >has
    atf_check -o match:'^characters inner state$' cat has
    for key in old new other; do
        # Version 2's own key is gone once it has made the others.
        grep '^key' $key.forms >key.forms
        atf_check -o empty verifier_has key.forms
    done
    # While keys come and go.
    (until [ -e "$BED/go" ]; do
        in_dom0 qvm-remote-dom0 rotate vm1 <new
        in_dom0 qvm-remote-dom0 authorize vm2 <other
    done) >said 2>&1 &
    clients="$clients $!"
    for i in 1 2; do
        no_other_has all.forms
    done
    end_it
    no_other_has all.forms
}

bed_test the_search_finds_each_form_in_each_place
the_search_finds_each_form_in_each_place_body() {
    bed_new
    printf '%s\n' "$(other_key)" >key
    find_key forms key >forms || atf_fail "find-key forms"
    "$regress/find-key" hold forms >ready &
    holder=$!
    wait_for '[ -s ready ]'
    find_key search forms $holder >found
    sed 's/ [^ ]*$//' forms | sort -u >wanted
    sed -n 's/^[0-9]*: //p' found | sort -u >got
    atf_check diff -u wanted got
    kill $holder
    key=$(cat key)
    sleep 60 "$key" 2>/dev/null &
    KEY=$key sleep 60 &
    environ=$!
    mkdir folder
    echo "$key" >folder/key
    python3 -c 'import os, signal, sys
fd = os.memfd_create("key")
with open("key", "rb") as f:
    os.sendfile(fd, f.fileno(), 0, 64)
print("there", flush=True)
signal.pause()' >there &
    memfd=$!
    bash -c 'exec -a "$1" sleep 60' sh "$key" &
    argv=$!
    wait_for '[ -s there ] && grep -q "$key" /proc/$argv/cmdline'
    for where in $environ $argv $memfd folder folder/key; do
        atf_check -s exit:1 -o match:"^$where: key in digits" \
            find_key search forms $where
    done
    kill $environ $memfd $argv
    sleep 60 &
    atf_check -o inline:'clean\n' find_key search forms $!
    kill $!
}

bed_test a_key_that_is_of_no_more_use_is_wiped
a_key_that_is_of_no_more_use_is_wiped_body() {
    bed_with_keys
    end_it
    for vm in vm1 vm2; do
        atf_check -o inline:'again\n' in_vm $vm qvm-remote 'echo again'
    done
    atf_check -e ignore in_vm vm1 qvm-remote key rotate --finish
    atf_check -o ignore in_dom0 qvm-remote-dom0 rotate vm1 --finish
    atf_check -o inline:'then\n' in_vm vm1 qvm-remote 'echo then'
    atf_check -o empty verifier_has old.forms
    verifier_has new.forms >has
    atf_check -o match:'^request$' -o match:'^receipt$' cat has
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm1
    atf_check -o ignore -e ignore in_dom0 qvm-remote-dom0 revoke vm2
    atf_check -o empty verifier_has all.forms
    no_other_has all.forms
}

bed_test only_the_verifier_has_the_seals_key_and_none_older
only_the_verifier_has_the_seals_key_and_none_older_body() {
    bed_with_keys
    find_key seals seed "$BED/var/log/qvm-remote" >seals ||
        atf_fail "find-key seals"
    grep '^now' seals >now
    atf_check -o inline:'now\n' verifier_has now
    grep -E '^(seed|step|next seed)' seals >older
    grep -Ev "^step [0-9]* $(sed -n 's/^now //p' now)$" older >wanted
    atf_check -o empty verifier_has wanted
    # The next run's seed is in its file, for which root's own eyes are needed.
    grep -v '^next seed' seals >wanted
    no_other_has wanted
    end_it
}

bed_test the_verifier_leaves_no_core_and_no_one_traces_it
the_verifier_leaves_no_core_and_no_one_traces_it_body() {
    ulimit -c unlimited
    bed_up 1
    verifier=$(role_pid verifier)
    atf_check -o match:'^Max core file size  *0  *0 ' \
        cat "/proc/$verifier/limits"
    # The kernel gives what cannot be dumped to root.
    atf_check -o inline:'0\n' stat -c %u "/proc/$verifier/mem"
    user=$(id -u qvm-remote-key)
    setpriv --reuid "$user" --clear-groups sleep 60 &
    sleeper=$!
    wait_for 'grep -qx sleep /proc/$sleeper/comm'
    for pid in $sleeper $verifier; do
        setpriv --reuid "$user" --clear-groups \
            head -c 1 "/proc/$pid/environ" >/dev/null 2>&1 && echo $pid
    done >readable
    atf_check -o inline:"$sleeper\n" cat readable
    kill $sleeper
    kill -SEGV "$verifier"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check -o match:'verifier: (killed by signal 11|is gone)' cat "$BED/daemon.log"
    atf_check -o empty find "$BED/var" "$BED/run" -name 'core*'
}

atf_init_test_cases() {
    bed_add_tests
}
