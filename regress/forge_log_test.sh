#!/usr/bin/env atf-sh
# A command that runs as root in dom0, and has copied all of the log's folder,
# rewrites what the log says of it, over the runs that follow too.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote

restart() {
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
}

# Three runs; in the second one the command copies what there is.
stolen_log() {
    bed_up 1
    bed_altered
    bed_seed
    atf_check -o ignore in_vm vm1 qvm-remote 'echo before'
    restart
    atf_check -o ignore in_vm vm1 qvm-remote 'echo again'
    atf_check in_vm vm1 qvm-remote "cp -a $BED/$LOG $BED/copy"
    restart
    atf_check -o ignore in_vm vm1 qvm-remote 'echo after'
    atf_check "$regress/bed" stop
    both 0 whole
}

# forged HOW: of a fresh copy; the sequence of the forger's intent is in $seq.
forged() {
    [ -e "$BED/true" ] || cp -a "$BED/$LOG" "$BED/true"
    rm -r "${BED:?}/$LOG"
    cp -a "$BED/true" "$BED/$LOG"
    seq=$("$regress/forge-log" "$BED/$LOG" "$BED/copy" seed "$1") ||
        atf_fail "$1: not forged"
    # Without the key it is a log like any other.
    atf_check -o ignore in_dom0 qvm-remote-dom0 log verify
    atf_check -o ignore "$regress/log-verify" "$BED/$LOG"
}

first_says() {
    atf_check -s "exit:$1" -o match:"$2" \
        in_dom0 qvm-remote-dom0 log verify --key "$PWD/seed"
}

second_says() {
    atf_check -s "exit:$1" -o match:"$2" \
        "$regress/log-verify" --key seed "$BED/$LOG"
}

both() {
    first_says "$@"
    second_says "$@"
}

bed_test the_record_of_its_own_start_cannot_be_forged
the_record_of_its_own_start_cannot_be_forged_body() {
    stolen_log
    forged control
    both 0 '^whole'
    forged late
    both 1 "^altered: record $seq: "
    # And what the daemon would remember after its next start.
    forged snapshot
    both 1 "^altered: record $seq: "
}

bed_test its_run_cannot_be_claimed_for_another_line
its_run_cannot_be_claimed_for_another_line_body() {
    stolen_log
    forged claimed
    second_says 1 '^altered: record 1: sealed with another seed'
    first_says 1 '^altered: record [0-9]*: '
}

bed_test its_run_cannot_be_claimed_by_numbering_the_others_anew
its_run_cannot_be_claimed_by_numbering_the_others_anew_body() {
    stolen_log
    forged shifted
    both 1 'first run of its (line|seed) is not there'
}

# A crash looks the same: checkpoints and receipts show it, verify notes it.
bed_test its_run_cut_off_is_noted
its_run_cut_off_is_noted_body() {
    stolen_log
    forged cut
    first_says 0 '^note: run 2 has no closing record: a crash, or its end was'
    second_says 0 'run 2 has no closing record'
}

# The design's limit: a start that ended too early looks the same.
bed_test its_run_left_out_is_noted
its_run_left_out_is_noted_body() {
    stolen_log
    forged dropped
    first_says 0 '^note: runs? 2 .*no record'
    second_says 0 'no record of run 2'
}

atf_init_test_cases() {
    bed_add_tests
}
