"""The web view with a log of its own, and a client that says what it wants to.

A log is written by admin/mklog, line by line, as the daemon would write it.
"""
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["BUILD"]
ID = "20260218-143022-%d-a1b2c3d4"
DEADLINE = 60


class Wrong(Exception):
    """What did not hold."""


def must(what, *about):
    if not what:
        raise Wrong(" ".join(map(str, about)))


class View:
    def __init__(self, lines=("start",)):
        self.root = tempfile.mkdtemp(prefix="qvm-remote-webview.")
        os.chmod(self.root, 0o755)
        for d in ("etc/qubes", "var/log/qvm-remote", "var/log/qubes", "run",
                  "usr/libexec/qvm-remote"):
            os.makedirs(os.path.join(self.root, d))
        shutil.copy(BUILD + "/webui/web", self.root + "/usr/libexec/qvm-remote")
        self.log = subprocess.Popen(
            [BUILD + "/admin/mklog", self.root + "/var/log/qvm-remote"],
            stdin=subprocess.PIPE)
        self.number = 0
        self.write(*lines)
        self.cookie = self.program = None

    @classmethod
    def of(cls, root):
        """Of a log that somebody else writes."""
        v = cls.__new__(cls)
        v.root, v.log, v.cookie, v.program = root, None, None, None
        shutil.copy(BUILD + "/webui/web", root + "/usr/libexec/qvm-remote")
        return v

    def write(self, *lines):
        """Records, on disk when it returns."""
        for line in lines:
            self.number += line.split()[0] in (
                "start", "segment", "intent", "result", "refused", "denied", "event", "stop",
                "pruned")
            self.log.stdin.write(line.encode("latin-1") + b"\n")
        self.log.stdin.flush()
        wait_for(lambda: self.on_disk() >= self.number)

    def write_all(self, lines):
        """The last ones, and too many to look for."""
        self.log.stdin.writelines(l.encode("latin-1") + b"\n" for l in lines)
        self.log.stdin.close()
        must(self.log.wait(DEADLINE) == 0, "mklog")

    def prune(self):
        """What is before another segment goes with another start, and a record says so."""
        folder = self.root + "/var/log/qvm-remote/"
        old = [folder + f for f in os.listdir(folder) if ".log" in f]
        self.write("start", "pruned")
        self.number -= sum(open(f, "rb").read().count(b"\n") for f in old)
        for f in old:
            os.unlink(f)

    def on_disk(self):
        folder = self.root + "/var/log/qvm-remote/"
        return sum(open(folder + f, "rb").read().count(b"\n")
                   for f in os.listdir(folder))

    def start(self, *more, under=()):
        if "--port" in more:
            self.port = int(more[1])
        elif "--socket" not in more:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            more += ("--port", str(self.port))
        self.program = subprocess.Popen(
            [*under, BUILD + "/webui/qvm-remote-webui", "--root", self.root, *more],
            stdout=subprocess.PIPE, text=True)
        self.url = self.program.stdout.readline().strip()
        must(self.url, "no address:", self.program.poll())
        self.token = self.url.split("token=")[1]
        return self

    def processes(self):
        """keeper, reader, web: pids."""
        return self.processes_of(self.program.pid)

    @staticmethod
    def processes_of(keeper):
        reader = children(keeper)[0]
        web = next(p for p in children(reader)
                   if open("/proc/%d/cmdline" % p).read().startswith("qvm-remote: web"))
        return keeper, reader, web

    def gone(self):
        """What keeper and reader hold open of the log, and has no name any more."""
        return [f for pid in self.processes()[:2] for f in held(pid)
                if f.endswith(" (deleted)") and "/var/log/" in f]

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def ask(self, target, headers=None, method="GET", body=None, cookie=True):
        """Status, headers and body."""
        headers = dict(headers or {})
        if cookie and self.cookie:
            headers.setdefault("Cookie", self.cookie)
        c = self.connect()
        c.request(method, target, body, headers)
        r = c.getresponse()
        got = r.status, r.headers, r.read()
        c.close()
        return got

    def enter(self):
        status, headers, _ = self.ask("/?token=" + self.token)
        must(status == 303, "the token gives", status)
        self.cookie = headers["Set-Cookie"].split(";")[0]
        return self

    def stop(self):
        """All of its processes have ended."""
        if self.program.poll() is None:
            pids = self.processes()
            self.program.terminate()
            wait_for(lambda: all(map(ended, pids)))
        self.program.wait(DEADLINE)
        self.program = None

    def end(self):
        if self.program:
            self.stop()
        if self.log:
            self.log.stdin.close()
            self.log.wait()
            shutil.rmtree(self.root)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def held(pid):
    names = []
    for f in os.listdir("/proc/%d/fd" % pid):
        try:
            names.append(os.readlink("/proc/%d/fd/%s" % (pid, f)))
        except FileNotFoundError:
            pass    # it was closed meanwhile
    return names


def ended(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]


def wait_for(what):
    end = time.monotonic() + DEADLINE
    while not what():
        must(time.monotonic() < end, "in vain")
        time.sleep(0.02)


def request(n, vm="work", body="true", status="exited 0 5"):
    """The lines of one that ran; n is its intent's number."""
    return ["intent %s %s %s" % (vm, ID % n, body),
            "result %d %s %s %s" % (n, vm, ID % n, status)]


def escaped(data):
    """Bytes as mklog takes them."""
    return "".join("\\x%02x" % b if b < 0x21 or b > 0x7e or b == 0x5c else chr(b)
                   for b in data)


def run(cases, argv):
    """The case that is named; a failure's reason is one line."""
    try:
        cases[argv[1]](*argv[2:])
    except Wrong as wrong:
        sys.exit("%s: %s" % (argv[1], str(wrong).replace("\n", " ")[:500]))
