#!/usr/bin/env atf-sh
# qvm-remote-log(5) says what the log holds, qvm-remote-protocol(7) what a client
# and an agent say.
. "$(atf_get_srcdir)/lib.sh"

# log_manual PAGE [SOURCE]...: beside what the daemon writes, what `log erase` does.
log_manual() {
    _page=$1
    shift
    python3 "$regress/log_manual.py" "$_page" "$TREE"/verifier/*.c \
        "$TREE"/admin/stubs.[ch] "$TREE/imsg/act.c" "$@"
}

# What a clean life leaves, and what a crash does.
many_records() {
    in_vm vm1 qvm-remote --note 'for a test' -t 20 'cat; echo ok; echo no >&2' \
        >/dev/null 2>&1 || atf_fail "run"
    printf 'x\377\n' | in_vm vm1 qvm-remote -i 'cat; printf "\377" >&2' \
        >/dev/null 2>&1 || atf_fail "input"
    in_vm vm1 qvm-remote --check true >/dev/null || atf_fail "check"
    in_vm vm1 qvm-remote ping >/dev/null || atf_fail "ping"
    in_vm vm1 qvm-remote -t 86400 true 2>/dev/null
    forge vm1 --key "$(other_key)" --wait 20 >/dev/null
    id=$(in_vm vm1 qvm-remote --detach 'sleep 60') || atf_fail "detach"
    wait_for "in_vm vm1 test -e .qvm-remote/queue/running/$id.auth"
    in_vm vm1 qvm-remote cancel "$id" || atf_fail "cancel"
    wait_result vm1 "$id"
    atf_check -o ignore in_dom0 qvm-remote-dom0 clock accept
    # The answer is owed over a restart, and a cancel waits for its request.
    forge vm1 --kind cancel --id 20260218-143022-1234-a1b2c3d4 >/dev/null
    wait_for '[ "$(count_log "before its request")" = 1 ]'
    in_vm vm1 qvm-remote --detach 'sleep 2; echo late' >/dev/null ||
        atf_fail "late"
    wait_for '[ "$(count_log "echo late")" = 1 ]'
    "$regress/bed" halt vm1
    wait_for '[ "$(count_log "\"exit\":0.*late")" = 1 ]'
}

bed_test every_event_and_field_of_a_log_is_in_the_manual
every_event_and_field_of_a_log_is_in_the_manual_body() {
    bed_up 1
    policy vm1 'mode = shell' 'record = full'
    many_records
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    atf_check "$regress/bed" start
    "$regress/bed" boot vm1
    wait_for '[ "$(count_log "\"event\":\"delivered\"")" -ge 6 ]'
    atf_check "$regress/bed" stop
    cat_log >log
    python3 -c 'import json
print(*sorted({json.loads(line)["event"] for line in open("log")}))' >events
    for event in start stop key session session-end intent result refused \
        cancel delivered clock-accept snapshot snapshot-key snapshot-memory \
        snapshot-vm snapshot-request snapshot-cancel; do
        grep -qw "$event" events || atf_fail "no $event: $(cat events)"
    done
    atf_check -o empty log_manual "$TREE/man/qvm-remote-log.5" <log
}

atf_test_case what_the_manual_does_not_say_is_named
what_the_manual_does_not_say_is_named_body() {
    cat >new.c <<'END'
static void
record_new(void)
{
	rec = journal_begin("new", NULL, NULL);
	record_str(rec, "colour", value);
	record_event(vm, "other", "shade", value);
}
static void
handed_on(const char *name)
{
	rec = journal_begin(name, NULL, NULL);
}
END
    printf '%s\n' '{"seq":"1","event":"stop","why":1}' '{"event":"odd"}' >log
    log_manual "$TREE/man/qvm-remote-log.5" new.c <log >said ||
        atf_fail "log_manual"
    sed 's/^.*new\.c/new.c/' said | sort >have
    sort >want <<'END'
event new
event odd
event other
event stop: field why
field colour
field seq: not of the kind "1"
field shade
field why: not of the kind 1
new.c: handed_on writes an event that this test cannot read
END
    atf_check diff want have
    sed '/^\.It Li boot Pq/,/^\.It/d' "$TREE/man/qvm-remote-log.5" >page
    atf_check -o match:'^field boot$' log_manual page </dev/null
    sed '/^\.It Cm erased$/,/^\.It/d' "$TREE/man/qvm-remote-log.5" >page
    atf_check -o match:'^event erased$' log_manual page </dev/null
    sed 's/^\.It Cm stop$/.It Cm fly\nNo fields.\n&/' \
        "$TREE/man/qvm-remote-log.5" >with-more
    atf_check -o inline:'event fly is written nowhere\n' \
        log_manual with-more </dev/null
}

# The bytes that another implementation is to make.
atf_test_case examples_of_the_protocol_hold
examples_of_the_protocol_hold_body() {
    cat >check.py <<'END'
import hashlib, hmac, re, sys
page = open(sys.argv[1], encoding="ascii").read()
key, name = bytes(range(32)), b"20260218-143022-1234-a1b2c3d4"

def mac(key, text):
    return hmac.new(key, text, hashlib.sha256)

def block(first):
    return re.search(r"^%s\n(?:[a-z]+ .*\n)*mac [0-9a-f]{64}\n" % first, page,
                     re.M)[0].encode()

def signed(text, what, *more):
    of = mac(key, b"qvm-remote %s key 2" % what).digest()
    assert what.decode() + " key " + of.hex() in page
    covered = b"".join([b"qvm-remote %s 2\n" % what, *more, text[:-69]])
    assert text[-69:] == b"mac %s\n" % mac(of, covered).hexdigest().encode()

token, receipt = block("qvm-remote-auth 2"), block("qvm-remote-receipt 2")
signed(token, b"request", name, b"\n")
signed(receipt, b"receipt")
for text in (b"qvm-remote key fingerprint 2\n" + key, token, b"echo ok\n", b"ok\n"):
    assert hashlib.sha256(text).hexdigest()[:16] in page, text
assert "%d 8 0" % len(token) in page and "0 %d\n" % len(receipt) in page
assert key.hex() in page.replace("\\:", "")
END
    atf_check python3 check.py "$TREE/man/qvm-remote-protocol.7"
}

atf_test_case every_frame_and_status_is_in_the_manual
every_frame_and_status_is_in_the_manual_body() {
    page=$TREE/man/qvm-remote-protocol.7
    sed -n 's/^ *\[FRAME_[A-Z_]*\] = {FRAME_[A-Z0-9]*, "\([^"]*\)".*/\1/p' \
        "$TREE/wire/frame.c" >frames
    atf_check -o inline:'16\n' grep -c . frames
    while read -r frame; do
        grep -q "^\.It Cm $frame\( \|\$\)" "$page" || atf_fail "$frame"
    done <frames
    sed -n 's/^\tX([A-Z_]*, "\([a-z-]*\)", .*/\1/p' "$TREE/wire/receipt.h" \
        >statuses
    atf_check -o inline:'11\n' grep -c . statuses
    while read -r status; do
        grep -q "^\.It Li $status Ta" "$page" || atf_fail "$status"
    done <statuses
}

atf_test_case every_manual_has_its_sections
every_manual_has_its_sections_body() {
    for page in "$TREE"/man/*.[1-8]; do
        for section in FILES 'EXIT STATUS' EXAMPLES \
            'SECURITY CONSIDERATIONS'; do
            grep -q "^\.Sh $section$" "$page" ||
                atf_fail "$page has no $section"
        done
    done
}

bed_test the_smallest_client_works
the_smallest_client_works_body() {
    bed_up 1
    mandoc -T ascii -O width=200 "$TREE/man/qvm-remote-protocol.7" |
        sed 's/.\x08//g' | sed -n '/^ *hmac() {/,/^ *For tests/p' |
        sed '$d' >client.sh
    { cat client.sh; echo 'ask "echo hi; exit 3"'; } >right
    atf_check -s exit:3 -o inline:'hi\n' in_vm vm1 sh <right
    # Where the receipt is another one's, it does not believe the output.
    { sed 's/receipt key 2/receipt key 3/' client.sh; cat; } >wrong <<'END'
ask 'echo hi'
END
    atf_check -s exit:255 in_vm vm1 sh <wrong
}

# fleet N: the Nth block of its examples, with the bed's folders.
fleet() {
    mandoc -T ascii -O width=200 "$TREE/man/qvm-remote-fleet.7" |
        sed 's/.\x08//g' | sed -n '/^EXAMPLES/,/^SEE ALSO/p' |
        awk -v n="$1" '/^ *[#$] / && !block { block = 1; at++ }
            /^$/ { block = 0 }
            block && at == n { sub(/^ *[#$] /, ""); print }' |
        sed "s,-C /var/log,-C $BED/var/log,"
}

# verify_copy WANTED-STATUS PATTERN: elsewhere, by nobody in particular.
verify_copy() {
    rm -rf "$BED/elsewhere"
    cp -r "$BED/vms/logs/home" "$BED/elsewhere"
    chown -R nobody "$BED/elsewhere"
    { echo "cd $BED/elsewhere && PATH=$BED/usr/bin:$PATH"; fleet 2; } >verify
    atf_check -s exit:"$1" -o match:"$2" setpriv --reuid nobody \
        --regid nogroup --clear-groups sh <verify
}

bed_test a_log_is_copied_and_verified_elsewhere
a_log_is_copied_and_verified_elsewhere_body() {
    bed_up 1
    "$regress/bed" boot logs
    in_vm vm1 qvm-remote true || atf_fail "run"
    fleet 1 >copy
    atf_check -o inline:'2\n' grep -c qvm-run copy
    in_dom0 sh -e <copy 2>said || cat said
    verify_copy 3 '^proven: up to record [0-9]* all is as it was at the check'
    atf_check -o empty find "$BED/elsewhere" -name seed -o -name lock
    # What is older than a checkpoint is not taken for whole.
    in_vm vm1 qvm-remote true || atf_fail "run"
    sed -n '/checkpoint/,/checkpoints/p' copy >checkpoint
    atf_check in_dom0 sh -e <checkpoint
    verify_copy 1 '^cut: the checkpoint of .*checkpoints, line 2'
}

atf_init_test_cases() {
    bed_add_tests
    atf_add_test_case what_the_manual_does_not_say_is_named
    atf_add_test_case examples_of_the_protocol_hold
    atf_add_test_case every_manual_has_its_sections
    atf_add_test_case every_frame_and_status_is_in_the_manual
}
