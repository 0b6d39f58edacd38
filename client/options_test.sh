#! /usr/bin/env atf-sh
# The options of a command: what dom0 gets, and what programs are told.

peer() {
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case input_is_signed_and_sent
input_is_signed_and_sent_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
def sends(args, input, data=b""):
    c = h.start(*args, stdin=subprocess.PIPE)
    c.stdin.write(data)
    c.stdin.close()
    c.stdin = None
    r = a.next(16 << 20)
    a.take(r)
    check_token(r.id, r.token)
    assert (r.body, r.input) == (b"cat\n", input), (r.body, r.input)
    line = b"input -" if not input else b"input %d %s" % (
        len(input), hashlib.sha256(input).hexdigest().encode())
    assert b"\n" + line + b"\n" in r.token, r.token
    a.finish(r)
    ends(c, 0)
    assert h.queue() == [], h.queue()
big = bytes(range(256)) * 4096
sends(["-i", "cat"], 16 * big, 16 * big)
open("file", "wb").write(b"a\0b")
sends(["--input=file", "cat"], b"a\0b")
sends(["-i", "cat"], b"")
a.end()
for args, said in (
        (["-i", "cat"], b"over 16 MiB"), (["--input=none", "cat"], b"cannot"),
        (["--input=.", "cat"], b"--input")):
    r = h.run(*args, data=16 * big + b"x")
    assert r.returncode == 255 and said in r.stderr, r
    assert h.queue() == []
END
}

atf_test_case words_without_a_shell_are_quoted
words_without_a_shell_are_quoted_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
words = ["key", "show", "-t", "a  $(b) *", "", "it's", "\u00e9"]
c = h.start("--no-shell", *words)
r = a.serve()
ends(c, 0)
assert r.body.startswith(b"'key' 'show' '-t' 'a  $(b) *' '' "), r.body
shown = subprocess.run(["bash", "-c", "printf '%s\\n' " + r.body.decode()],
    capture_output=True).stdout.decode()
assert shown == "".join(w + "\n" for w in words), shown
a.end()
END
}

atf_test_case note_wait_and_check_are_in_the_token
note_wait_and_check_are_in_the_token_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
c = h.start("--note", "for the test", "--wait=7", "-t", "40", "x")
r = a.serve()
ends(c, 0)
lines = r.token.decode().split("\n")
assert "note for the test" in lines and "kind run" in lines
assert int(lines[4].split()[1]) - int(lines[3].split()[1]) == 7
# What dom0 says of it is shown once it is verified, and escaped.
for status, exit in (("checked", 0), ("denied", 126)):
    c = h.start("--check", "x")
    r = a.serve(status=status, exit=exit, out=b"would\x1b[2J\n")
    out, err = ends(c, exit)
    assert b"\nkind check\n" in r.token and r.body == b"x\n"
    assert out == b"would\\x1b[2J\n", out
c = h.start("--check", "x")
a.serve(status="rejected", exit=255, signed=False, out=b"would\n")
assert ends(c, 255)[0] == b""
a.end()
END
}

atf_test_case json_is_one_object_with_all_of_the_answer
json_is_one_object_with_all_of_the_answer_body() {
    peer <<'END'
import base64, json
from peer import *
h = Home()
a = Agent(h)
def answer(args=(), status=0, **fields):
    c = h.start("--json", *args, "x")
    r = a.serve(**fields)
    out, err = ends(c, status)
    assert out.count(b"\n") == 1 and out.isascii(), out
    return r, json.loads(out)
text = '"\\\u00e9\x1b\U0001f600\n\r\0'
r, j = answer(out=text.encode(), err=b"e\xff" * 40000, exit=3, status=3,
    written=len(text.encode()) + 5)
assert (j["id"], j["status"], j["exit"], j["reason"]) == (r.id, "exited", 3, None)
assert j["verified"] and j["out"] == text and "err" not in j
assert base64.b64decode(j["err_base64"]) == b"e\xff" * 40000
assert j["started"] == "2026-02-18T14:30:22.514000Z"
assert j["ended"] == "2026-02-18T14:30:22.517250Z"
assert j["out_written"] == j["out_kept"] + 5 and j["err_kept"] == 80000
assert j["out_sha256"] == hashlib.sha256(text.encode()).hexdigest()
assert j["request_sha256"] == hashlib.sha256(r.token).hexdigest()
assert (j["log_seq"], j["log_hash"]) == (42, "c5" * 32)
r, j = answer(status=255, out=b"bad", signed=False, reason="why")
assert (j["status"], j["exit"], j["reason"]) == ("unsigned", 255, "why")
assert not j["verified"] and "out" not in j
c = h.start("--json", "--check", "x")
a.serve(out=b"would run\n", status="checked")
assert json.loads(ends(c, 0)[0])["out"] == "would run\n"
# What a signal has cancelled is verified, and whole.
for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    c = h.start("--json", "x")
    r = a.next()
    a.take(r)
    c.send_signal(signo)
    a.next()
    a.finish(r, out=b"so far", status="cancelled", exit=130)
    j = json.loads(ends(c, 130)[0])
    assert (j["status"], j["verified"], j["out"]) == ("signal", True, "so far"), j
a.end()
h = Home(key=False)
r = h.run("--json", "x")
j = json.loads(r.stdout)
assert (r.returncode, j["status"], j["id"]) == (255, "error", None)
END
}

atf_test_case a_status_descriptor_tells_our_ends_from_the_commands
a_status_descriptor_tells_our_ends_from_the_commands_body() {
    peer <<'END'
import json
from peer import *
h = Home()
a = Agent(h)
def start(*args):
    ours, theirs = os.pipe()
    c = h.start("--status-fd", str(theirs), *args, "x", pass_fds=[theirs])
    os.close(theirs)
    return c, open(ours)
def events(f):
    return [json.loads(line) for line in f]
c, f = start()
r = a.next()
a.take(r)
assert json.loads(f.readline()) == {"event": "queued", "id": r.id}
# Told again until the client is there to hear it.
while not select.select([f], [], [], 0.05)[0]:
    a.send("state %s queued 2" % r.id)
a.send("state %s running 0" % r.id)
a.finish(r, exit=130)
ends(c, 130)
said = events(f)
while said[0] == said[1]:
    said.pop(0)
assert said == [
    {"event": "queued", "id": r.id, "before": 2},
    {"event": "running", "id": r.id},
    {"event": "exit", "id": r.id, "status": "exited", "exit": 130,
     "reason": None}], said
for status, exit in (("timeout", 124), ("denied", 126), ("exited", 255)):
    c, f = start()
    r = a.serve(status=status, exit=exit, reason="-" if exit == 255 else "r")
    ends(c, exit)
    e = events(f)
    assert (e[-1]["status"], e[-1]["exit"]) == (status, exit), e
    assert len(e) == (2 if status == "denied" else 3), e
c, f = start()
a.serve(signed=False)
ends(c, 255)
assert events(f)[-1]["status"] == "unsigned"
c, f = start()
r = a.next()
a.take(r)
c.send_signal(signal.SIGINT)
a.next()
a.finish(r, status="cancelled", exit=130)
ends(c, 130)
assert events(f)[-1]["status"] == "signal"
a.end()
# Without a session it is never sent, and ends as soon as it is told to.
c, f = start()
assert json.loads(f.readline())["event"] == "queued"
c.send_signal(signal.SIGTERM)
ends(c, 130)
assert events(f)[-1]["status"] == "signal"
END
}

atf_test_case what_does_not_go_together_is_one_line_and_2
what_does_not_go_together_is_one_line_and_2_body() {
    peer <<'END'
from peer import *
h = Home()
for args in (["-i"], ["--no-shell"], ["-i", "--input=x", "y"], ["--note=", "x"],
        ["--idempotency-key", "", "x"],
        ["--note=-", "x"], ["--note=\x1b", "x"], ["--note=" + "x" * 201, "x"],
        ["--wait=0", "x"], ["--status-fd=99", "x"], ["--status-fd=x", "x"],
        ["--json", "key", "show"], ["-t", "5", "key", "show"], ["--frob"],
        ["-\x1b"], ["--\x1b[2J"], ["-t"], ["key"], ["ping", "10.0.0.1"]):
    r = h.run(*args)
    assert r.returncode == 2 and r.stdout == b"", r
    assert r.stderr.count(b"\n") == 1 and b"--" in r.stderr, r.stderr
    assert b"\x1b" not in r.stderr
assert h.list("queue") == []
END
}

atf_test_case the_manual_names_all_that_help_names
the_manual_names_all_that_help_names_body() {
    man=$(atf_get_srcdir)/qvm-remote.1
    "$(atf_get_srcdir)/qvm-remote" --help >help || atf_fail "--help"
    grep -oE -e '(^|[ [])--?[a-z][a-z-]*' help | tr -d ' [' | sort -u >options
    atf_check -o match:'^--timeout$' -o match:'^-t$' -o match:'^--poll$' \
        cat options
    while read -r option; do
        grep -qE "^\.It .*(Fl|,) ${option#-}( |\$)" "$man" ||
            atf_fail "the manual has no $option"
    done <options
    sed -nE '/^Subcommands/,$s/^  ([a-z]+( [a-z]+)?) [ [A-Z].*/\1/p' help \
        >words
    atf_check -o match:'^key gen' -o match:'^agent' cat words
    while read -r words; do
        grep -qE "^\.It Cm $words( |\$)" "$man" ||
            atf_fail "the manual has no $words"
    done <words
}

atf_init_test_cases() {
    atf_add_test_case the_manual_names_all_that_help_names
    atf_add_test_case input_is_signed_and_sent
    atf_add_test_case words_without_a_shell_are_quoted
    atf_add_test_case note_wait_and_check_are_in_the_token
    atf_add_test_case json_is_one_object_with_all_of_the_answer
    atf_add_test_case a_status_descriptor_tells_our_ends_from_the_commands
    atf_add_test_case what_does_not_go_together_is_one_line_and_2
}
