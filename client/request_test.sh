#! /usr/bin/env atf-sh
# What is typed in the VM: options, keys, and the life of one request.

program() {
    echo "$(atf_get_srcdir)/qvm-remote"
}

peer() {
    QVM_REMOTE=$(program) PYTHONPATH=$(atf_get_srcdir) \
    PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case options_end_at_the_first_word
options_end_at_the_first_word_body() {
    p=$(program)
    export HOME="$PWD"
    atf_check -o match:'^qvm-remote [0-9.]+ \(protocol 2\)$' "$p" --version
    atf_check -o match:usage: "$p" -h
    atf_check -o match:usage: "$p" --help
    for wrong in '-t' '-t 0' '-t 1x' '-t 86401' '--timeout=' '-x' '--vers=1' \
        'key' 'key frob' 'key show --fingerprint x' 'ping 10.0.0.1' \
        'agent --wait' 'agent x'; do
        # shellcheck disable=SC2086
        atf_check -s exit:2 -e not-empty "$p" $wrong
    done
    # None of these has touched the home.
    atf_check test ! -e .qvm-remote
}

atf_test_case words_options_and_script_reach_dom0_as_they_are
words_options_and_script_reach_dom0_as_they_are_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
def sees(args, body, timeout="-", life=330, data=None):
    c = h.start(*args, stdin=subprocess.PIPE)
    if data is not None:
        c.stdin.write(data)
        c.stdin.close()
        c.stdin = None
    r = a.next()
    a.take(r)
    check_token(r.id, r.token)
    lines = r.token.decode().split("\n")
    issued, expires = int(lines[3].split()[1]), int(lines[4].split()[1])
    assert lines[1] == "key " + FINGERPRINT
    assert abs(issued - time.time()) < 5 and expires - issued == life, lines
    assert lines[2] == "kind run" and lines[5] == "timeout " + timeout
    assert r.body == body, r.body
    assert r.input == b"" and "input -" in lines
    a.finish(r)
    ends(c, 0)
# With a command, standard input is not read (it is not even closed here).
sees(["echo", "a  b", "-t", "5"], b"echo a  b -t 5\n")
sees(["-t", "5", "--", "-x", "key"], b"-x key\n", "5", 35)
sees(["-t5", "--", "key", "show"], b"key show\n", "5", 35)
sees(["--timeout=86400", "x"], b"x\n", "86400", 86400)
sees([], b"echo a\necho b", data=b"echo a\necho b")
sees(["-q", "--"], b"x" * (1 << 20), data=b"x" * (1 << 20))
a.end()
EOF
}

atf_test_case without_a_command_a_terminal_gets_the_usage
without_a_command_a_terminal_gets_the_usage_body() {
    peer <<'EOF'
import pty
from peer import *
h = Home()
master, slave = pty.openpty()
out, err = ends(h.start(stdin=slave), 0)
assert out.startswith(b"usage:") and err == b""
EOF
}

atf_test_case a_script_that_dom0_would_refuse_writes_nothing
a_script_that_dom0_would_refuse_writes_nothing_body() {
    peer <<'EOF'
from peer import *
h = Home()
for body in (b"", b"x" * ((1 << 20) + 1), b"echo \0", b"\x1b[2J"):
    r = h.run(data=body)
    assert r.returncode == 255 and r.stderr, r
    assert h.queue() == [] and h.list("audit.log") == []
EOF
}

atf_test_case a_key_is_made_once_and_only_ours_to_read
a_key_is_made_once_and_only_ours_to_read_body() {
    peer <<'EOF'
from peer import *
h = Home(key=False)
r = h.run("true")
assert r.returncode == 255 and b"key gen" in r.stderr, r
r = h.run("key", "gen")
assert r.returncode == 0
assert re.fullmatch(rb"[0-9a-f]{64}\n", r.stdout), r.stdout
key = h.read("auth.key")
assert key == r.stdout
assert os.stat(h.at("auth.key")).st_mode & 0o777 == 0o600
assert os.stat(h.dir).st_mode & 0o777 == 0o700
fingerprint = hashlib.sha256(b"qvm-remote key fingerprint 2\n"
    + bytes.fromhex(key.decode())).hexdigest()[:16].encode()
assert fingerprint in r.stderr
assert h.run("key", "gen").returncode == 255
assert h.read("auth.key") == key
assert h.run("key", "show").stdout == key
assert h.run("key", "show", "--fingerprint").stdout == fingerprint + b"\n"
# Version 1 signs with the characters: their case is shown as it is.
h.write("auth.key", key.strip().upper())
assert h.run("key", "show").stdout == key.upper()
for bad in (key[:-2], key + b"\n", b"x" * 64, b""):
    h.write("auth.key", bad)
    r = h.run("key", "show")
    assert r.returncode == 255 and r.stdout == b"", bad
h.write("auth.key", key)
os.chmod(h.at("auth.key"), 0o640)
for args in (["key", "show"], ["true"]):
    r = h.run(*args)
    assert r.returncode == 255 and b"chmod 600" in r.stderr
assert h.queue() == []
assert not [n for n in h.list() if n.startswith(".")]
EOF
}

atf_test_case the_old_folder_is_taken_over_once
the_old_folder_is_taken_over_once_body() {
    peer <<'EOF'
from peer import *
h = Home()
old = os.path.join(h.path, ".qubes-remote")
os.rename(h.dir, old)
r = h.run("key", "show")
assert r.stdout == KEY.hex().encode() + b"\n"
assert r.stderr == b"qvm-remote: ~/.qubes-remote is now ~/.qvm-remote\n", r
assert not os.path.exists(old)
os.mkdir(old)
assert h.run("key", "show").stderr == b""
assert os.path.exists(old)
os.rmdir(old)
# What is no folder stays.
other = Home(key=False)
file = os.path.join(other.path, ".qubes-remote")
open(file, "w").close()
assert other.run("key", "gen").returncode == 0
assert os.path.isfile(file)
# Of several first starts one moves it.
os.rename(h.dir, old)
several = [h.start("key", "show") for n in range(8)]
errs = [ends(c, 0)[1] for c in several]
assert sum(b"is now" in e for e in errs) == 1, errs
# An agent's first start does, too.
os.rename(h.dir, old)
a = Agent(h)
assert b"is now" in a.end()
assert h.run("key", "show").stdout == KEY.hex().encode() + b"\n"
EOF
}

atf_test_case output_streams_and_the_status_is_the_commands
output_streams_and_the_status_is_the_commands_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("-v", "job")
r = a.next()
a.take(r)
for n in range(3):
    # Each line is seen before the next is sent.
    line = b"line %d\n" % n
    a.send("out %s %d %d" % (r.id, n * len(line), len(line)), line)
    assert c.stdout.readline() == line
a.send("err %s 0 4" % r.id, b"bad\n")
out = b"line 0\nline 1\nline 2\n"
receipt = make_receipt(r.id, r.token, exit=3, out=out, err=b"bad\n")
a.done(r.id, receipt, 3)
a.kept(r.id)
out2, err = ends(c, 3)
assert out2 == b"" and b"bad\n" in err
assert r.id.encode() in err
# All of it went to history.
assert h.queue() == [], h.queue()
f = h.history(r.id)
assert (f("command"), f("out"), f("err"), f("exit"), f("meta")) == (
    b"job\n", out, b"bad\n", b"3\n", receipt)
log = h.read("audit.log").decode()
assert re.fullmatch(r"\[\S+\] SUBMIT id=%s size=4B cmd=job\n"
    r"\[\S+\] DONE id=%s exit=3\n" % (r.id, r.id), log), log
a.end()
EOF
}

atf_test_case exit_statuses_are_the_receipts
exit_statuses_are_the_receipts_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
for status, exit, said in [
        ("exited", 0, b""), ("exited", 255, b""), ("signaled", 137, b"signaled"),
        ("timeout", 124, b"time-out"), ("cancelled", 130, b"cancelled"),
        ("denied", 126, b"denied"), ("rejected", 255, b"rejected"),
        ("expired", 255, b"expired"), ("interrupted", 255, b"not known")]:
    reason = "-" if status == "exited" else "because"
    for options in ([], ["-q"]):
        c = h.start(*options, "x")
        a.serve(status=status, exit=exit, reason=reason)
        out, err = ends(c, exit)
        assert out == b""
        # A command's own end is no error: -q does without it.
        if status == "exited" or (options and status == "signaled"):
            assert err == b"", err
        else:
            assert said in err and b"because" in err, err
            assert (b"error: " in err) == (status != "signaled"), err
# The receipt is trusted, .exit is not.
c = h.start("x")
r = a.next()
a.take(r)
a.done(r.id, make_receipt(r.id, r.token, exit=7), 0)
a.kept(r.id)
ends(c, 7)
a.end()
EOF
}

atf_test_case what_does_not_verify_ends_with_255
what_does_not_verify_ends_with_255_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
def case(said, forge, printed=b"ok\n"):
    c = h.start("x")
    r = a.next()
    a.take(r)
    if printed:
        a.send("out %s 0 %d" % (r.id, len(printed)), printed)
    a.done(r.id, forge(r), 0)
    a.kept(r.id)
    out, err = ends(c, 255)
    assert said in err, err
    assert h.queue() == []
good = lambda r, **k: make_receipt(r.id, r.token, out=b"ok\n", **k)
case(b"key", lambda r: good(r, key=b"x" * 32))
case(b"key", lambda r: good(r).replace(b"exit 0", b"exit 1"))
case(b"another token", lambda r: make_receipt(r.id, b"x", out=b"ok\n"))
case(b"another request", lambda r: make_receipt(ID, r.token, out=b"ok\n"))
bad = b"standard output: the receipt is valid, but "
case(bad + b"what was printed is not what the command wrote: the bytes do "
     b"not match the signed digest\n", good, b"no\n")
# What a power loss in dom0 leaves: nothing, a part, zeros.
lost = bad + b"dom0 lost output: %d of 3 bytes are missing\n"
case(lost % 3, good, None)
case(lost % 1, good, b"ok")
case(b"do not match the signed digest\n", good, b"\0\0\0")
case(b"not a receipt", lambda r: b"id=1\n")
case(b"not a receipt", lambda r: b"")
case(b"not signed", lambda r: good(r, signed=False))
a.end()
EOF
}

atf_test_case stderr_is_verified_too
stderr_is_verified_too_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x")
r = a.next()
a.take(r)
a.send("err %s 0 3" % r.id, b"no\n")
a.done(r.id, make_receipt(r.id, r.token, err=b"ok\n"))
a.kept(r.id)
out, err = ends(c, 255)
assert b"standard error: the receipt is valid, but what was printed is not" \
    in err, err
a.end()
EOF
}

atf_test_case an_answer_without_a_signature_proves_nothing
an_answer_without_a_signature_proves_nothing_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
for status, exit in (("exited", 0), ("rejected", 255)):
    c = h.start("-q", "x")
    a.serve(status=status, exit=exit, reason="token not accepted", signed=False)
    out, err = ends(c, 255)
    assert b"token not accepted" in err and b"not signed" in err, err
    assert b"key show --fingerprint" in err and b"--finish" not in err, err
h.write("auth.key.next", KEY.hex().encode())
c = h.start("x")
a.serve(reason="token not accepted", signed=False)
assert b"key rotate --finish" in ends(c, 255)[1]
a.end()
EOF
}

atf_test_case what_was_not_kept_is_told
what_was_not_kept_is_told_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("-q", "x")
r = a.serve(out=b"abc", written=10)
out, err = ends(c, 0)
assert out == b"abc" and b"wrote 10 bytes, 7 of them" in err, err
a.end()
EOF
}

atf_test_case ping_is_0_or_1
ping_is_0_or_1_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("ping")
r = a.next()
check_token(r.id, r.token)
assert b"\nkind ping\n" in r.token and r.body == b""
a.take(r)
a.finish(r, out=b"qvm-remote 2.0.0\n", status="checked")
out, err = ends(c, 0)
assert re.fullmatch(rb"qvm-remote 2.0.0\nround trip [0-9.]+ ms\n", out), out
assert err == b""
c = h.start("ping")
a.serve(status="rejected", exit=255, signed=False)
ends(c, 1)
a.end()
# Nobody answers.
r = h.run("-t", "1", "ping")
assert r.returncode == 1 and b"not taken" in r.stderr
assert h.list("queue/pending") == []
EOF
}

atf_test_case without_a_session_it_says_so_and_waits
without_a_session_it_says_so_and_waits_body() {
    peer <<'EOF'
from peer import *
h = Home()
c = h.start("x")
said = [c.stderr.readline() for n in range(5)]
assert b"no session" in said[0] and b"systemctl" in said[1], said
assert b"qvm-remote-dom0 keys" in said[2] and b"policy" in said[3], said
a = Agent(h)
a.serve(out=b"late\n")
out, err = ends(c, 0)
assert out == b"late\n" and err == b""
a.end()
# Results need no socket: they are found in the folder.
a = Agent(h)
os.rename(h.at("agent.sock"), h.at("hidden"))
c = h.start("x")
a.serve(out=b"found\n")
assert ends(c, 0)[0] == b"found\n"
a.end()
EOF
}

atf_test_case what_dom0_says_is_passed_on
what_dom0_says_is_passed_on_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("-v", "x", bufsize=0)
assert b"request " in c.stderr.readline()
a.send("next cancel full")
assert b"(full)" in c.stderr.readline()
a.send("next any 1048576")
assert a.line() == "none"
r = a.answer()
a.take(r)
a.send("state %s queued 3" % r.id)
assert b"queued, 3 before it" in c.stderr.readline()
a.send("state %s running 0" % ID)
a.send("state %s running 0" % r.id)
assert b"running" in c.stderr.readline()
# What it knows is not said again.  It was taken: what dom0 takes now does not
# matter to it.
a.send("next cancel rate")
a.send("state %s running 1" % r.id)
a.finish(r)
out, err = ends(c, 0)
assert b"running" not in err and b"(rate)" not in err, err
assert b"record 42" in err, err
a.end()
EOF
}

atf_test_case a_terminal_has_a_quiet_line_until_there_is_output
a_terminal_has_a_quiet_line_until_there_is_output_body() {
    peer <<'EOF'
import pty
from peer import *
h = Home()
a = Agent(h)
def start(*args):
    master, slave = pty.openpty()
    c = h.start(*args, "x", stderr=slave)
    os.close(slave)
    return c, master
def until(master, text, seen=b""):
    while text not in seen:
        assert select.select([master], [], [], DEADLINE)[0], (text, seen)
        seen += os.read(master, 4096)
    return seen
def rest(master):
    seen = b""
    try:
        while data := os.read(master, 4096):
            seen += data
    except OSError:
        pass
    return seen
c, m = start()
r = a.next()
a.take(r)
assert until(m, b"1 s") == b"\r\033[Kwaiting for dom0 for 1 s"
a.send("state %s queued 2" % r.id)
until(m, b"\r\033[Kqueued behind 2")
a.send("state %s queued 0" % r.id)
until(m, b"\r\033[Kqueued, the next to run")
a.send("state %s running 12" % r.id)
until(m, b"\r\033[Krunning for 13 s", until(m, b"\r\033[Krunning for 12 s"))
a.send("out %s 0 3" % r.id, b"one")
assert c.stdout.read(3) == b"one"
# It is gone, and does not come back.
until(m, b"\r\033[K")
a.send("state %s running 20" % r.id)
assert not select.select([m], [], [], 1.5)[0]
a.finish(r, out=b"one")
ends(c, 0)
assert rest(m) == b""
# Without a line before it, the first one is of a whole second.
c, m = start()
r = a.next()
a.take(r)
assert not select.select([m], [], [], 0.5)[0]
a.send("state %s running 0" % r.id)
assert until(m, b" s") == b"\r\033[Krunning for 1 s"
a.finish(r)
ends(c, 0)
# A message removes it; -q and -v have none.
c, m = start()
r = a.next()
a.take(r)
until(m, b"1 s")
a.finish(r, status="timeout", exit=124, reason="why")
ends(c, 124)
said = rest(m)
assert said.endswith(b"\r\033[Kqvm-remote: error: time-out: the command was killed: why\r\n"), said
for option in ("-q", "-v"):
    c, m = start(option)
    r = a.next()
    a.take(r)
    a.send("state %s running 5" % r.id)
    assert not select.select([c.stdout], [], [], 1.5)[0]
    a.finish(r)
    ends(c, 0)
    assert b"\033" not in rest(m)
a.end()
EOF
}

atf_init_test_cases() {
    atf_add_test_case a_terminal_has_a_quiet_line_until_there_is_output
    atf_add_test_case options_end_at_the_first_word
    atf_add_test_case words_options_and_script_reach_dom0_as_they_are
    atf_add_test_case without_a_command_a_terminal_gets_the_usage
    atf_add_test_case a_script_that_dom0_would_refuse_writes_nothing
    atf_add_test_case a_key_is_made_once_and_only_ours_to_read
    atf_add_test_case the_old_folder_is_taken_over_once
    atf_add_test_case output_streams_and_the_status_is_the_commands
    atf_add_test_case exit_statuses_are_the_receipts
    atf_add_test_case what_does_not_verify_ends_with_255
    atf_add_test_case stderr_is_verified_too
    atf_add_test_case an_answer_without_a_signature_proves_nothing
    atf_add_test_case what_was_not_kept_is_told
    atf_add_test_case ping_is_0_or_1
    atf_add_test_case without_a_session_it_says_so_and_waits
    atf_add_test_case what_dom0_says_is_passed_on
}
