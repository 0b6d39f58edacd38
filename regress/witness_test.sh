#!/usr/bin/env atf-sh
# What shows that the log was put back or cut off: checkpoints, and what a VM
# has kept.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote

verify() {
    in_dom0 qvm-remote-dom0 log verify "$@"
}

# kept N: what is known elsewhere, at that time.
kept() {
    in_dom0 qvm-remote-dom0 log checkpoint >"checkpoint.$1" ||
        atf_fail "no checkpoint"
    in_vm vm1 qvm-remote history export --witness >"receipts.$1" ||
        atf_fail "no receipts"
}

# The log as it was then.
save() {
    cp -a "$BED/$LOG" "$BED/$1"
}

restore() {
    rm -r "${BED:?}/$LOG"
    cp -a "$BED/$1" "$BED/$LOG"
}

# The honest daemon goes on with what it finds, for longer than the log was.
go_on() {
    atf_check "$regress/bed" start
    # shellcheck disable=SC2016 # the VM's shell expands it
    atf_check -o ignore in_vm vm1 sh -c \
        'for n in 5 6 7 8 9; do qvm-remote "echo $n" || exit 1; done'
    atf_check "$regress/bed" stop
}

# alone STATUS TEXT: what verify says without them, with its key.
alone() {
    atf_check -s "exit:$1" -o match:"$2" verify --key "$PWD/seed"
}

# shown CHECKPOINT RECEIPT: and what each of the newer ones shows; the older
# ones hold.
shown() {
    atf_check -s exit:1 -o match:"$1" \
        verify --since-checkpoint "$PWD/checkpoint.2"
    atf_check -s exit:1 -o match:"^disagrees: record [0-9]*: .*$2" \
        -o match:'^disputed' verify --witness "$PWD/receipts.2"
    verify --key "$PWD/seed" --since-checkpoint "$PWD/checkpoint.1" \
        --witness "$PWD/receipts.1" >said
    atf_check -o match:'^proven: up to record .* \(.*/checkpoint.1\)$' \
        -o match:'receipts.1: receipts: [1-9][0-9]* fit, 0 disagree' cat said
}

# Of the newest segment, up to a line in its middle.
cut_off() {
    python3 - "$BED/$LOG" "$(cut -d' ' -f4 checkpoint.1)" <<'END'
import glob, json, sys
path = sorted(glob.glob(sys.argv[1] + "/*.log"))[-1]
lines = open(path, "rb").read().splitlines(keepends=True)
# The first that no checkpoint of the time had: of the second request.
keep = [l for l in lines if json.loads(l)["seq"] <= int(sys.argv[2]) + 3]
assert len(keep) < len(lines)
open(path, "wb").write(b"".join(keep))
END
}

bed_test what_is_cut_off_or_put_back_is_shown_from_outside
what_is_cut_off_or_put_back_is_shown_from_outside_body() {
    bed_up 1
    bed_altered
    bed_seed
    atf_check -o ignore in_vm vm1 qvm-remote 'echo one'
    kept 1
    atf_check "$regress/bed" stop
    save old
    atf_check "$regress/bed" start
    for n in 2 3 4; do
        atf_check -o ignore in_vm vm1 qvm-remote "echo $n"
    done
    kept 2
    atf_check "$regress/bed" stop
    save true
    newest=$(cut -d' ' -f4 checkpoint.2)
    atf_check -o match:'^whole: .*the seals hold' \
        -o match:"^proven: up to record $newest .*/checkpoint.2\\)" \
        -o match:'receipts.2: receipts: 4 fit, 0 disagree, 0 ' \
        verify --key "$PWD/seed" --since-checkpoint "$PWD/checkpoint.1" \
        --since-checkpoint "$PWD/checkpoint.2" --witness "$PWD/receipts.2"
    # Log and seed of an earlier day: all seals hold.
    restore old
    alone 0 'the seals hold'
    shown "^cut: the checkpoint .* record $newest was" 'behind the end'
    go_on
    alone 0 'the seals hold'
    shown "^altered: record $newest: .* names another hash" 'another hash'
    # The last segment.
    restore true
    rm "$(find "$BED/$LOG" -name '*.log' | sort | tail -n 1)"
    alone 0 'the seals hold'
    shown "^cut: the checkpoint .* record $newest was" 'behind the end'
    # Its end; and then the daemon, which has the next seed, goes on.
    restore true
    cut_off
    alone 3 'a crash, or the end was cut off'
    shown "^cut: the checkpoint .* record $newest was" 'behind the end'
    go_on
    alone 0 'no closing record: a crash, or its end was replaced'
    shown "^altered: record $newest: .* names another hash" 'another hash'
    # The first and one within need nothing else.
    second=$(find "$BED/$LOG" -name '*.log' | sort | sed -n '2s,.*/0*\([0-9]*\).log$,\1,p')
    for first in 1 "$second"; do
        segment=$BED/$LOG/$(printf '%020d' "$first").log
        mv "$segment" segment || atf_fail "not there: $first"
        alone 1 "^altered: record $first: missing"
        mv segment "$segment"
    done
}

# Each field of a receipt, changed as a liar's could be.
make_lies() {
    python3 - "$1" <<'END'
import re, sys
text = open(sys.argv[1]).read()
receipts = re.split(r"(?m)^(?=qvm-remote-receipt)", text)[1:]
exited = next(r for r in receipts if "\nout 3 3 " in r)
denied = next(r for r in receipts if "\nstatus denied\n" in r)
DIGEST = "a" * 64
for n, (how, receipt, field, value) in enumerate((
        ("has another id", exited, r"id \S+", "id 20260218-143022-1234-a1b2c3d4"),
        ("is of another request", exited, r"request \S+", "request " + DIGEST),
        ("has another status", exited, r"status \S+\nexit \d+",
         "status timeout\nexit 124"),
        ("has another exit status", exited, r"exit \d+", "exit 77"),
        ("has another reason", denied, r"reason .*", "reason because"),
        ("has another reason", denied, r"reason .*", "reason -"),
        ("has other times", exited, r"started \d+", "started 1"),
        ("has other times", exited, r"(ended .*)\d", r"\g<1>x"),
        ("has other times", denied, r"started -\nended -",
         "started 1.000000\nended 1.000000"),
        ("has other output", exited, r"out \d+", "out 99"),
        ("has other output", exited, r"out 3 3 \S+", "out 3 2 " + DIGEST),
        ("has other output", exited, r"err 0 0 ", "err 1 0 "),
        ("names another hash", exited, r"(log \d+) \S+", r"\g<1> " + DIGEST),
        ("names another hash", exited, r"log \d+", "log 2"))):
    if value.endswith("x"):
        last = re.search(field, receipt)
        value = last[1] + str((int(last[0][-1]) + 1) % 10)
    lie, count = re.subn("(?m)^" + field, value, receipt, count=1)
    assert count == 1 and lie != receipt, (how, field)
    # Ten of a file are named.
    with open("lies.%d" % (n // 10), "a") as f:
        print("lies.%d, line %d) %s" % (n // 10, 12 * (n % 10) + 1, how))
        f.write(lie)
END
}

bed_test every_receipt_fits_and_each_lie_is_named
every_receipt_fits_and_each_lie_is_named_body() {
    bed_up 1
    echo 'timeout = 3' >>"$BED/etc/qubes/remote.d/vm1.conf"
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    in_vm vm1 qvm-remote 'echo ok'
    # shellcheck disable=SC2016 # dom0's shell expands it
    for command in 'exit 7' 'kill -9 $$' 'echo >&2'; do
        in_vm vm1 qvm-remote "$command"
    done
    in_vm vm1 qvm-remote -t 1 'sleep 20'
    in_vm vm1 qvm-remote -t 4 true
    in_vm vm1 qvm-remote --check true
    in_vm vm1 qvm-remote --input=/etc/passwd cat
    in_vm vm1 qvm-remote -t 1 ping
    # One that ran when all ended is interrupted.
    in_vm vm1 qvm-remote --detach 'echo x; sleep 1' >id
    wait_for 'grep -q "\"id\":\"$(cat id)\"" "$BED/$LOG"/*.log'
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
    in_vm vm1 qvm-remote wait "$(cat id)"
    in_vm vm1 qvm-remote history export --witness >receipts ||
        atf_fail "no receipts"
    for status in exited signaled timeout denied checked interrupted; do
        atf_check -o not-inline:'0\n' grep -c "^status $status" receipts
    done
    count=$(grep -c '^qvm-remote-receipt' receipts)
    atf_check -o match:"receipts: $count fit, 0 disagree, 0 are not" \
        verify --witness "$PWD/receipts"
    make_lies receipts | sort >wanted
    atf_check -o inline:'14\n' grep -c . wanted
    atf_check -s exit:1 -o save:said verify --witness "$PWD/lies.0" \
        --witness "$PWD/lies.1"
    sed -n 's/^disagrees: record [0-9]*: .*\(lies.*\)/\1/p' said | sort >found
    atf_check -o file:wanted cat found
}

atf_init_test_cases() {
    bed_add_tests
}
