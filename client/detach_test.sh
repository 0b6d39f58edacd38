#! /usr/bin/env atf-sh
# Requests that nobody waits for, or that are asked for twice.

peer() {
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case what_is_detached_outlives_its_client
what_is_detached_outlives_its_client_body() {
    peer <<'END'
from peer import *
h = Home()
r = h.run("--detach", "job")
id = r.stdout.decode().strip()
assert r.returncode == 0 and r.stderr == b"", r
# Another client's clearing up leaves it alone.
c = h.start("other")
wait_until("other", lambda: len(h.list("queue/clients")) == 4)
c.send_signal(signal.SIGINT)
ends(c, 130)
assert "pending/" + id + ".auth" in h.queue()
a = Agent(h)
r = a.next()
while r.body is None or r.id != id:
    r = a.next()
lines = r.token.decode().split("\n")
assert "order queue" in lines and r.body == b"job\n"
assert int(lines[4].split()[1]) - int(lines[3].split()[1]) == 86400
a.take(r)
a.send("out %s 0 3" % id, b"one")
f = h.start("result", "-f", id)
assert f.stdout.read(3) == b"one"
b = h.run("result", id)
assert b.returncode == 255 and b.stdout == b"" and b"-f waits" in b.stderr, b
w = h.start("wait", id)
a.send("out %s 3 3" % id, b"two")
assert f.stdout.read(3) == b"two"
receipt = make_receipt(id, r.token, exit=3, out=b"onetwo")
a.done(id, receipt, 3)
a.kept(id)
ends(f, 3)
assert ends(w, 3) == (b"", b"")
# It went to history, from where it is shown again.
assert [n for n in h.queue() if id in n] == [], h.queue()
assert h.history(id)("token") == r.token
b = h.run("result", id)
assert (b.returncode, b.stdout, b.stderr) == (3, b"onetwo", b""), b
import json
assert json.loads(h.run("--json", "result", id).stdout)["out"] == "onetwo"
a.end()
END
}

atf_test_case a_result_that_was_altered_does_not_verify
a_result_that_was_altered_does_not_verify_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x")
r = a.serve(out=b"good")
ends(c, 0)
day = "%s-%s-%s" % (r.id[:4], r.id[4:6], r.id[6:8])
h.write("history/" + day + "/" + r.id + "/out", b"evil")
b = h.run("result", r.id)
assert b.returncode == 255 and b"not what the command wrote" in b.stderr, b
a.end()
END
}

atf_test_case wait_ends_with_the_first_status_that_is_not_0
wait_ends_with_the_first_status_that_is_not_0_body() {
    peer <<'END'
from peer import *
h = Home()
ids = [h.run("--detach", "job").stdout.decode().strip() for n in range(3)]
w = h.start("wait", *ids)
a = Agent(h)
for status in (0, 7, 9):
    a.serve(exit=status)
ends(w, 7)
a.end()
END
}

atf_test_case a_signal_ends_waiting_and_not_the_command
a_signal_ends_waiting_and_not_the_command_body() {
    peer <<'END'
from peer import *
h = Home()
id = h.run("--detach", "job").stdout.decode().strip()
a = Agent(h)
r = a.next()
a.take(r)
w = h.start("result", "-f", id)
a.send("out %s 0 3" % id, b"one")
assert w.stdout.read(3) == b"one"
w.send_signal(signal.SIGINT)
out, err = ends(w, 130)
assert b"qvm-remote cancel " + id.encode() in err, err
assert h.list("queue/pending") == []
b = h.run("cancel", id)
assert b.returncode == 0, b
cancel = a.next()
assert (cancel.id, cancel.body) == (id, None)
check_token(id, cancel.token)
a.finish(r, status="cancelled", exit=130, out=b"one")
assert h.run("result", id).returncode == 130
assert h.run("cancel", id).returncode == 255
a.end()
END
}

atf_test_case what_was_never_sent_is_told
what_was_never_sent_is_told_body() {
    peer <<'END'
from peer import *
h = Home()
for words in (["wait", ID], ["result", ID], ["result", "-f", ID], ["cancel", ID]):
    r = h.run(*words)
    assert r.returncode == 255 and b"no such request" in r.stderr, r
    r = h.run(*words[:-1], "../\x1b")
    assert r.returncode == 2 and b"\x1b" not in r.stderr, r
    assert h.run(*words[:1]).returncode == 2
# Withdrawn: its token is here for a while, and nothing else.
c = h.start("x")
wait_until("request", lambda: [n for n in h.list("queue/pending") if n.endswith(".auth")])
id = h.list("queue/clients")[0]
c.kill()
c.wait()
r = h.run("result", "-f", id)
assert r.returncode == 255 and b"withdrawn" in r.stderr, r
END
}

atf_test_case the_same_key_and_command_run_once
the_same_key_and_command_run_once_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
def start(*words, **k):
    return h.start("--idempotency-key", "k/../\x1b", *words, **k)
c = start("x")
r = a.next()
a.take(r)
d = start("x")
# The second waits for the first's result; its end does not touch it.
e = start("x")
a.send("out %s 0 3" % r.id, b"one")
for p in (c, d, e):
    assert p.stdout.read(3) == b"one"
e.send_signal(signal.SIGINT)
ends(e, 130)
assert a.silent()
a.finish(r, out=b"one", exit=5)
ends(c, 5)
ends(d, 5)
b = h.run("--idempotency-key", "k/../\x1b", "x")
assert (b.returncode, b.stdout) == (5, b"one"), b
b = h.run("--idempotency-key", "k/../\x1b", "--detach", "x")
assert (b.returncode, b.stdout) == (0, r.id.encode() + b"\n"), b
for words in (["y"], ["-i", "x"]):
    b = h.run("--idempotency-key", "k/../\x1b", *words, data=b"in")
    assert b.returncode == 255 and b"another command" in b.stderr, b
c = h.start("--idempotency-key", "other", "x")
assert a.serve().id != r.id
ends(c, 0)
assert h.queue() == [], h.queue()
a.end()
END
}

atf_test_case a_repeated_key_sends_what_was_lost_with_the_same_token
a_repeated_key_sends_what_was_lost_with_the_same_token_body() {
    peer <<'END'
from peer import *
h = Home()
args = ["--idempotency-key", "k", "-i", "x"]
c = h.start(*args, stdin=subprocess.PIPE)
c.stdin.write(b"in")
c.stdin.close()
c.stdin = None
wait_until("request", lambda: [n for n in h.list("queue/pending") if n.endswith(".auth")])
id = h.list("queue/clients")[0]
token = h.read("queue/pending/" + id + ".auth")
c.kill()
c.wait()
# Killed before it sent it, or cleared away since: nothing is left of it.
h.run("result", "-f", id)
assert [n for n in h.queue() if n.startswith("pending")] == []
c = h.start(*args, stdin=subprocess.PIPE)
c.stdin.write(b"in")
c.stdin.close()
c.stdin = None
a = Agent(h)
r = a.serve(out=b"once")
assert (r.id, r.token, r.body, r.input) == (id, token, b"x\n", b"in")
assert ends(c, 0)[0] == b"once"
a.end()
# One that has expired may have run: it is not sent anew.
record = "queue/once/" + h.list("queue/once")[0]
old = re.sub(rb"issued \d+\nexpires \d+", b"issued 1771425022\nexpires 1771425352",
    h.read(record))
h.write(record, old.replace(id.encode(), ID.encode()))
r = h.run(*args, data=b"in")
assert r.returncode == 255 and b"outcome is not known" in r.stderr, r
h.write(record, b"x")
r = h.run(*args, data=b"in")
assert r.returncode == 255 and b"damaged" in r.stderr, r
assert h.queue() == []
END
}

atf_init_test_cases() {
    atf_add_test_case what_is_detached_outlives_its_client
    atf_add_test_case a_result_that_was_altered_does_not_verify
    atf_add_test_case wait_ends_with_the_first_status_that_is_not_0
    atf_add_test_case a_signal_ends_waiting_and_not_the_command
    atf_add_test_case what_was_never_sent_is_told
    atf_add_test_case the_same_key_and_command_run_once
    atf_add_test_case a_repeated_key_sends_what_was_lost_with_the_same_token
}
