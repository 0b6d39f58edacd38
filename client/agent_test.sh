#! /usr/bin/env atf-sh
# The agent, as dom0 sees it: each case plays dom0's side of the frames.

peer() {
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case greets_and_says_how_it_answers
greets_and_says_how_it_answers_body() {
    peer <<'EOF'
from peer import *
a = Agent(Home())
assert a.ready.endswith(" wait"), a.ready
assert a.silent() == "counts 0 0 0"
assert a.end() == b""
a = Agent(Home(), "--poll")
assert a.ready.endswith(" poll"), a.ready
assert a.next() == "none"
a.end()
EOF
}

atf_test_case offers_takes_and_keeps_a_request
offers_takes_and_keeps_a_request_body() {
    peer <<'EOF'
from peer import *
h = Home()
token = h.put(ID, b"wc -c\n", input=b"abc")
a = Agent(h)
r = a.next()
assert (r.id, r.token, r.body, r.input) == (ID, token, b"wc -c\n", b"abc")
assert a.silent() == "counts 1 0 0"
a.take(r)
assert a.silent() == "counts 0 1 0"
assert h.queue() == ["running/" + ID + s for s in ("", ".auth", ".in")]
receipt = a.finish(r, out=b"3\n", err=b"!", exit=5)
assert h.queue() == ["results/" + ID + s
    for s in (".err", ".exit", ".meta", ".out")], h.queue()
assert h.read("queue/results", ID + ".out") == b"3\n"
assert h.read("queue/results", ID + ".err") == b"!"
assert h.read("queue/results", ID + ".exit") == b"5\n"
assert h.read("queue/results", ID + ".meta") == receipt
assert a.silent() == "counts 0 0 1"
a.end()
EOF
}

atf_test_case answers_a_standing_next_with_what_comes_later
answers_a_standing_next_with_what_comes_later_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
a.send("next any 1048576")
a.silent()
token = h.put(ID)
assert a.answer().token == token
# Once answered, it does not speak.
h.put(ID[:-1] + "5")
a.silent()
# A second next ends the one that stands.
assert a.next().id == ID[:-1] + "5"
a.send("next any 1048576")
a.send("next any 1048576")
assert a.line() == "none"
a.end()
EOF
}

atf_test_case the_oldest_request_comes_first_and_each_once
the_oldest_request_comes_first_and_each_once_body() {
    peer <<'EOF'
from peer import *
h = Home()
ids = ["20260218-%02d%02d00-7-a1b2c3d4" % (n // 60, n % 60) for n in range(600)]
h.run("key", "show")
for id in reversed(ids):
    h.write("queue/pending/" + id, b"x")
    h.write("queue/pending/" + id + ".auth", make_token(id, b"x"))
a = Agent(h, "--poll")
got = []
while True:
    r = a.next()
    if r == "none":
        break
    got.append(r.id)
    if len(got) % 3:
        a.take(r)
    else:
        a.finish(r, status="rejected", exit=255, signed=False)
assert got == ids, got
assert a.silent() == "counts 0 400 200"
a.end()
# A new session offers what runs, and nothing that has a result.
a = Agent(h, "--poll")
got = []
while True:
    r = a.next()
    if r == "none":
        break
    got.append(r.id)
    a.take(r)
want = [id for n, id in enumerate(ids) if (n + 1) % 3]
assert got == want, (len(got), set(got) ^ set(want), got[250:260])
a.end()
EOF
}

# More are there than are remembered at a time, and some come meanwhile.
atf_test_case what_comes_meanwhile_passes_over_nothing
what_comes_meanwhile_passes_over_nothing_body() {
    peer <<'EOF'
from peer import *
h = Home()
ids = ["20260218-%02d%02d00-7-a1b2c3d4" % (n // 60, n % 60) for n in range(302)]
h.run("key", "show")
for id in ids[:100] + ids[101:301]:
    h.write("queue/pending/" + id, b"x")
    h.write("queue/pending/" + id + ".auth", make_token(id, b"x"))
a = Agent(h)
got = []
for n in range(302):
    if n == 50:
        h.put(ids[301])
        h.put(ids[100])
        a.silent()
    r = a.next()
    a.take(r)
    got.append(r.id)
assert got == ids, got
a.end()
EOF
}

atf_test_case offers_wait_for_dom0s_answer
offers_wait_for_dom0s_answer_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.put(ID)
a = Agent(h, "--poll")
assert a.next().id == ID
assert a.next() == "none"
os.rename(h.at("queue/pending", ID + ".auth"), h.at("queue/pending/x"))
os.rename(h.at("queue/pending/x"), h.at("queue/pending", ID + ".auth"))
assert a.next() == "none"
a.end()
EOF
}

atf_test_case cancels_go_first_and_each_once
cancels_go_first_and_each_once_body() {
    peer <<'EOF'
from peer import *
h = Home()
early = ID[:-1] + "9"
h.put(ID)
cancel = make_token(ID, b"", kind="cancel")
h.write("queue/pending/" + ID + ".cancel", cancel)
h.write("queue/pending/" + early + ".cancel", cancel)
h.write("queue/pending/" + ID[:-1] + "8.cancel", b"x" * 4097)
a = Agent(h, "--poll")
r = a.next()
assert (r.id, r.body, r.token) == (ID, None, cancel), vars(r)
r = a.next()
assert (r.id, r.body) == (early, None)
# Its request is not here: it is told once, and gone.
assert h.queue() == ["pending/" + ID + s for s in ("", ".auth", ".cancel")]
r = a.next()
assert (r.id, r.body) == (ID, b"true\n")
a.take(r)
assert a.next() == "none"
a.end()
# Once a session, as long as the request is here.
a = Agent(h, "--poll")
a.send("next cancel full")
assert a.answer().token == cancel
h.write("queue/pending/" + ID + ".cancel", cancel)
a.send("next cancel full")
assert a.line() == "none"
r = a.next()
a.finish(r, status="cancelled", exit=130)
assert not os.path.exists(h.at("queue/pending", ID + ".cancel"))
# A cancel of what has ended is not told at all.
h.write("queue/pending/" + ID + ".cancel", cancel)
assert a.next() == "none"
assert not os.path.exists(h.at("queue/pending", ID + ".cancel"))
a.end()
EOF
}

atf_test_case next_cancel_is_answered_by_no_request
next_cancel_is_answered_by_no_request_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.put(ID)
a = Agent(h, "--poll")
a.send("next cancel disk")
assert a.line() == "none"
assert a.next().id == ID
a.end()
EOF
}

atf_test_case over_a_limit_lengths_are_told_and_no_bytes
over_a_limit_lengths_are_told_and_no_bytes_body() {
    peer <<'EOF'
from peer import *
h = Home()
size = 1 << 20
for n, (body, token, input) in enumerate([
        (b"x" * size, None, b"y" * size),
        (b"x" * (size + 1), b"t" * 300, None),
        (b"x", b"t" * 4097, None),
        (b"x", b"t" * 300, b"y" * (size + 1))]):
    h.put(ID[:-1] + str(n), body, token, input)
a = Agent(h, "--poll")
r = a.next()
assert (len(r.body), len(r.input)) == (size, size)
for n, lengths in enumerate(["300 1048577 0", "4097 1 0", "300 1 1048577"]):
    line = a.next()
    id = ID[:-1] + str(n + 1)
    assert line.split()[1] == id and line.endswith(lengths), line
    a.done(id, make_receipt(id, b"", "rejected", 255, signed=False), 255)
    a.kept(id)
assert a.next() == "none"
a.end()
EOF
}

atf_test_case only_regular_readable_files_are_requests
only_regular_readable_files_are_requests_body() {
    peer <<'EOF'
from peer import *
h = Home()
ids = [ID[:-1] + c for c in "0123456789"]
pending = h.at("queue/pending") + "/"
for id in ids:
    h.put(id)
for name in (ids[0], ids[1] + ".auth"):
    os.remove(pending + name)
    os.mkfifo(pending + name)
for name in (ids[2], ids[3] + ".auth", ids[4] + ".in"):
    if os.path.exists(pending + name):
        os.remove(pending + name)
    os.symlink(pending + ids[9], pending + name)
os.remove(pending + ids[5])
os.remove(pending + ids[6])
os.mkdir(pending + ids[6])
os.mkfifo(pending + ids[7] + ".in")
os.mkfifo(pending + ids[8] + ".cancel")
for name in ("../x", "20260231-000000-1-00000000", "a", "20260218-143022-1234-A1B2C3D4"):
    if "/" not in name:
        h.write("queue/pending/" + name, b"x")
        h.write("queue/pending/" + name + ".auth", make_token(name, b"x"))
a = Agent(h, "--poll")
assert a.next().id == ids[8]
assert a.next().id == ids[9]
assert a.next() == "none"
# What becomes one later is offered then.
os.remove(pending + ids[1] + ".auth")
h.put(ids[1])
assert a.next().id == ids[1]
a.end()
EOF
}

atf_test_case a_version_1_token_is_looked_at_until_it_is_whole
a_version_1_token_is_looked_at_until_it_is_whole_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.put(ID, token=b"a" * 63)
a = Agent(h)
a.send("next any 1048576")
a.silent()
with open(h.at("queue/pending", ID + ".auth"), "ab") as f:
    f.write(b"b")
assert a.answer().token == b"a" * 63 + b"b"
# One that stays short is dom0's to refuse, 2 s later.
short = ID[:-1] + "5"
start = time.time()
h.put(short, token=b"a" * 10)
assert a.next().token == b"a" * 10
assert time.time() - start > 1
# One that is an hour old has no client.
old = ID[:-1] + "6"
h.put(old, token=b"a" * 64)
then = time.time() - 3700
os.utime(h.at("queue/pending", old + ".auth"), (then, then))
a.end()
a = Agent(h, "--poll")
assert [a.next().id, a.next().id] == [ID, short]
assert a.next() == "none"
# Its body may come last, linked from elsewhere.
late = ID[:-1] + "7"
a.end()
a = Agent(h)
assert [a.next().id, a.next().id] == [ID, short]
a.send("next any 1048576")
h.put(late, body=None, token=b"a" * 64)
a.silent()
a.silent()
h.write("body", b"late\n")
os.link(h.at("body"), h.at("queue/pending", late))
assert a.answer().body == b"late\n"
# A ping of version 1 has an id of its own.
h.put("ping-1771425022000000000-77", token=b"c" * 64)
r = a.next()
assert r.id == "ping-1771425022000000000-77"
a.take(r)
lines = b"id=x\nstarted=y\nduration_ms=1\nexit_code=0\n"
a.send("out %s 0 2" % r.id, b"ok")
a.done(r.id, lines)
a.kept(r.id)
assert h.read("queue/results", r.id + ".meta") == lines
assert h.read("queue/results", r.id + ".out") == b"ok"
a.end()
EOF
}

atf_test_case the_same_piece_may_come_again_but_no_gap
the_same_piece_may_come_again_but_no_gap_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.put(ID)
a = Agent(h)
r = a.next()
a.take(r)
a.send("out %s 0 3" % ID, b"abc")
a.send("out %s 2 3" % ID, b"cde")
a.send("out %s 0 3" % ID, b"abc")
a.silent()
assert h.read("queue/results", ID + ".out") == b"abcde"
a.send("out %s 6 1" % ID, b"x")
assert b"gap" in a.end(1)
assert h.read("queue/results", ID + ".out") == b"abcde"
# The next session may begin anew; what was not kept is cut off.
a = Agent(h)
r = a.next()
a.send("out %s 0 3" % ID, b"abc")
a.done(ID, make_receipt(ID, r.token, out=b"abc", written=5))
a.kept(ID)
assert h.read("queue/results", ID + ".out") == b"abc"
# Once it is there, nothing overwrites it.
a.send("out %s 0 3" % ID, b"XYZ")
a.done(ID, b"other")
a.kept(ID)
assert h.read("queue/results", ID + ".out") == b"abc"
assert h.read("queue/results", ID + ".meta") != b"other"
day = h.at("history", "2026-02-18")
os.makedirs(day + "/" + ID)
os.rename(h.at("queue/results", ID + ".exit"), day + "/" + ID + "/exit")
for s in (".out", ".err", ".meta"):
    os.remove(h.at("queue/results", ID + s))
a.send("out %s 0 3" % ID, b"XYZ")
a.done(ID, b"other")
a.kept(ID)
assert h.queue() == [], h.queue()
a.end()
EOF
}

atf_test_case its_socket_tells_a_client_of_its_own_request
its_socket_tells_a_client_of_its_own_request_body() {
    peer <<'EOF'
import socket
from peer import *
def client(packet):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(DEADLINE)
    fd = os.open(h.dir, os.O_PATH)
    s.connect("/proc/self/fd/%d/agent.sock" % fd)
    os.close(fd)
    s.send(packet)
    return s
h = Home()
h.put(ID)
a = Agent(h)
assert os.stat(h.at("agent.sock")).st_mode & 0o777 == 0o600
# Anything else is no client.
for packet in (b"hello\n", b"submitted x\n", b"x" * 300,
        b"submitted " + ID.encode()):
    assert client(packet).recv(256) == b"", packet
s = client(b"submitted %s\n" % ID.encode())
other = client(b"submitted %s5\n" % ID[:-1].encode())
# It may have missed something before it came: it is to look at once.
assert s.recv(256) == b"grown %s\n" % ID.encode()
assert other.recv(256) == b"grown %s5\n" % ID[:-1].encode()
r = a.next()
a.take(r)
a.send("state %s queued 2" % ID)
assert s.recv(256) == b"state %s queued 2\n" % ID.encode()
# What comes later is told what dom0 said last, as it is now.
a.send("state %s running 7" % ID)
assert s.recv(256) == b"state %s running 7\n" % ID.encode()
late = client(b"submitted %s\n" % ID.encode())
assert late.recv(256) == s.recv(256) == b"grown %s\n" % ID.encode()
said = s.recv(256)
assert late.recv(256) == said
assert re.fullmatch(rb"state %s running [78]\n" % ID.encode(), said), said
a.send("out %s 0 1" % ID, b"x")
assert s.recv(256) == b"grown %s\n" % ID.encode()
a.done(ID, make_receipt(ID, r.token, out=b"x"))
assert s.recv(256) == b"result %s\n" % ID.encode()
a.kept(ID)
a.send("next cancel rate")
assert s.recv(256) == other.recv(256) == b"next cancel rate\n"
# One that does not read is dropped, and nobody waits for it.
for n in range(5000):
    a.send("state %s queued %d" % (ID, n))
a.silent()
a.end()
assert other.recv(256) == b""
EOF
}

atf_test_case a_second_agent_waits_for_the_first_ones_end
a_second_agent_waits_for_the_first_ones_end_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.put(ID)
first = Agent(h)
r = first.next()
first.take(r)
first.silent()
second = Agent(h, greet=False)
third = Agent(h, greet=False)
# The first one's pipe ends without bye: the next takes over.
first.process.stdin.close()
first.process.wait(DEADLINE)
assert first.process.returncode == 1
for a in (second, third):
    a.send("qvm-remote 2")
ready = select.select([second.process.stdout, third.process.stdout], [], [], 5)[0]
assert len(ready) == 1
a, other = (second, third) if ready[0] is second.process.stdout else (third, second)
assert a.line().startswith("ready 2 ")
assert a.next().id == ID
# The other does not get it while that one lives.
assert b"another agent" in other.end(1)
a.end()
EOF
}

atf_test_case a_killed_agent_leaves_a_queue_that_the_next_one_completes
a_killed_agent_leaves_a_queue_that_the_next_one_completes_body() {
    peer <<'EOF'
from peer import *
h = Home()
token = h.put(ID)
a = Agent(h)
a.take(a.next())
a.silent()
a.process.kill()
a.process.wait()
# It was killed between two renames.
os.rename(h.at("queue/running", ID), h.at("queue/pending", ID))
a = Agent(h)
r = a.next()
assert (r.id, r.token, r.body) == (ID, token, b"true\n")
assert h.queue() == ["running/" + ID, "running/" + ID + ".auth"]
a.take(r)
a.finish(r)
a.end()
# And here before it removed the request.
h.put(ID)
a = Agent(h, "--poll")
assert a.next() == "none"
assert not h.list("queue/pending")
a.end()
EOF
}

atf_test_case what_is_no_frame_ends_the_session
what_is_no_frame_ends_the_session_body() {
    peer <<'EOF'
from peer import *
h = Home()
for line in ("hello", "x" * 300, "next any", "next any 01", "take ../x",
        "qvm-remote 2", "out %s 0 65537" % ID, "next  any 1", "n\0"):
    assert b"error" in (a := Agent(h), a.send(line), a.end(1))[2], line
a = Agent(h, greet=False)
a.send("count")
assert b"greet" in a.end(1)
EOF
}

atf_test_case reads_while_dom0_is_slow_to_read
reads_while_dom0_is_slow_to_read_body() {
    peer <<'EOF'
from peer import *
h = Home()
big = ID[:-1] + "5"
h.put(ID)
a = Agent(h)
r = a.next()
a.take(r)
h.put(big, b"x" * (1 << 20), input=b"y" * (1 << 20))
# 2 MiB stand in its pipe, and we send as much before we read any.
a.send("next any 1048576")
out = os.urandom(2 << 20)
a.send("count")
for at in range(0, len(out), 65536):
    a.send("out %s %d 65536" % (ID, at), out[at : at + 65536])
a.done(ID, make_receipt(ID, r.token, out=out))
r = a.answer()
assert (r.id, len(r.body), len(r.input)) == (big, 1 << 20, 1 << 20)
assert a.line().startswith("counts ")
a.kept(ID)
assert h.read("queue/results", ID + ".out") == out
a.end()
EOF
}

atf_test_case many_questions_at_once_are_all_answered
many_questions_at_once_are_all_answered_body() {
    peer <<'EOF'
from peer import *
h = Home()
a = Agent(h)
h.put(ID)
a.process.stdin.write(b"next cancel full\n" + b"count\n" * 1000
    + b"next any 1048576\n")
for n in range(1000):
    assert a.line() == "counts 1 0 0"
# The request comes behind the none that stood in its way.
assert a.line() == "none"
assert a.answer().id == ID
a.end()
EOF
}

atf_test_case a_request_that_shrinks_while_it_is_sent_ends_the_session
a_request_that_shrinks_while_it_is_sent_ends_the_session_body() {
    peer <<'EOF'
from peer import *
h = Home()
h.put(ID, b"x" * (1 << 20))
a = Agent(h)
a.send("next any 1048576")
a.more()
os.truncate(h.at("queue/pending", ID), 500000)
a.have = b""
try:
    while True:
        a.more()
        a.have = b""
except EOFError as e:
    assert b"cut" in e.args[0], e
assert a.process.returncode == 1
EOF
}

atf_test_case a_result_that_a_power_loss_cut_is_brought_again
a_result_that_a_power_loss_cut_is_brought_again_body() {
    peer <<'EOF'
from peer import *
h = Home()
token = h.put(ID)
receipt = make_receipt(ID, token, out=b"abc", err=b"de")
def deliver():
    a = Agent(h)
    a.send("out %s 0 3" % ID, b"abc")
    a.send("err %s 0 2" % ID, b"de")
    a.done(ID, receipt)
    return a
def cut(name, data):
    a = deliver()
    assert b"was cut" in a.end(1)
    a = deliver()
    a.kept(ID)
    a.end()
    assert h.read("queue/results/" + name) == data
a = deliver()
a.kept(ID)
a.end()
# It is whole: nothing is written again.
before = os.stat(h.at("queue/results", ID + ".out")).st_mtime_ns
a = deliver()
a.kept(ID)
a.end()
assert os.stat(h.at("queue/results", ID + ".out")).st_mtime_ns == before
for name, data in ((".out", b"abc"), (".err", b"de"), (".meta", receipt)):
    os.truncate(h.at("queue/results", ID + name), 0)
    cut(ID + name, data)
os.remove(h.at("queue/results", ID + ".err"))
cut(ID + ".err", b"de")
# In history nothing is judged, and nothing overwritten.
os.makedirs(h.at("history/2026-02-18", ID))
for name in ("exit", "out", "err", "meta"):
    os.rename(h.at("queue/results", ID + "." + name),
        h.at("history/2026-02-18", ID, name))
os.truncate(h.at("history/2026-02-18", ID, "out"), 0)
a = deliver()
a.kept(ID)
a.end()
assert h.queue() == []
EOF
}

atf_test_case what_is_no_output_file_makes_way
what_is_no_output_file_makes_way_body() {
    peer <<'EOF'
from peer import *
import socket
h = Home()
h.run("key", "show")
h.write("target", b"mine")
def fifo(path):
    os.mkfifo(path)
def link(path):
    os.symlink(h.at("target"), path)
def listener(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.relpath(path))
    s.close()
a = Agent(h)
for n, make in enumerate((fifo, link, listener)):
    id = ID[:-1] + str(n)
    h.put(id)
    r = a.next()
    a.take(r)
    make(h.at("queue/results", id + ".out"))
    make(h.at("queue/results", id + ".err"))
    a.finish(r, out=b"out")
    assert h.read("queue/results", id + ".out") == b"out"
    assert h.read("queue/results", id + ".err") == b""
assert h.read("target") == b"mine"
# A folder may hold what somebody needs.
h.put(ID)
r = a.next()
a.take(r)
os.mkdir(h.at("queue/results", ID + ".out"))
# No more: it may have ended by then.
a.send("out %s 0 3" % ID, b"out")
assert b"Is a directory" in a.end(1)
EOF
}

atf_test_case a_full_disk_ends_it_without_kept
a_full_disk_ends_it_without_kept_head() {
    atf_set require.user root
}
a_full_disk_ends_it_without_kept_body() {
    mkdir small
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check unshare -m sh -c \
        'mount -t tmpfs -o size=256k none small && python3 -' <<'EOF'
from peer import *
h = Home(os.path.abspath("small"))
h.run("key", "show")
# A version 1 client leaves no lock: it may wait.
h.put(ID, token=b"0" * 64)
a = Agent(h)
r = a.next()
a.take(r)
try:
    a.finish(r, out=b"x" * 300000, kept=False)
except BrokenPipeError:
    pass
assert b"No space left" in a.end(1)
assert a.have == b""
results = h.list("queue/results")
assert results == [ID + ".out"], results
# With room again, the next session brings it to its end.
os.truncate(h.at("queue/results", ID + ".out"), 0)
a = Agent(h)
assert a.next().id == ID
a.finish(r, out=b"x" * 1000)
assert h.read("queue/results", ID + ".out") == b"x" * 1000
a.end()
EOF
}

atf_test_case a_full_disk_drops_output_that_nobody_waits_for
a_full_disk_drops_output_that_nobody_waits_for_head() {
    atf_set require.user root
}
a_full_disk_drops_output_that_nobody_waits_for_body() {
    mkdir small
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check unshare -m sh -c \
        'mount -t tmpfs -o size=256k none small && python3 -' <<'EOF'
from peer import *
h = Home(os.path.abspath("small"))
dead = h.start("dead")
a = Agent(h)
a.send("next any 1048576")
r = a.answer()
a.take(r)
a.silent()
dead.kill()
dead.communicate()
receipt = a.finish(r, out=b"x" * 300000, err=b"y" * 1000)
result = lambda s: h.read("queue/results", r.id + s)
assert (result(".out"), result(".err")) == (b"", b"")
assert (result(".meta"), result(".exit")) == (receipt, b"0\n")
assert b"DROP id=" + r.id.encode() in h.read("audit.log")
# The line goes on, and the next client puts it in order.
c = h.start("live")
a.serve(out=b"live")
assert ends(c, 0)[0] == b"live"
assert h.queue() == [], h.queue()
assert h.history(r.id)("out") == b""
# Nor is one that left no trace waited for.
h.put(ID)
r = a.next()
a.take(r)
a.finish(r, out=b"x" * 300000)
assert h.read("queue/results", ID + ".out") == b""
assert b"output dropped" in a.end()
EOF
}

atf_init_test_cases() {
    atf_add_test_case greets_and_says_how_it_answers
    atf_add_test_case offers_takes_and_keeps_a_request
    atf_add_test_case answers_a_standing_next_with_what_comes_later
    atf_add_test_case the_oldest_request_comes_first_and_each_once
    atf_add_test_case what_comes_meanwhile_passes_over_nothing
    atf_add_test_case offers_wait_for_dom0s_answer
    atf_add_test_case cancels_go_first_and_each_once
    atf_add_test_case next_cancel_is_answered_by_no_request
    atf_add_test_case over_a_limit_lengths_are_told_and_no_bytes
    atf_add_test_case only_regular_readable_files_are_requests
    atf_add_test_case a_version_1_token_is_looked_at_until_it_is_whole
    atf_add_test_case the_same_piece_may_come_again_but_no_gap
    atf_add_test_case its_socket_tells_a_client_of_its_own_request
    atf_add_test_case a_second_agent_waits_for_the_first_ones_end
    atf_add_test_case a_killed_agent_leaves_a_queue_that_the_next_one_completes
    atf_add_test_case what_is_no_frame_ends_the_session
    atf_add_test_case reads_while_dom0_is_slow_to_read
    atf_add_test_case many_questions_at_once_are_all_answered
    atf_add_test_case a_request_that_shrinks_while_it_is_sent_ends_the_session
    atf_add_test_case a_result_that_a_power_loss_cut_is_brought_again
    atf_add_test_case what_is_no_output_file_makes_way
    atf_add_test_case a_full_disk_ends_it_without_kept
    atf_add_test_case a_full_disk_drops_output_that_nobody_waits_for
}
