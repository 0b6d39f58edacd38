#!/usr/bin/env atf-sh
# QVM_REMOTE_RETAIN: what of the log goes, that its record is there first, and
# that nothing but that record explains what is missing.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote

segments() {
    find "$BED/$LOG" -name '*.log' -printf '%f\n' | sort
}

count_segments() {
    segments | grep -c .
}

nth() {
    echo "$BED/$LOG/$(segments | sed -n "$1p")"
}

# The log of a day with N more starts, whose first seed is known; nothing runs.
days() {
    bed_up 1
    bed_seed
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    atf_check "$regress/bed" stop
    for _n in $(seq "$1"); do
        atf_check "$regress/bed" start
        atf_check "$regress/bed" stop
    done
}

retain() {
    sed -i '/RETAIN/d' "$BED/etc/qubes/remote.conf"
    echo "QVM_REMOTE_RETAIN=$1" >>"$BED/etc/qubes/remote.conf"
}

# start_to N: what is due goes, and so many segments stay.
start_to() {
    atf_check "$regress/bed" start
    wait_for "[ \$(count_segments) = $1 ]"
}

verify() {
    in_dom0 qvm-remote-dom0 log verify "$@"
}

bed_test what_is_beyond_the_size_goes_and_what_it_was_is_remembered
what_is_beyond_the_size_goes_and_what_it_was_is_remembered_body() {
    bed_up 1
    bed_seed
    id=$(forge vm1 --save /home/user/saved --body "$(witness)")
    wait_result vm1 "$id"
    in_dom0 qvm-remote-dom0 log checkpoint >checkpoint || atf_fail checkpoint
    in_vm vm1 qvm-remote 'echo seen'
    in_vm vm1 qvm-remote history export --witness >receipts
    atf_check -o ignore in_dom0 qvm-remote-dom0 log --cursor "$PWD/cursor"
    # The log will begin within a run.
    atf_check -o ignore in_dom0 qvm-remote-dom0 clock accept
    atf_check "$regress/bed" stop
    retain 1M
    # The newest two stay, whatever their size.
    start_to 2
    bed_verify
    first=$(nth 1)
    atf_check -o match:'"event":"segment"' head -n 1 "$first"
    start_to 2
    [ "$(nth 1)" != "$first" ] || atf_fail "nothing was pruned"
    first=$(segments | sed -n 's/^0*\([0-9]*\)\.log/\1/;1p')
    atf_check -o match:"^pruned: records 1 to $((first - 1))\$" \
        in_dom0 qvm-remote-dom0 status
    atf_check -o match:' pruned records 1 to ' \
        cat "$BED/var/log/qubes/qvm-remote.log"
    # What ran does not run again, though its records have gone.
    forget vm1
    again vm1
    wait_result vm1 "$id"
    atf_check -o match:'^status replayed$' meta_of vm1 "$id"
    atf_check -o inline:'1\n' count_witness
    # Readers go on with what there is.
    atf_check -o match:'AUTH-FAIL' -o not-match:'witness' -e match:'within' \
        in_dom0 qvm-remote-dom0 log --id "$id"
    atf_check -o ignore in_dom0 qvm-remote-dom0 log stat
    atf_check -o ignore -e match:'are not there any more \(`log verify`' \
        in_dom0 qvm-remote-dom0 log --cursor "$PWD/cursor"
    bed_verify
    atf_check -o match:"^proven: records 1 to $((first - 1)) were pruned" \
        -o match:'checkpoint: 1 cannot be checked: the record .* was pruned' \
        -o match:'receipts: [12] cannot be checked' \
        verify --key "$PWD/seed" --since-checkpoint "$PWD/checkpoint" \
        --witness "$PWD/receipts"
    atf_check -o match:"^not proven: that records 1 to $((first - 1)) were" \
        verify
}

bed_test what_is_older_than_that_goes
what_is_older_than_that_goes_body() {
    days 4
    touch -d '40 days ago' "$(nth 1)" "$(nth 2)"
    touch -d '20 days ago' "$(nth 3)" "$(nth 4)"
    kept=$(nth 3)
    retain 30d
    start_to 4
    [ "$(nth 1)" = "$kept" ] || atf_fail "$(nth 1), not $kept"
    bed_verify
    # A clock that is wrong prunes nothing of what was before.
    find "$BED/$LOG" -name '*.log' -exec touch -d '4000 days ago' {} +
    start_to 5
    bed_verify
    # Each snapshot says it again.
    retain all
    start_to 6
    bed_verify
}

bed_test a_segment_that_was_stolen_is_not_hidden_by_pruning
a_segment_that_was_stolen_is_not_hidden_by_pruning_body() {
    days 4
    bed_altered
    retain 1M
    for n in 1 2 3; do
        stolen=$(nth $n)
        mv "$stolen" stolen
        atf_check "$regress/bed" start
        wait_for 'grep -q "nothing is pruned" "$BED/daemon.log"'
        atf_check "$regress/bed" stop
        atf_check -s exit:1 -o match:'^altered: record .*: missing' verify
        : >"$BED/daemon.log"
        mv stolen "$stolen"
    done
    start_to 2
    bed_verify
    # Of what stays, nothing can be passed off as pruned.
    rm "$(nth 1)"
    atf_check -s exit:1 -o match:'^altered: record 1: missing' verify
    atf_check -s exit:1 -o match:'^altered: record 1: ' \
        verify --key "$PWD/seed"
}

bed_test packed_segments_are_pruned_and_the_newest_are_missed
packed_segments_are_pruned_and_the_newest_are_missed_body() {
    days 4
    atf_check -o match:'0001.log.zst: ' in_dom0 qvm-remote-dom0 log compress
    bed_verify
    retain 30d
    find "$BED/$LOG" -name '*.zst' | sort | head -n 2 |
        xargs touch -d '40 days ago'
    atf_check "$regress/bed" start
    wait_for '[ "$(find "$BED/$LOG" -name "*.zst" | grep -c .)" = 1 ]'
    bed_verify
    atf_check -o match:'log.zst: ' in_dom0 qvm-remote-dom0 log compress
    # Without those that are not packed nothing is known of what has run.
    bed_altered
    find "$BED/$LOG" -name '*.log' -delete
    atf_check -s exit:1 -e match:'which is packed, are not there: look at it' \
        "$regress/bed" start
}

# killed_at N: the verifier, instead of its Nth unlink.
killed_at() {
    unset BED_CLOCK # the daemon is traced here
    "$BED/usr/libexec/bed/supervise" start -g "$(bed_cgroup)/daemon" \
        -l "$BED/daemon.log" "$BED/run/bed/daemon" "$(command -v strace)" -D \
        -f -qq -o trace -e trace=unlinkat \
        -e "inject=unlinkat:error=EIO:signal=KILL:when=$1" \
        "$BED/usr/bin/qvm-remote-dom0" --root "$BED" 2>said
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
}

# Three are of the segment that begins and of the sandbox; each of the others is
# one that is due.
bed_test a_crash_while_it_prunes_is_gone_on_from
a_crash_while_it_prunes_is_gone_on_from_head() {
    atf_set require.user root
    atf_set require.progs strace
    atf_set timeout 120
}
a_crash_while_it_prunes_is_gone_on_from_body() {
    days 4
    retain 1M
    killed_at 4
    atf_check -o inline:'6\n' count_segments
    atf_check -s exit:3 -o match:'^intact: ' verify --key "$PWD/seed"
    killed_at 5
    atf_check -o inline:'6\n' count_segments
    atf_check -s exit:3 -o match:'^intact: ' \
        -o match:'^note: records [0-9]* to [0-9]* are to be pruned' \
        verify --key "$PWD/seed"
    start_to 2
    bed_verify
}

atf_init_test_cases() {
    bed_add_tests
}
