#!/usr/bin/env atf-sh
# log erase: nothing of a VM is left but that it was erased, and verify knows.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

# Some days of vm1 and vm2, then vm1 is revoked.
revoked() {
    bed_up 2
    bed_altered
    bed_seed
    for n in 1 2 3; do
        atf_check -o inline:"secret $n\n" in_vm vm1 qvm-remote "echo secret $n"
        atf_check -o inline:"public $n\n" in_vm vm2 qvm-remote "echo public $n"
        atf_check "$regress/bed" stop
        atf_check "$regress/bed" start
    done
    in_vm vm1 qvm-remote history export --witness >receipts
    revoke
}

# The oldest of them are packed.
packed_and_revoked() {
    revoked
    dom0 log compress >said || atf_fail "log compress"
    grep -q zst said || atf_fail "nothing was packed"
}

revoke() {
    rm "$BED/etc/qubes/remote.d/vm1.conf"
    atf_check -o ignore -e ignore dom0 revoke vm1
    wait_for '! in_dom0 qvm-remote-dom0 status | grep -q "^VM vm1:"'
}

# All that the log has, packed or not.
all() {
    for segment in "$BED/$LOG"/*.log*; do
        case $segment in
        *.zst) zstd -dcq "$segment" ;;
        *) tr -d '\000' <"$segment" ;;
        esac
    done
}

# What the log says of it is one record.
is_erased() {
    all >records
    atf_check -o inline:"$1\n" grep -c vm1 records
    atf_check -o inline:"$1\n" grep -c '"event":"erase","erased":"vm1"' records
    atf_check -s exit:1 grep secret records
    atf_check -o inline:'3\n' sh -c \
        'grep "\"event\":\"intent\"" records | grep -c "echo public"'
    atf_check test ! -e "$BED/$LOG/.rewritten"
}

# Both verifiers, with the key and without.
is_whole() {
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole.*the seals hold' \
        dom0 log verify --key "$PWD/seed" "$@"
    atf_check -o match:'^whole' "$regress/log-verify" --key seed "$BED/$LOG"
}

bed_test an_open_browser_shows_them_no_more
an_open_browser_shows_them_no_more_body() {
    bed_up 1
    bed_altered
    atf_check -o inline:'secret\n' in_vm vm1 qvm-remote 'echo secret'
    revoke
    export TREE
    python3 -B "$regress/web_checks" erased_records_are_served_no_more \
        2>said || atf_fail "$(tail -n 1 said)"
}

bed_test its_kept_outputs_go_too
its_kept_outputs_go_too_body() {
    bed_up 1
    bed_altered
    bed_seed
    policy vm1 'mode = shell' 'record = full'
    atf_check -o inline:'secret\n' in_vm vm1 qvm-remote 'echo secret'
    kept=$BED/$LOG/output/vm1
    cp -a "$kept" before
    atf_check grep -qr secret before
    revoke
    atf_check -o match:'^[0-9]+ records of vm1 are erased' \
        -o match:"^3 files of vm1's kept outputs are removed; record " \
        dom0 log erase vm1 --yes
    atf_check test ! -e "$kept"
    # What a crash has left of them, or the pruning of their records.
    cp -a before "$kept"
    atf_check -s exit:1 -e match:'asks for a `yes` at a terminal' \
        dom0 log erase vm1 </dev/null
    atf_check diff -r before "$kept"
    atf_check -o match:"^3 files of vm1's kept outputs are removed; record " \
        env SUDO_USER=alice "$regress/bed" dom0 \
        qvm-remote-dom0 log erase vm1 --yes
    atf_check test ! -e "$kept"
    all >records
    atf_check -o inline:'2\n' grep -c '"erased":"vm1",.*"outputs":3,' records
    atf_check grep -q '"count":0,"first":0,.*"outputs":3,"who":"alice"' records
    atf_check -s exit:1 -e match:'the log has no record of vm1' \
        dom0 log erase vm1 --yes
    is_whole
}

bed_test what_is_erased_is_gone_and_the_rest_is_whole
what_is_erased_is_gone_and_the_rest_is_whole_body() {
    packed_and_revoked
    find "$BED/$LOG" -name '*.log*' -printf '%p %T@\n' | sort | head -n 1 >oldest
    atf_check -o match:'^[0-9]+ records of vm1 are erased; record [0-9]+ says' \
        dom0 log erase vm1 --yes
    is_erased 1
    atf_check -o match:'public 3' -o not-match:'vm1' dom0 log
    # What it is pruned by is as it was, and it is packed again.
    old=$(sed 's/\.zst / /; s/ .*//' oldest)
    atf_check -o inline:"$(sed 's/.* //' oldest)\n" stat -c '%.10Y' "$old"
    atf_check -o match:'log.zst: ' dom0 log compress
    is_erased 1
    is_whole --witness "$PWD/receipts"
    atf_check -o match:'receipts: 3 fit, 0 disagree' \
        -o match:'^note: [0-9]* of them were erased, as later ones say' \
        dom0 log verify --witness "$PWD/receipts"
    # Its next life is not erased, and then it is.
    atf_check "$regress/bed" start
    atf_check -s exit:1 -e match:'the log has no record of vm1' \
        dom0 log erase vm1 --yes
    in_vm vm1 cat .qvm-remote/auth.key >key
    dom0 authorize vm1 <key >said 2>&1 || atf_fail "authorize"
    atf_check -o inline:'secret 4\n' in_vm vm1 qvm-remote 'echo secret 4'
    revoke
    atf_check -o match:'records of vm1 are erased' dom0 log erase vm1 --yes
    is_erased 2
    is_whole
}

# refused STATUS SAYS WORD...
refused() {
    _want=$1
    _says=$2
    shift 2
    atf_check -s "exit:$_want" -e match:"$_says" dom0 log erase "$@" </dev/null
    all | cmp -s - before || atf_fail "the log has changed"
}

bed_test what_may_not_be_erased_stays
what_may_not_be_erased_stays_body() {
    bed_up 2
    atf_check -o ignore in_vm vm1 qvm-remote 'echo secret 1'
    wait_for 'all | grep -q "\"event\":\"delivered\""'
    all >before
    refused 1 'vm1 has a key: revoke it, and remove vm1.key' vm1 --yes
    refused 2 'one VM' --yes
    refused 2 'one VM' vm1 vm2
    refused 1 'is no VM' ../vm1 --yes
    refused 1 'the log has no record of vm9' vm9 --yes
    in_vm vm1 sh -c 'qvm-remote --detach "until [ -e '"$BED"'/go ]; do sleep 0.1
        done"' >id
    wait_for 'in_dom0 qvm-remote-dom0 queue | grep -q runs'
    mv "$BED/etc/qubes/remote.d/vm1.conf" conf
    atf_check -o ignore -e ignore dom0 revoke vm1 --drain
    cp conf "$BED/etc/qubes/remote.d/vm1.conf"
    wait_for 'all | grep -q "\"event\":\"unserved\"" &&
        all | grep -q "\"event\":\"revoke\""'
    all >before
    refused 1 'vm1 has a policy: .* remove vm1.conf' vm1 --yes
    rm "$BED/etc/qubes/remote.d/vm1.conf"
    refused 1 'asks for a `yes` at a terminal' vm1
    refused 1 'the daemon still knows vm1: `queue` shows' vm1 --yes
    : >"$BED/go"
    wait_for '! in_dom0 qvm-remote-dom0 status | grep -q "^VM vm1:"'
    atf_check "$regress/bed" stop
    all >before
    refused 3 'no daemon runs' vm1 --yes
    # Kept outputs go when that is on record.
    mkdir "$BED/$LOG/output/vm9"
    : >"$BED/$LOG/output/vm9/1.out"
    refused 3 'no daemon runs' vm9 --yes
    atf_check rm "$BED/$LOG/output/vm9/1.out"
    refused 1 'the log has no record of vm9' vm9 --yes
    rmdir "$BED/$LOG/output/vm9"
}

# What a crash leaves is said by verify, and gone on from with the same record.
bed_test a_crash_while_it_erases_is_gone_on_from
a_crash_while_it_erases_is_gone_on_from_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
a_crash_while_it_erases_is_gone_on_from_body() {
    packed_and_revoked
    for point in renameat:1 unlinkat:2 fsync:3 renameat2:1 unlinkat:3; do
        strace -qq -o /dev/null \
            -e inject="${point%:*}:signal=KILL:when=${point#*:}" \
            "$BED/usr/bin/qvm-remote-dom0" --root "$BED" log erase vm1 --yes \
            >said 2>&1
        _status=$?
        [ $_status -gt 128 ] || atf_fail "$point: $_status: $(cat said)"
        atf_check -s exit:1 -o match:'^altered: record .* not come to its end' \
            dom0 log verify --key "$PWD/seed"
    done
    atf_check -o match:'records of vm1 are erased' dom0 log erase vm1 --yes
    is_erased 1
    is_whole
}

bed_test where_it_cannot_write_it_is_gone_on_from
where_it_cannot_write_it_is_gone_on_from_body() {
    revoked
    (ulimit -f 1 && exec "$BED/usr/bin/qvm-remote-dom0" --root "$BED" \
        log erase vm1 --yes) >said 2>&1
    atf_check -o match:'error: log segment .*: .* failed; it is as it was' \
        cat said
    atf_check test ! -e "$BED/$LOG/.rewritten"
    atf_check -o match:'records of vm1 are erased' dom0 log erase vm1 --yes
    is_erased 1
    is_whole
}

# A disk that lied has half of the newest snapshot.
bed_test without_a_newer_snapshot_what_was_erased_is_missed
without_a_newer_snapshot_what_was_erased_is_missed_body() {
    revoked
    atf_check -o ignore dom0 log erase vm1 --yes
    atf_check "$regress/bed" stop
    newest=$(find "$BED/$LOG" -name '*.log' | sort | tail -n 1)
    head -n 1 "$newest" >kept
    cat kept >"$newest"
    atf_check -s exit:1 -e match:'record [0-9]* was erased, and the segment' \
        "$regress/bed" start
}

atf_init_test_cases() {
    bed_add_tests
}
