"""The daemon of a bed: started, ended, asked, and its log read."""
import glob
import json
import os
import subprocess

from vm_requests import Wrong, read, wait_for

HERE = os.path.dirname(os.path.realpath(__file__))


class Daemon:
    def __init__(self, bed, key):
        self.bed, self.key = bed, key
        st = os.stat(bed)
        with open("/proc/mounts") as f:
            mount = next(m.split()[1] for m in f if m.split()[2] == "cgroup2")
        self.cgroup = "%s/qvm-remote-bed-%d-%d/daemon" % (
            mount, st.st_dev, st.st_ino)
        self.env = dict(os.environ, BED=bed)

    def run(self, *args):
        return subprocess.run(args, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def start(self):
        said = self.run(os.path.join(HERE, "bed"), "start")
        if said.returncode != 0:
            raise Wrong("no start: " + said.stdout.decode())

    def restart(self):
        self.run(os.path.join(HERE, "bed"), "stop")
        self.wait_end()
        self.start()

    def allow_v1(self):
        with open(os.path.join(self.bed, "etc/qubes/remote.d/vm1.conf"),
                  "a") as f:
            f.write("auth = v1\n")
        self.restart()

    def pids(self):
        found = []
        for where, _, _ in os.walk(self.cgroup):
            found += [int(p) for p in
                      read(os.path.join(where, "cgroup.procs")).split()]
        return found

    def role(self, name):
        for pid in self.pids():
            title = read("/proc/%d/cmdline" % pid).split(b"\0")[0]
            if title == b"qvm-remote: " + name.encode():
                return pid
        return None

    def wait_end(self):
        wait_for("the daemon's end", lambda: not self.pids())
        state = os.path.join(self.bed, "run/bed/daemon")
        wait_for("its end written down",
                 lambda: not read(state).startswith(b"pid"))

    def verify(self):
        said = self.run(os.path.join(self.bed, "dom0-bin/qvm-remote-dom0"),
                        "log", "verify", *(["--key", self.key]
                                           if self.key else []))
        return said.returncode, said.stdout.decode()

    def segments(self):
        return sorted(glob.glob(os.path.join(self.bed,
                                             "var/log/qvm-remote/*.log")))

    def trim(self):
        """Takes the reserved zeros off the segments that crashes left."""
        for path in self.segments()[:-1]:
            if os.path.getsize(path) == 64 << 20:
                os.truncate(path, len(self.written(path)))

    @staticmethod
    def written(path):
        data = b""
        with open(path, "rb") as f:
            while b"\0" not in data[-65536:]:
                piece = f.read(65536)
                if not piece:
                    break
                data += piece
        return data.rstrip(b"\0")

    def records(self):
        """Of the newest three segments."""
        for path in self.segments()[-3:]:
            for line in self.written(path).split(b"\n"):
                try:
                    yield json.loads(line)
                except ValueError:
                    pass

    def left(self):
        """What one request may leave nowhere."""
        return [f for folder in ("var/lib/qvm-remote/spool",
                                 "run/qvm-remote/work")
                for f in glob.glob(os.path.join(self.bed, folder, "*"))] + \
            glob.glob(os.path.join(self.cgroup, "**/command.*"),
                      recursive=True)
