#! /usr/bin/env atf-sh
# What is shown of the queue, of the log, and of what has ended.

peer() {
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case ping_tells_round_trip_and_clock
ping_tells_round_trip_and_clock_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
text = b"qvm-remote 2.0 in dom0. VM work: mode shell\x1b: all.\n"
c = h.start("ping", "-c3")
for n in range(3):
    r = a.next()
    a.take(r)
    receipt = make_receipt(r.id, r.token, "checked", out=text,
        ended=time.time() + 100)
    a.send("out %s 0 %d" % (r.id, len(text)), text)
    a.done(r.id, receipt)
    a.kept(r.id)
out, err = ends(c, 0)
lines = out.decode().split("\n")
assert lines[0] == "qvm-remote 2.0 in dom0. VM work: mode shell\\x1b: all."
assert len(lines) == 5, lines
for line in lines[1:4]:
    m = re.fullmatch(r"round trip [0-9.]+ ms, dom0's clock is ([0-9.]+) s ahead", line)
    assert m and 99 < float(m[1]) < 101, line
c = h.start("policy")
a.serve(status="checked", out=text)
assert ends(c, 0)[0] == b"VM work: mode shell\\x1b: all.\n"
for n in ("0", "x", "1001"):
    assert h.run("ping", "-c", n).returncode == 2
assert h.run("ping", "-c").returncode == 2
a.end()
END
}

atf_test_case status_is_0_when_dom0_answers_and_nothing_waits
status_is_0_when_dom0_answers_and_nothing_waits_body() {
    peer <<'END'
from peer import *
h = Home()
r = h.run("status")
assert r.returncode == 1 and b"dom0          does not answer" in r.stdout, r
assert b"agent         does not run" in r.stdout
a = Agent(h)
c = h.start("x")
done = a.serve()
ends(c, 0)
c = h.start("status")
a.serve(status="checked")
out, err = ends(c, 0)
assert b"key           " + FINGERPRINT.encode() in out, out
assert b"agent         runs" in out and b"session       there is one" in out
assert b"0 pending, 0 running, 0 results" in out
assert b"last success  " + done.id.encode() in out
h.put(ID)
c = h.start("status")
r = a.next()
while r.token.find(b"kind ping") == -1:
    r = a.next()
a.take(r)
a.finish(r, status="checked")
assert b"1 pending" in ends(c, 1)[0]
a.end()
END
}

atf_test_case the_queue_is_listed_escaped
the_queue_is_listed_escaped_body() {
    peer <<'END'
from peer import *
h = Home()
h.put(ID, b"echo \x1b[2J\necho b\n")
id = h.run("--detach", "later").stdout.decode().strip()
h.write("queue/pending/\x1b[2J", b"")
assert h.run("queue").stdout == b"pending 2\nrunning 0\nresults 0\n"
assert h.run("queue", "status").stdout == b"pending 2\nrunning 0\nresults 0\n"
r = h.run("queue", "list")
assert r.returncode == 0 and r.stdout.decode().split("\n") == [
    ID + "  pending           echo \\x1b[2J\\x0aecho b",
    id + "  pending  detached later", ""], r
r = h.run("queue", "debug")
assert r.returncode == 0 and b"\x1b" not in r.stdout
assert b"pending/\\x1b[2J\n" in r.stdout
assert b"clients/" + id.encode() + b".auth\n" in r.stdout
END
}

atf_test_case clean_takes_what_belongs_to_nobody
clean_takes_what_belongs_to_nobody_body() {
    peer <<'END'
from peer import *
h = Home()
id = h.run("--detach", "later").stdout.decode().strip()
old = time.time() - 3700
left = ["pending/." + ID + ".auth", "pending/" + ID, "pending/" + ID + ".cancel",
    "results/" + ID + ".out", "results/." + ID + ".meta"]
for name in left:
    h.write("queue/" + name, b"x")
os.mkdir(h.at("queue/pending/folder"))
r = h.run("queue", "clean")
assert r.returncode == 0 and b"0 files removed, 0 results" in r.stdout, r
for name in left + ["pending/" + id, "pending/" + id + ".auth", "clients/" + id]:
    os.utime(h.at("queue", name), (old, old))
r = h.run("queue", "clean")
assert b"5 files removed, 0 results" in r.stdout, r
assert h.queue() == ["pending/" + id, "pending/" + id + ".auth",
    "pending/folder", "clients/" + id, "clients/" + id + ".auth"], h.queue()
# A result that no client of ours asked for goes to history.
for suffix in ("out", "err", "meta", "exit"):
    h.write("queue/results/" + ID + "." + suffix, b"0\n")
    os.utime(h.at("queue/results/" + ID + "." + suffix), (old, old))
assert b"0 files removed, 1 results" in h.run("queue", "clean").stdout
assert h.history(ID)("out") == b"0\n"
assert b"QUEUE-CLEAN removed=5\n" in h.read("audit.log")
END
}

atf_test_case the_past_is_shown_escaped
the_past_is_shown_escaped_body() {
    peer <<'END'
from peer import *
h = Home()
assert h.run("history").stdout == h.run("log").stdout == b""
a = Agent(h)
ids = []
for n in range(12):
    c = h.start("--note", "note %d" % n, "job %d" % n)
    ids.append(a.serve(out=b"out\x1b[2J %d" % n, exit=n).id)
    ends(c, n)
h.write("audit.log", h.read("audit.log") + b"evil\x1b[2J\n")
lines = h.run("log").stdout.decode().split("\n")
assert len(lines) == 21 and lines[-2] == "evil\\x1b[2J", lines
h.run("--detach", r"printf 'a\b\033'" + "\u00e9")
said = h.run("log", "1").stdout
assert said.endswith(rb" cmd=printf 'a\x5cb\x5c033'\xc3\xa9" + b"\n"), said
assert said == h.read("audit.log").splitlines(True)[-1]
assert h.run("log", "2").stdout == h.run("log", "-n", "2").stdout
assert h.run("log", "2").stdout == h.run("log", "-n2").stdout
assert h.run("log", "2").stdout.count(b"\n") == 2
ids.sort()
def listed(*args):
    r = h.run("history", *args)
    assert r.returncode == 0, r
    return [line.split()[0] for line in r.stdout.decode().split("\n")[:-1]]
assert listed() == ids[-10:] and listed("3") == ids[-3:]
assert listed("-n", "100") == listed("-n100") == ids
assert len(listed("search", "job 11")) == 1 and listed("search", "note 1\n") == listed("search", "job 1\n")
assert listed("search", "out\x1b[2J 4") == listed("search", "job 4\n")
assert listed("search", "nothing") == []
id = listed("search", "job 7\n")[0]
r = h.run("history", "show", id)
text = r.stdout.decode()
assert r.returncode == 0 and "\nverified   yes\n" in text, r
assert "\nnote       note 7\n" in text and "exit status 7\n" in text
assert "\ncommand (6 bytes):\njob 7\n" in text
assert "\noutput (9 bytes):\nout\\x1b[2J 7\n" in text, text
assert "\ninput " not in text
c = h.start("--stdin", "cat", stdin=subprocess.PIPE)
c.stdin.write(b"abc")
c.stdin.close()
c.stdin = None
while (r := a.serve(out=b"abc")).body != b"cat\n": # the detached one first
    pass
ends(c, 0)
text = h.run("history", "show", r.id).stdout.decode()
assert "\ninput      3 bytes, SHA-256 %s (not kept)\n" % hashlib.sha256(b"abc").hexdigest() in text, text
for wrong in (["history", "x"], ["history", "0"], ["history", "show"],
        ["history", "show", "../x"], ["log", "1", "2"], ["log", "-n"],
        ["log", "-n", "1", "2"], ["log", "-n1", "2"], ["log", "-nx"],
        ["log", "--n1"], ["result", "-fx", ID], ["key", "show", "--fingerprint="],
        ["history", "search"], ["queue", "x"]):
    assert h.run(*wrong).returncode == 2, wrong
assert h.run("history", "show", ID).returncode == 255
a.end()
END
}

atf_test_case verify_names_what_is_not_as_it_was_signed
verify_names_what_is_not_as_it_was_signed_body() {
    peer <<'END'
from peer import *
h = Home()
a = Agent(h)
def entry():
    c = h.start("job")
    r = a.serve(out=b"out", err=b"err")
    ends(c, 0)
    return "history/%s-%s-%s/%s/" % (r.id[:4], r.id[4:6], r.id[6:8], r.id)
entry()
r = h.run("history", "verify")
assert (r.returncode, r.stdout) == (0,
    b"1 verified, 0 without a signed answer, 0 wrong\n"), r
other = entry()
def of_another_token(meta):
    id = meta.split()[3].decode()
    return make_receipt(id, b"another", out=b"out", err=b"err")
GONE = object()
VM = b" was not signed with this VM's key"
for name, change, said in (
        ("command", b"evil\n", b"its command is not what was signed"),
        ("out", b"evil", b"its output is not what was signed"),
        ("err", b"", b"its output is not what was signed"),
        ("meta", None, b"its receipt is of another request"),
        ("meta", lambda meta: meta.replace(b"exit 0", b"exit 7"),
            b"its receipt" + VM),
        ("meta", of_another_token, b"its receipt is of another token"),
        ("meta", b"", b"its receipt is damaged"),
        # As no version writes it: unsigned, with a mac.
        ("meta", lambda meta: re.sub(b"(log|mac) .*\n", rb"\1 -\n", meta),
            b"its receipt is damaged"),
        ("meta", GONE, b"it has no receipt"),
        ("meta", b"id=1\n", b"its receipt is damaged"),
        ("meta", b"x" * 1025, b"its receipt cannot be read"),
        ("exit", b"7\n", b"its exit status is not what was signed"),
        ("exit", b"0", b"its exit status is not what was signed"),
        ("exit", b"", b"its exit status is not what was signed"),
        ("token", GONE, b"it has a receipt, and its token is not here"),
        ("token", b"x" * 1025, b"its token cannot be read"),
        ("token", None, b"its token" + VM),
        ("token", lambda t: t.replace(FINGERPRINT.encode(), b"0" * 16),
            b"its key is not here"),
        ("token", b"", b"its token is damaged")):
    e = entry()
    id = e.split("/")[2].encode()
    good = h.read(e + name)
    if change is None:
        change = h.read(other + name)
    elif callable(change):
        change = change(good)
        assert change != good
    if change is GONE:
        os.unlink(h.at(e + name))
    else:
        h.write(e + name, change)
    r = h.run("history", "verify")
    lines = r.stdout.split(b"\n")
    assert r.returncode == 1 and len(lines) == 3, r
    assert lines[0] == id + b": " + said, r
    r = h.run("history", "show", id.decode())
    assert r.returncode == 255 and said in r.stdout, r
    # It is no witness, and the others are.
    r = h.run("history", "export", "--witness")
    assert r.returncode == 1 and b"\nid " + id not in r.stdout, r
    assert r.stderr.endswith(id + b": " + said + b"; left out\n"), r
    assert other.split("/")[2].encode() in r.stdout, r
    h.write(e + name, good)
assert h.run("history", "verify").returncode == 0
# A signature that was taken away is no proof of anything, and is named.
e = entry()
good = h.read(e + "meta")
h.write(e + "meta", re.sub(b"log .*\n|mac .*\n",
                           lambda m: b"log -\n" if m[0][:1] == b"l" else b"", good))
r = h.run("history", "verify")
assert r.returncode == 0 and b", 1 without a signed answer, 0 wrong" in r.stdout, r
assert r.stdout.startswith(e.split("/")[2].encode() + b": its answer is not signed\n"), r
h.write(e + "meta", good)
# Without its token, nothing of an entry may be changed and pass.
for name, change in ("out", b"evil"), ("meta", b"qvm-remote-receipt 2\n"):
    e = entry()
    os.unlink(h.at(e + "token"))
    h.write(e + name, change)
r = h.run("history", "verify")
assert r.returncode == 1 and b"0 without a signed answer, 2 wrong" in r.stdout, r
# What version 1 answers, nobody has signed.
shutil.rmtree(h.at("history"))
e = entry()
os.unlink(h.at(e + "token"))
h.write(e + "meta", b"id=" + e.split("/")[2].encode() + b"\n")
r = h.run("history", "verify")
assert r.returncode == 0 and b"1 without" in r.stdout, r
a.end()
END
}

atf_test_case export_gives_what_was_signed_from_the_oldest
export_gives_what_was_signed_from_the_oldest_body() {
    peer <<'END'
from peer import *
h = Home()
assert h.run("history", "export", "--witness").stdout == b""
a = Agent(h)
receipts = []
for n in range(3):
    c = h.start("job")
    request = a.next()
    a.take(request)
    receipts.append(a.finish(request, exit=n))
    ends(c, n)
c = h.start("job")
a.serve(status="rejected", exit=255, signed=False)
ends(c, 255)
# Ids of one second are in no order of time.
receipts.sort(key=lambda r: r.split()[3])
r = h.run("history", "export", "--witness")
assert (r.returncode, r.stdout, r.stderr) == (0, b"".join(receipts), b""), r
file = os.path.join(h.path, "file")
r = h.run("history", "export", "--witness", file)
assert (r.returncode, r.stdout) == (0, b""), r
with open(file, "rb") as f:
    assert f.read() == b"".join(receipts)
r = h.run("history", "export", "--witness", h.path + "/none/file")
assert r.returncode == 255 and b"cannot be opened" in r.stderr, r
assert h.run("history", "export").returncode == 2
full = open("/dev/full", "wb")
c = h.start("history", "export", "--witness", stdout=full)
assert c.communicate()[1] and c.returncode == 255
a.end()
END
}

atf_init_test_cases() {
    atf_add_test_case export_gives_what_was_signed_from_the_oldest
    atf_add_test_case ping_tells_round_trip_and_clock
    atf_add_test_case status_is_0_when_dom0_answers_and_nothing_waits
    atf_add_test_case the_queue_is_listed_escaped
    atf_add_test_case clean_takes_what_belongs_to_nobody
    atf_add_test_case the_past_is_shown_escaped
    atf_add_test_case verify_names_what_is_not_as_it_was_signed
}
