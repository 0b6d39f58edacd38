#! /usr/bin/env atf-sh
# Keys that come from elsewhere, and keys that are changed.

peer() {
    QVM_REMOTE=$(atf_get_srcdir)/qvm-remote \
    PYTHONPATH=$(atf_get_srcdir) PYTHONDONTWRITEBYTECODE=1 \
        atf_check -o ignore -e empty python3 -
}

atf_test_case a_key_is_imported_once_and_must_be_strong
a_key_is_imported_once_and_must_be_strong_body() {
    peer <<'END'
from peer import *
h = Home(key=False)
text = KEY.hex()
for bad in ("", text[:-1], text + "0", "x" * 64, text + "\n\n", "00" * 32,
        bytes(range(32)).hex()):
    r = h.run("key", "import", data=bad.encode())
    assert r.returncode == 255 and r.stdout == b"", r
    assert "auth.key" not in h.list()
# Its case is kept, for version 1.
r = h.run("key", "import", data=text.upper().encode() + b"\n")
assert r.returncode == 0 and r.stdout == b"", r
assert FINGERPRINT.encode() in r.stderr and b"authorize" in r.stderr
assert h.read("auth.key") == text.upper().encode() + b"\n"
assert os.stat(h.at("auth.key")).st_mode & 0o777 == 0o600
r = h.run("key", "import", data=("8e" + text[2:]).encode())
assert r.returncode == 255 and b"already" in r.stderr and b"rotate" in r.stderr
assert h.run("key", "show").stdout == text.upper().encode() + b"\n"
os.unlink(h.at("auth.key"))
r = h.run("key", "import", text)
assert r.returncode == 0 and b"history" in r.stderr, r
END
}

atf_test_case a_terminal_does_not_echo_the_key
a_terminal_does_not_echo_the_key_body() {
    peer <<'END'
import pty, termios
from peer import *
h = Home(key=False)
for send, status in ((KEY.hex().encode() + b"\n", 0), (b"\x03", 130)):
    master, slave = pty.openpty()
    def terminal():
        os.setsid()
        import fcntl
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if status != 0:
        os.unlink(h.at("auth.key"))
    c = h.start("key", "import", stdin=slave, preexec_fn=terminal)
    wait_until("no echo", lambda: not termios.tcgetattr(slave)[3] & termios.ECHO)
    os.write(master, send)
    ends(c, status)
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    assert not select.select([master], [], [], 0)[0]
END
}

atf_test_case the_present_key_is_used_until_dom0_knows_the_next
the_present_key_is_used_until_dom0_knows_the_next_body() {
    peer <<'END'
import peer
from peer import *
h = Home()
assert h.run("key", "rotate", "--finish").returncode == 255
r = h.run("key", "rotate")
assert r.returncode == 0 and b"rotate --finish" in r.stderr, r
next = r.stdout
assert h.read("auth.key.next") == next and len(next) == 65
assert os.stat(h.at("auth.key.next")).st_mode & 0o777 == 0o600
assert h.run("key", "rotate").stdout == next
assert h.run("key", "show").stdout == KEY.hex().encode() + b"\n"
a = Agent(h)
c = h.start("x")
old = a.serve()
check_token(old.id, old.token)
ends(c, 0)
k = bytes.fromhex(next.decode())
derive = lambda what: hmac.new(k, b"qvm-remote " + what + b" key 2", "sha256").digest()
fingerprint = hashlib.sha256(b"qvm-remote key fingerprint 2\n" + k).hexdigest()[:16]
# dom0 does not know it: an unsigned answer, or one of another key.
for fields in ({"status": "rejected", "exit": 255, "signed": False}, {"status": "checked"}):
    c = h.start("key", "rotate", "--finish")
    r = a.serve(**fields)
    assert b"\nkey " + fingerprint.encode() + b"\n" in r.token
    out, err = ends(c, 255)
    assert b"the present one stays" in err, err
    assert h.run("key", "show").stdout == KEY.hex().encode() + b"\n"
c = h.start("key", "rotate", "--finish")
a.serve(status="checked", key=derive(b"receipt"))
out, err = ends(c, 0)
assert b"rotate VM --finish" in err and fingerprint.encode() in err, err
assert h.run("key", "show").stdout == next
assert "auth.key.next" not in h.list()
assert h.read("auth.key.retired") == KEY.hex().encode() + b"\n"
assert os.stat(h.at("auth.key.retired")).st_mode & 0o777 == 0o600
# What the retired key has signed is still verified.
assert h.run("result", old.id).returncode == 0
r = h.run("history", "verify")
assert r.returncode == 1 and b"2 verified, 1 without a signed answer, 1 wrong" in r.stdout, r
a.end()
END
}

atf_test_case what_a_killed_client_left_of_a_key_is_removed
what_a_killed_client_left_of_a_key_is_removed_body() {
    peer <<'END'
import fcntl
from peer import *
h = Home()
a = Agent(h)
def temps():
    return [name for name in h.list() if name.startswith(".auth")]
def left():
    h.write(".auth.key.99", KEY.hex().encode())
left()
h.write(".auth.key." + "9" * 200, b"x")
h.write(".auth.key.x", b"x")
# One that is being written stays.
held = open(h.at(".auth.key.98"), "wb")
fcntl.flock(held, fcntl.LOCK_EX)
held.write(KEY.hex().encode())
held.flush()
others = [name for name in temps() if name != ".auth.key.99"]
assert h.run("queue", "clean").returncode == 0
assert temps() == others, temps()
left()
c = h.start("x")
a.serve()
ends(c, 0)
assert temps() == others, temps()
a.end()
# Whoever writes one waits for the lock first.
def locked():
    fd = os.open(h.at(".auth.key.%d" % os.getpid()), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.set_inheritable(fd, True)
c = h.start("key", "rotate", preexec_fn=locked, close_fds=False)
waits = re.compile("-> FLOCK +ADVISORY +WRITE +%d " % c.pid)
wait_until("the lock", lambda: c.poll() is not None
    or waits.search(open("/proc/locks").read()))
assert c.poll() is None and "auth.key.next" not in h.list()
assert h.read(".auth.key.%d" % c.pid) == b""
c.kill()
c.communicate()
END
}

atf_init_test_cases() {
    atf_add_test_case what_a_killed_client_left_of_a_key_is_removed
    atf_add_test_case a_key_is_imported_once_and_must_be_strong
    atf_add_test_case a_terminal_does_not_echo_the_key
    atf_add_test_case the_present_key_is_used_until_dom0_knows_the_next
}
