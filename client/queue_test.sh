#! /usr/bin/env atf-sh
# Ends that were not planned: signals, kill -9, a full disk, two at once.

peer() {
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case a_signal_cancels_and_ends_with_130
a_signal_cancels_and_ends_with_130_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    c = h.start("x")
    r = a.next()
    a.take(r)
    a.send("out %s 0 3" % r.id, b"one")
    assert c.stdout.read(3) == b"one"
    c.send_signal(signo)
    cancel = a.next()
    assert (cancel.id, cancel.body) == (r.id, None)
    check_token(r.id, cancel.token)
    assert b"\nkind cancel\n" in cancel.token
    # What comes until its end is still shown.
    a.send("out %s 3 3" % r.id, b"two")
    assert c.stdout.read(3) == b"two"
    a.done(r.id, make_receipt(r.id, r.token, "cancelled", 130, out=b"onetwo"))
    a.kept(r.id)
    ends(c, 130)
    assert h.queue() == [], h.queue()
    assert h.history(r.id)("out") == b"onetwo"
a.end()
EOF
}

atf_test_case a_second_signal_ends_at_once
a_second_signal_ends_at_once_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x")
r = a.next()
a.take(r)
c.send_signal(signal.SIGINT)
cancel = a.next()
assert cancel.id == r.id
c.send_signal(signal.SIGINT)
ends(c, 130)
# The next invocation puts in order what was left.
a.finish(r, out=b"late", status="cancelled", exit=130)
assert "results/" + r.id + ".out" in h.queue()
c = h.start("y")
a.serve()
ends(c, 0)
assert h.queue() == [], h.queue()
f = h.history(r.id)
assert (f("command"), f("out"), f("exit")) == (b"x\n", b"late", b"130\n")
a.end()
EOF
}

atf_test_case without_a_session_a_signal_withdraws_and_leaves_the_cancel
without_a_session_a_signal_withdraws_and_leaves_the_cancel_body() {
    peer <<'EOF'
from peer import *
h = Home()
c = h.start("x")
wait_until("request", lambda: [n for n in h.list("queue/pending") if n.endswith(".auth")])
id = h.list("queue/clients")[0]
c.send_signal(signal.SIGINT)
ends(c, 130)
assert h.list("queue/pending") == [id + ".cancel"]
a = Agent(h, "--poll")
cancel = a.next()
assert (cancel.id, cancel.body) == (id, None)
assert a.next() == "none"
assert h.list("queue/pending") == []
a.end()
EOF
}

atf_test_case an_ignored_signal_stays_ignored
an_ignored_signal_stays_ignored_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
r = a.next()
a.take(r)
c.send_signal(signal.SIGHUP)
a.finish(r)
ends(c, 0)
a.end()
EOF
}

atf_test_case a_broken_pipe_cancels_and_ends_with_141
a_broken_pipe_cancels_and_ends_with_141_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x")
r = a.next()
a.take(r)
c.stdout.close()
c.stdout = None
a.send("out %s 0 3" % r.id, b"one")
cancel = a.next()
assert (cancel.id, cancel.body) == (r.id, None)
a.done(r.id, make_receipt(r.id, r.token, "cancelled", 130, out=b"one"))
a.kept(r.id)
ends(c, 141)
assert h.queue() == []
a.end()
EOF
}

atf_test_case an_output_that_cannot_be_written_is_told
an_output_that_cannot_be_written_is_told_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x", stdout=open("/dev/full", "w"))
r = a.next()
a.take(r)
a.finish(r, out=b"one")
out, err = ends(c, 255)
assert b"standard output: No space left" in err, err
a.end()
EOF
}

atf_test_case a_signal_ends_it_while_a_reader_is_slow
a_signal_ends_it_while_a_reader_is_slow_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x")
r = a.next()
a.take(r)
out = b"x" * (1 << 20)
for at in range(0, len(out), 65536):
    a.send("out %s %d 65536" % (r.id, at), out[at : at + 65536])
assert c.stdout.read(1) == b"x"
c.send_signal(signal.SIGINT)
cancel = a.next()
assert (cancel.id, cancel.body) == (r.id, None)
a.done(r.id, make_receipt(r.id, r.token, "cancelled", 130, out=out))
a.kept(r.id)
c.wait(DEADLINE)
assert c.returncode == 130
assert h.queue() == []
a.end()
EOF
}

atf_test_case what_a_killed_client_left_is_put_in_order_by_the_next
what_a_killed_client_left_is_put_in_order_by_the_next_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
dead = []
for n in range(3):
    c = h.start("job%d" % n)
    if n < 2:
        r = a.next()
        a.take(r)
        a.silent()
        dead.append(r)
    else:
        wait_until("request", lambda: [x for x in h.list("queue/pending") if x.endswith(".auth")])
    c.kill()
    c.wait()
waiting = [x for x in h.list("queue/pending") if x.endswith(".auth")][0][:-5]
a.finish(dead[0], out=b"zero")
# The next one puts them in order, and is itself left alone by a third.
live = h.start("live")
wait_until("sweep", lambda: dead[0].id not in h.list("queue/clients")
    and not os.path.exists(h.at("queue/pending", waiting + ".auth")))
c = h.start("next")
got = {}
while b"live\n" not in got or b"next\n" not in got:
    r = a.next()
    got[r.body] = r
assert set(got) == {b"live\n", b"next\n"}, got
for r in (got[b"live\n"], got[b"next\n"]):
    a.take(r)
    a.finish(r, out=r.body)
assert ends(live, 0)[0] == b"live\n"
assert ends(c, 0)[0] == b"next\n"
f = h.history(dead[0].id)
assert (f("command"), f("out")) == (b"job0\n", b"zero")
# What runs goes on; what nobody waits for and dom0 has not taken is gone.
wait_until("order", lambda: h.list("queue/pending") == []
    and h.list("queue/running") == [dead[1].id, dead[1].id + ".auth"])
a.finish(dead[1], out=b"one")
c = h.start("again")
a.serve()
ends(c, 0)
assert h.history(dead[1].id)("out") == b"one"
# Of the withdrawn one only what was asked is left, for a while.
assert h.queue() == ["clients/" + waiting, "clients/" + waiting + ".auth"]
then = time.time() - 3700
os.utime(h.at("queue/clients", waiting), (then, then))
c = h.start("again")
a.serve()
ends(c, 0)
assert h.queue() == []
a.end()
EOF
}

atf_test_case a_request_that_half_exists_is_removed
a_request_that_half_exists_is_removed_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.run("key", "show")
# As it lies there when its client was killed before the token was renamed.
h.write("queue/clients/" + ID, b"half")
os.link(h.at("queue/clients", ID), h.at("queue/pending", ID))
h.write("queue/pending/." + ID + ".auth", b"ha")
a = Agent(h)
c = h.start("x")
a.serve()
ends(c, 0)
assert h.queue() == ["clients/" + ID]
a.end()
EOF
}

atf_test_case a_full_disk_leaves_nothing_half
a_full_disk_leaves_nothing_half_head() {
    atf_set require.user root
}
a_full_disk_leaves_nothing_half_body() {
    mkdir small
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check unshare -m sh -c \
        'mount -t tmpfs -o size=256k none small && python3 -' <<'EOF'
from peer import *
h = Home(os.path.abspath("small"))
h.run("key", "show")
# No room for the body.
r = h.run(data=b"x" * 300000)
assert r.returncode == 255 and r.stderr.count(b"\n") == 1, r
assert b"No space left" in r.stderr
assert h.queue() == []
# Room for nothing.
def fill():
    with open(os.path.join(h.path, "fill"), "ab", 0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
fill()
r = h.run("true")
assert r.returncode == 255 and r.stderr.count(b"\n") == 1, r
assert h.queue() == [], h.queue()
# Room for the body alone.
with open(os.path.join(h.path, "fill"), "rb+") as f:
    f.truncate(os.path.getsize(f.name) - 4096)
r = h.run("true")
assert r.returncode == 255 and r.stderr.count(b"\n") == 1, r
assert h.queue() == [], h.queue()
# Room for the beginning of a line of audit.log.
log = b"[] SUBMIT id=0 size=1B\n" * 178
log = log[: log.rindex(b"\n", 0, 4080) + 1]
with open(os.path.join(h.path, "fill"), "rb+") as f:
    f.truncate(0)
h.write("audit.log", log)
fill()
with open(os.path.join(h.path, "fill"), "rb+") as f:
    f.truncate(os.path.getsize(f.name) - 4096)
r = h.run("true")
assert r.returncode == 255 and b"No space left" in r.stderr, r
assert h.read("audit.log") == log
os.remove(os.path.join(h.path, "fill"))
a = Agent(h)
c = h.start("true")
a.serve()
ends(c, 0)
for line in h.read("audit.log").split(b"\n")[:-1]:
    assert re.fullmatch(rb"\[\S+\] (SUBMIT|DONE) id=\S+ .*", line) or line in log, line
a.end()
EOF
}

atf_test_case a_full_disk_is_told_to_the_client_that_waits
a_full_disk_is_told_to_the_client_that_waits_head() {
    atf_set require.user root
}
a_full_disk_is_told_to_the_client_that_waits_body() {
    mkdir small
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check unshare -m sh -c \
        'mount -t tmpfs -o size=256k none small && python3 -' <<'EOF'
from peer import *
h = Home(os.path.abspath("small"))
a = Agent(h)
c = h.start("x", stdout=subprocess.DEVNULL)
other = h.start("y")
reqs = [a.next(), a.next()]
x, y = sorted(reqs, key=lambda r: r.body)
for r in reqs:
    a.take(r)
try:
    a.finish(x, out=b"x" * 300000, kept=False)
except BrokenPipeError:
    pass
out, err = ends(c, 255)
assert err == (b"qvm-remote: error: this VM's disk is full: the output "
    b"cannot be stored; the command may have run: outcome unknown\n"), err
assert b"No space left" in a.end(1)
# In the next session nobody waits for this one; the other goes on.
a = Agent(h)
assert {a.next().id, a.next().id} == {x.id, y.id}
a.finish(x, out=b"x" * 300000)
a.finish(y, out=b"y")
assert ends(other, 0)[0] == b"y"
a.end()
# A client that does not know of the session yet is told, too.
c = h.start("z", stdout=subprocess.DEVNULL)
wait_until("request", lambda: [n for n in h.list("queue/pending") if n.endswith(".auth")])
c.send_signal(signal.SIGSTOP)
a = Agent(h)
r = a.next()
a.take(r)
try:
    a.finish(r, out=b"x" * 300000, kept=False)
except BrokenPipeError:
    pass
c.send_signal(signal.SIGCONT)
assert b"disk is full" in ends(c, 255)[1]
a.end(1)
EOF
}

atf_test_case a_cancel_that_cannot_be_written_is_told
a_cancel_that_cannot_be_written_is_told_head() {
    atf_set require.user root
}
a_cancel_that_cannot_be_written_is_told_body() {
    mkdir small
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check unshare -m sh -c \
        'mount -t tmpfs -o size=256k none small && python3 -' <<'EOF'
from peer import *
h = Home(os.path.abspath("small"))
a = Agent(h)
c = h.start("x")
r = a.next()
a.take(r)
a.silent()
with open(os.path.join(h.path, "fill"), "ab", 0) as f:
    try:
        while True:
            f.write(b"x" * 4096)
    except OSError:
        pass
a.process.kill()
a.process.wait()
c.send_signal(signal.SIGINT)
out, err = ends(c, 130)
assert b"cannot write the cancel: No space left" in err, err
assert b"the command may still run in dom0" in err, err
assert b"the cancel is written" not in err, err
EOF
}

atf_test_case many_clients_at_once_do_not_collide
many_clients_at_once_do_not_collide_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
clients = [h.start("echo", str(n)) for n in range(40)]
seen = set()
for n in range(40):
    r = a.next()
    a.take(r)
    seen.add(r.id)
    a.finish(r, out=r.body, exit=int(r.body.split()[1]))
for n, c in enumerate(clients):
    assert ends(c, n)[0] == b"echo %d\n" % n
assert len(seen) == 40 and h.queue() == []
log = h.read("audit.log").decode().split("\n")
assert len(log) == 81, log
a.end()
EOF
}

atf_test_case two_keys_at_once_are_one
two_keys_at_once_are_one_body() {
    peer <<'EOF'
from peer import *
for turn in range(10):
    h = Home(key=False)
    both = [h.start("key", "gen") for n in range(4)]
    got = [c.communicate()[0] for c in both]
    assert sorted(c.returncode for c in both) == [0, 255, 255, 255]
    assert b"".join(got) == h.read("auth.key")
EOF
}

atf_test_case a_client_outlives_its_session
a_client_outlives_its_session_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
c = h.start("x")
r = a.next()
a.take(r)
a.send("out %s 0 4" % r.id, b"one\n")
assert c.stdout.readline() == b"one\n"
a.process.kill()
a.process.wait()
a = Agent(h)
r2 = a.next()
assert (r2.id, r2.token) == (r.id, r.token)
a.take(r2)
a.finish(r2, out=b"one\ntwo\n")
out, err = ends(c, 0)
assert out == b"two\n" and err == b"", (out, err)
a.end()
EOF
}

atf_init_test_cases() {
    atf_add_test_case a_signal_cancels_and_ends_with_130
    atf_add_test_case a_second_signal_ends_at_once
    atf_add_test_case without_a_session_a_signal_withdraws_and_leaves_the_cancel
    atf_add_test_case an_ignored_signal_stays_ignored
    atf_add_test_case a_broken_pipe_cancels_and_ends_with_141
    atf_add_test_case an_output_that_cannot_be_written_is_told
    atf_add_test_case a_signal_ends_it_while_a_reader_is_slow
    atf_add_test_case what_a_killed_client_left_is_put_in_order_by_the_next
    atf_add_test_case a_request_that_half_exists_is_removed
    atf_add_test_case a_full_disk_leaves_nothing_half
    atf_add_test_case a_full_disk_is_told_to_the_client_that_waits
    atf_add_test_case a_cancel_that_cannot_be_written_is_told
    atf_add_test_case many_clients_at_once_do_not_collide
    atf_add_test_case two_keys_at_once_are_one
    atf_add_test_case a_client_outlives_its_session
}
