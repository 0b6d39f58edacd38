"""dom0's end of a session, for the tests of qvm-remote.

It speaks the frames over two pipes with the real agent, and makes receipts
with Python's own hmac and hashlib.
"""

import hashlib
import hmac
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAM = os.environ["QVM_REMOTE"]
KEY = bytes.fromhex("8f" + "a1b2c3d4e5f60718293a4b5c6d7e8f90" * 2)[:32]
ID = "20260218-143022-1234-a1b2c3d4"
DEADLINE = 20
NOTHING = hashlib.sha256(b"").hexdigest()


def derive(what):
    text = b"qvm-remote " + what + b" key 2"
    return hmac.new(KEY, text, "sha256").digest()


K_REQUEST, K_RECEIPT = derive(b"request"), derive(b"receipt")
FINGERPRINT = hashlib.sha256(
    b"qvm-remote key fingerprint 2\n" + KEY
).hexdigest()[:16]


def wait_until(what, condition):
    """Polls, since what is waited for is a file, or a process's state."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "never came: " + what
        time.sleep(0.005)


class Home:
    """A VM user's home with a key, and clients that run in it."""

    def __init__(self, path=None, key=True):
        self.path = path or tempfile.mkdtemp(dir=os.getcwd())
        self.env = dict(os.environ, HOME=self.path, TZ="UTC")
        self.dir = os.path.join(self.path, ".qvm-remote")
        if key:
            os.makedirs(self.dir, 0o700, exist_ok=True)
            self.write("auth.key", KEY.hex().encode())

    def at(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, data):
        with open(self.at(name), "wb") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(data)

    def read(self, *parts):
        with open(self.at(*parts), "rb") as f:
            return f.read()

    def list(self, *parts):
        try:
            return sorted(os.listdir(self.at(*parts)))
        except FileNotFoundError:
            return []

    def queue(self):
        """Every file of the queue."""
        return [
            folder + "/" + name
            for folder in ("pending", "running", "results", "clients")
            for name in self.list("queue", folder)
        ]

    def history(self, id):
        day = "%s-%s-%s" % (id[:4], id[4:6], id[6:8])
        return lambda name: self.read("history", day, id, name)

    def start(self, *args, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([PROGRAM, *args], env=self.env, **kwargs)

    def run(self, *args, data=b""):
        return subprocess.run(
            [PROGRAM, *args],
            env=self.env,
            input=data,
            capture_output=True,
            timeout=DEADLINE * 2,
        )

    def put(self, id, body=b"true\n", token=None, input=None):
        """A request without a client, as a copied file would be."""
        self.run("key", "show")
        if token is None:
            token = make_token(id, body, input)
        if body is not None:
            self.write("queue/pending/" + id, body)
        if input is not None:
            self.write("queue/pending/" + id + ".in", input)
        self.write("queue/pending/." + id + ".auth", token)
        os.rename(
            self.at("queue/pending/." + id + ".auth"),
            self.at("queue/pending/" + id + ".auth"),
        )
        return token


def make_token(id, body, input=None, kind="run"):
    now = int(time.time())
    text = "qvm-remote-auth 2\nkey %s\nkind %s\n" % (FINGERPRINT, kind)
    text += "issued %d\nexpires %d\ntimeout -\n" % (now, now + 330)
    text += "order now\nnote -\nbody %d %s\n" % (
        len(body),
        hashlib.sha256(body).hexdigest(),
    )
    if input is None:
        text += "input -\n"
    else:
        digest = hashlib.sha256(input).hexdigest()
        text += "input %d %s\n" % (len(input), digest)
    covered = ("qvm-remote request 2\n" + id + "\n" + text).encode()
    mac = hmac.new(K_REQUEST, covered, "sha256").hexdigest()
    return (text + "mac " + mac + "\n").encode()


def check_token(id, token):
    """The mac of a token that the client has made."""
    covered, mac = token[:-69], token[-69:]
    text = b"qvm-remote request 2\n" + id.encode() + b"\n" + covered
    want = hmac.new(K_REQUEST, text, "sha256").hexdigest()
    assert mac == b"mac " + want.encode() + b"\n", token


def make_receipt(
    id,
    token,
    status="exited",
    exit=0,
    reason="-",
    out=b"",
    err=b"",
    written=None,
    signed=True,
    key=K_RECEIPT,
    ended=None,
):
    def stream(name, kept, count):
        digest = hashlib.sha256(kept).hexdigest()
        return "%s %d %d %s\n" % (name, count, len(kept), digest)

    ran = status in ("exited", "signaled", "timeout")
    text = "qvm-remote-receipt 2\nid %s\n" % id
    text += "request %s\n" % hashlib.sha256(token).hexdigest()
    text += "status %s\nexit %d\nreason %s\n" % (status, exit, reason)
    if ended is not None:
        text += "started %.6f\nended %.6f\n" % (ended, ended)
    else:
        text += "started %s\n" % ("1771425022.514000" if ran else "-")
        text += "ended %s\n" % ("1771425022.517250" if ran else "-")
    text += stream("out", out, len(out) if written is None else written)
    text += stream("err", err, len(err))
    if not signed:
        return (text + "log -\n").encode()
    text += "log 42 " + "c5" * 32 + "\n"
    covered = b"qvm-remote receipt 2\n" + text.encode()
    mac = hmac.new(key, covered, "sha256").hexdigest()
    return (text + "mac " + mac + "\n").encode()


class Request:
    def __init__(self, id, token, body, input):
        self.id, self.token, self.body, self.input = id, token, body, input


class Agent:
    """A session: the agent's process, and our ends of its pipes."""

    def __init__(self, home, *options, greet=True):
        self.home = home
        self.process = home.start(
            "agent", *options, stdin=subprocess.PIPE, bufsize=0
        )
        self.have = b""
        if greet:
            self.hello()

    def hello(self):
        self.send("qvm-remote 2")
        self.ready = self.line()
        assert re.fullmatch(r"ready 2 qvm-remote/\S+ (wait|poll)", self.ready)

    def send(self, line, data=b""):
        self.process.stdin.write(line.encode() + b"\n" + data)

    def more(self, deadline=DEADLINE):
        fd = self.process.stdout.fileno()
        if not select.select([fd], [], [], deadline)[0]:
            raise TimeoutError("the agent says nothing")
        data = os.read(fd, 65536)
        if not data:
            raise EOFError(self.process.communicate()[1])
        self.have += data

    def line(self, deadline=DEADLINE):
        while b"\n" not in self.have:
            self.more(deadline)
        line, self.have = self.have.split(b"\n", 1)
        return line.decode()

    def bytes(self, n):
        while len(self.have) < n:
            self.more()
        data, self.have = self.have[:n], self.have[n:]
        return data

    def next(self, limit=1 << 20):
        """The answer to `next any`: a Request, or the line."""
        self.send("next any %d" % limit)
        return self.answer(limit)

    def answer(self, limit=1 << 20):
        line = self.line()
        words = line.split()
        if words[0] == "cancel":
            return Request(words[1], self.bytes(int(words[3])), None, None)
        if words[0] != "request":
            return line
        assert abs(int(words[2]) - time.time()) < 5, line
        sizes = [int(n) for n in words[3:]]
        if sizes[0] > 4096 or sizes[1] > 1 << 20 or sizes[2] > limit:
            return line
        return Request(words[1], *[self.bytes(n) for n in sizes])

    def silent(self):
        """It has read all that was sent, and answers nothing else."""
        self.send("count")
        line = self.line()
        assert line.startswith("counts "), line
        return line

    def done(self, id, receipt, exit=0):
        self.send("done %s %d %d" % (id, exit, len(receipt)), receipt)

    def kept(self, id):
        line = self.line()
        assert line == "kept " + id, line

    def finish(self, request, out=b"", err=b"", kept=True, **fields):
        """Output and receipt of a request that was taken."""
        for name, data in (("out", out), ("err", err)):
            for at in range(0, len(data), 65536):
                piece = data[at : at + 65536]
                line = "%s %s %d %d" % (name, request.id, at, len(piece))
                self.send(line, piece)
        fields.setdefault("exit", 0)
        receipt = make_receipt(
            request.id, request.token, out=out, err=err, **fields
        )
        self.done(request.id, receipt, fields["exit"])
        if kept:
            self.kept(request.id)
        return receipt

    def take(self, request):
        self.send("take " + request.id)

    def serve(self, **fields):
        """One request from `next` to `kept`."""
        request = self.next()
        self.take(request)
        self.finish(request, **fields)
        return request

    def end(self, status=0):
        """bye, or what made it end before."""
        if status == 0:
            self.send("bye")
        out, err = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == status, (
            self.process.returncode,
            err,
        )
        return err


def ends(process, status):
    """A client's output, when it has ended as it should."""
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == status, (process.returncode, out, err)
    return out, err
