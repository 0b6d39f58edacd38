"""Requests of a VM of the bed, and how each may be answered: see points.

Tokens and receipts are written and checked from PROTOCOL.md, not by the
programs.
"""
import errno
import glob
import hashlib
import hmac
import importlib.machinery
import importlib.util
import json
import os
import re
import time
import types

HERE = os.path.dirname(os.path.realpath(__file__))
DEADLINE = 20.0     # seconds, for whatever is waited for
TEXT = "".join("line %d\n" % n for n in range(9000))  # 88 KiB
MIB = 1048576
# A token's lines.
VERSION, KEY, KIND, ISSUED, EXPIRES, TIMEOUT, ORDER, NOTE, BODY, INPUT, MAC = \
    range(11)
LINES = ("version", "key", "kind", "issued", "expires", "timeout", "order",
         "note", "body", "input", "mac")


def program(name):
    """One of ours as a module."""
    where = importlib.machinery.SourceFileLoader(name, os.path.join(HERE, name))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(name, where))
    where.exec_module(module)
    return module


forge = program("forge")


def began(answer):
    """A command did; a check and a ping say when they were answered."""
    return answer["started"] != "-" and answer["status"] != "checked"


class Wrong(Exception):
    """What must hold does not."""


def wait_for(what, condition, seconds=DEADLINE):
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Wrong("in vain: " + what)
        time.sleep(0.002)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        # A process or a cgroup that ends meanwhile is one that is not there.
        if e.errno not in (errno.ENOENT, errno.ESRCH, errno.ENODEV):
            raise
        return b""


def log_lines(path):
    """A segment's, up to what is reserved, or is being written."""
    text = b""
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(MIB), b""):
            text += piece
            if b"\0" in piece:
                break
    return text.partition(b"\0")[0].split(b"\n")[:-1]


def records_of(bed):
    return [json.loads(line)
            for path in sorted(glob.glob(os.path.join(
                bed, "var/log/qvm-remote/*.log")))
            for line in log_lines(path)]


class Vm:
    """One whose disk is written from outside, as any of its users could."""

    def __init__(self, bed, name="vm1", life=330):
        """life: seconds that its tokens are good for."""
        self.bed, self.name, self.life = bed, name, life
        home = os.path.join(bed, "vms", name, "home")
        self.uid = os.stat(home).st_uid
        self.home = os.path.join(home, ".qvm-remote")
        self.queue = os.path.join(self.home, "queue")
        self.secret = bytes.fromhex(
            read(os.path.join(self.home, "auth.key")).decode().strip())

    def put(self, request):
        for suffix, data in request.files:
            self.write(request.name + suffix, data)

    def cancel(self, request):
        auth = self.token(request.name, "cancel", "", None, "now")
        self.write(request.name + ".cancel", auth)
        return auth

    def token(self, name, kind, body, text, order, wait=None, timeout="-"):
        now = int(time.time())
        return forge.token(types.SimpleNamespace(
            id=name, kind=kind, body=body, signed_body=None, input=text,
            issued=now, expires=now + (wait or self.life), timeout=timeout,
            order=order, note="-", mac=None), self.secret)

    def write(self, name, data, folder="pending"):
        temporary = os.path.join(self.queue, folder, "." + name)
        with open(temporary, "wb") as f:
            f.write(data)
        os.chown(temporary, self.uid, self.uid)
        os.rename(temporary, os.path.join(self.queue, folder, name))

    def taken(self, name):
        return os.path.exists(os.path.join(self.queue, "running", name))

    def result(self, name):
        return os.path.join(self.queue, "results", name)

    def answered(self, name):
        return os.path.exists(self.result(name) + ".exit")

    def forget(self, request):
        """As a copy of the disk from before would; its answer is filed."""
        name = request.name
        filed = os.path.join(self.home, "history", "points", name)
        if not os.path.exists(filed):
            os.makedirs(filed)
            os.rename(self.result(name) + ".meta",
                      os.path.join(filed, "meta"))
        for path in glob.glob(self.result(name) + ".*") + glob.glob(
                os.path.join(self.queue, "[pr]*ing", name + "*")):
            os.unlink(path)

    def receipt(self, request):
        """An answer's lines, checked against its mac."""
        name = request.name
        text = wait_for("an answer of " + name, lambda: self.answered(name)
                        and read(self.result(name) + ".meta"))
        lines = dict(line.partition(" ")[::2]
                     for line in text.decode().split("\n"))
        lines["text"], lines["signed"] = text, "mac" in lines
        if lines["signed"]:
            self.check(lines, text)
        if lines["request"] != request.digest:
            raise Wrong("an answer to another token")
        return lines

    def answer(self, request):
        """Its outputs too."""
        if isinstance(request, OldRequest):
            return self.old_answer(request)
        lines = self.receipt(request)
        for stream in ("out", "err"):
            lines["." + stream] = output = read(self.result(request.name)
                                                + "." + stream)
            if hashlib.sha256(output).hexdigest() != lines[stream].split()[2]:
                raise Wrong("%s is not the receipt's" % stream)
        return lines

    def old_answer(self, request):
        """Version 1 has no receipt: what the log says of it, and its files."""
        name = request.name
        text = wait_for("an answer of " + name, lambda: self.answered(name)
                        and read(self.result(name) + ".meta"))
        out, err, code = (read(self.result(name) + suffix)
                          for suffix in (".out", ".err", ".exit"))
        results = [r for r in records_of(self.bed)
                   if r["event"] == "result" and r.get("id") == name]
        if len(results) != 1:
            raise Wrong("%d results" % len(results))
        lines = results[0]
        if b"\nexit_code=%d\n" % int(code) not in text + b"\n":
            raise Wrong("%s, and it ended with %s" % (text, code))
        return {"status": lines["status"], "reason": lines.get("reason"),
                "started": lines.get("started") or "-", "text": text,
                "signed": True, ".out": out, ".err": err}

    def check(self, lines, text):
        covered = text[:text.rindex(b"mac ")]
        key = hmac.new(self.secret, b"qvm-remote receipt key 2",
                       hashlib.sha256).digest()
        if hmac.new(key, b"qvm-remote receipt 2\n" + covered,
                    hashlib.sha256).hexdigest() != lines["mac"]:
            raise Wrong("a mac that is wrong")

    def witness(self, name):
        return read(os.path.join(self.bed, "witness")).decode().split(
            "\n").count(name)


class Draft:
    """A request that would run, to be spoiled: its token's lines, its files."""

    def __init__(self, vm, name=None):
        """name: of its files, where it is no id."""
        now = int(time.time())
        self.vm, self.name = vm, name or forge.new_id()
        self.body = b'echo "$QVM_REMOTE_ID" >>%s/witness\n' % vm.bed.encode()
        self.input = b"some input"
        self.lines = forge.token(types.SimpleNamespace(
            id="", kind="run", body=self.body.decode(),
            signed_body=None, input=self.input.decode(), issued=now,
            expires=now + 330, timeout="300", order="now", note="a note",
            mac=None), vm.secret).split(b"\n")[:-1]
        self.auth = None
        self.sign()

    def sign(self, name=None, label=b"request", prefix=b"qvm-remote request 2"):
        key = hmac.new(self.vm.secret, b"qvm-remote %s key 2" % label,
                       hashlib.sha256).digest()
        covered = b"%s\n%s\n" % (prefix, os.fsencode(name or self.name)) \
            + b"".join(line + b"\n" for line in self.lines[:MAC])
        self.lines[MAC] = b"mac " + hmac.new(
            key, covered, hashlib.sha256).hexdigest().encode()

    def say(self, line, text):
        self.lines[line] = text

    def say_bytes(self, line, data):
        """That line's length and digest: of these bytes."""
        self.say(line, b"%s %d %s" % (
            LINES[line].encode(), len(data),
            hashlib.sha256(data).hexdigest().encode()))

    def files(self):
        """Suffix and bytes of each, the token last."""
        if self.auth is None:
            self.auth = b"".join(line + b"\n" for line in self.lines)
        # Of what is too long, dom0 has the lengths only.
        whole = len(self.auth) <= 1024 and len(self.body) <= MIB and \
            len(self.input or b"") <= MIB
        self.digest = hashlib.sha256(self.auth).hexdigest() if whole else "-"
        inputs = [] if self.input is None else [(".in", self.input)]
        return [("", self.body)] + inputs + [(".auth", self.auth)]

    def put(self):
        for suffix, data in self.files():
            self.vm.write(self.name + suffix, data)


class Request:
    """One of a VM, and how it may end but for an interruption."""

    def __init__(self, vm, kind="run", body="echo ok", text=None, order="now",
                 wait=None, timeout="-", ends=(("exited", b"ok\n", b""),)):
        self.name, self.ends, self.runs = forge.new_id(), ends, kind == "run"
        if kind != "ping":
            body = 'echo "$QVM_REMOTE_ID" >>%s/witness\n%s\n' % (vm.bed, body)
        auth = vm.token(self.name, kind, body, text, order, wait, timeout)
        self.digest = hashlib.sha256(auth).hexdigest()
        self.files = [("", body.encode()), (".auth", auth)]
        if text is not None:
            self.files.insert(1, (".in", text.encode()))

    def judge(self, answer, ran):
        """ran: how often the witness was written."""
        status, outputs = answer["status"], (answer[".out"], answer[".err"])
        if not answer["signed"]:
            raise Wrong("not signed: %s: %s" % (status, answer["reason"]))
        if status == "interrupted" and self.runs:
            good = outputs == (b"", b"") and ran <= 1
        else:
            good = any(status == end and re.fullmatch(out, outputs[0])
                       and re.fullmatch(err, outputs[1])
                       for end, out, err in self.ends)
            good = good and ran == began(answer)
        if not good:
            raise Wrong("%s (%s), it ran %d times, and its outputs are %d and "
                        "%d bytes" % (status, answer["reason"], ran,
                                      *map(len, outputs)))


class OldRequest(Request):
    """One of version 1: its token covers its name alone."""

    def __init__(self, vm):
        super().__init__(vm)
        characters = read(os.path.join(vm.home, "auth.key")).strip()
        self.files[-1] = (".auth", hmac.new(
            characters, self.name.encode(), hashlib.sha256)
            .hexdigest().encode())

    def judge(self, answer, ran):
        # Without a receipt, what had come before stays in .out.
        if answer["status"] == "interrupted" and answer[".err"].startswith(
                b"qvm-remote: interrupted: ") and \
                answer[".out"] in (b"", b"ok\n"):
            answer = answer | {".out": b"", ".err": b""}
        super().judge(answer, ran)


class Run:
    """A request of a kind, from nothing to its acknowledgement."""

    def __init__(self, vm):
        self.vm = vm
        self.requests = [self.make()]

    def make(self):
        return Request(self.vm)

    def prepare(self):
        """What goes on when it comes."""

    def put(self):
        self.vm.put(self.requests[-1])

    def meanwhile(self, over):
        """What is done while it is there, unless the role is gone."""


class Streams(Run):
    def make(self):
        text = TEXT.encode()
        return Request(self.vm, text=TEXT, body="tee /dev/stderr",
                       ends=[("exited", re.escape(text), re.escape(text))])


class Ping(Run):
    def make(self):
        return Request(self.vm, "ping", "", ends=[
            ("checked", rb"qvm-remote \S+ in dom0\. [^\n]+\n"
             rb"([a-z-]+ = [^\n]+\n)+", b"")])


class Check(Run):
    def make(self):
        return Request(self.vm, "check",
                       ends=[("checked", b"would run: [^\n]+\n", b"")])


class Cancel(Run):
    def make(self):
        return Request(self.vm, body="sleep 60",
                       ends=[("cancelled", b"", b"")])

    def meanwhile(self, over):
        name = self.requests[0].name
        wait_for("it runs", lambda: over() or self.vm.witness(name))
        self.vm.cancel(self.requests[0])


class Queue(Run):
    """The second of two; the first ends when the second is there."""

    def __init__(self, vm):
        super().__init__(vm)
        self.go = os.path.join(vm.bed, "go." + self.requests[0].name)
        self.requests.insert(0, Request(
            vm, order="queue",
            body="until [ -e %s ]; do sleep 0.01; done; echo ok" % self.go))

    def make(self):
        return Request(self.vm, order="queue")

    def prepare(self):
        first = self.requests[0]
        self.vm.put(first)
        wait_for("the first runs", lambda: self.vm.witness(first.name))

    def meanwhile(self, over):
        name = self.requests[-1].name
        wait_for("the second is queued", lambda: over()
                 or self.vm.taken(name))
        with open(self.go, "wb"):
            pass


class Early(Run):
    """Its cancel has no answer: it counts once it is recorded."""

    def make(self):
        return Request(self.vm, ends=[("cancelled", b"", b""),
                                      ("exited", b"ok\n", b"")])

    def put(self):
        self.vm.cancel(self.requests[0])

    def recorded(self):
        name = self.requests[0].name
        return any(r["event"] == "cancel" and r["id"] == name
                   for r in records_of(self.vm.bed))

    def meanwhile(self, over):
        request = self.requests[0]
        wait_for("a record of its cancel", lambda: over() or self.recorded())
        if self.recorded():
            request.ends = request.ends[:1]
        self.vm.put(request)


class Content(Run):
    def make(self):
        return Request(self.vm, body="echo \x01",
                       ends=[("rejected", b"", b"")])


class V1(Run):
    def make(self):
        return OldRequest(self.vm)


class Timeout(Run):
    def make(self):
        return Request(self.vm, body="sleep 60", timeout="1",
                       ends=[("timeout", b"", b"")])


KINDS = {kind.__name__.lower(): kind
         for kind in (Run, Streams, Ping, Check, Cancel, Queue, Early, Content,
                      Timeout, V1)}
