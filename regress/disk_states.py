"""What a power loss may leave of some folders, from the calls that wrote them.

The calls come from `strace -f -y -xx -s MANY`.  What a call did to a file is
on the disk for certain once a sync of that file has returned, and to a folder,
once one of the folder has.  Until then each of them alone may be there or not,
in any order, and of a write any part: up to a byte, or any pages of 4 KiB.  An
entry of a folder says nothing about the data behind it, nor the other way
round.  A call that is not known to leave all files alone, and not known here
either, must not touch the folders.
"""
import collections
import os
import re

from vm_requests import Wrong

PAGE = 4096
FEW = 8             # of what one power loss may have taken or left alone
# What is not recorded: these read, wait or ask, or name no file.
CALLS = ("!read,pread64,readv,preadv,lseek,stat,lstat,fstat,newfstatat,statx,"
         "statfs,fstatfs,access,faccessat,faccessat2,readlink,readlinkat,"
         "getdents64,close,close_range,fcntl,dup,dup2,dup3,poll,ppoll,select,"
         "pselect6,epoll_wait,epoll_pwait,epoll_ctl,recvmsg,recvfrom,flock,"
         "munmap,mprotect,brk,futex,rt_sigaction,rt_sigprocmask,"
         "rt_sigreturn,wait4,waitid,getpid,getppid,clock_gettime,"
         "timerfd_settime,fadvise64,chdir,fchdir,landlock_add_rule")
SYNCS = ("fdatasync", "fsync")
ROOT = '"\\x2f'      # a path from there
# These do not say what the folder is that another path begins in.
BY_CWD = ("open", "creat", "rename", "link", "unlink", "symlink", "truncate")
# What an open may say beside creating: else the open itself writes or syncs.
PLAIN = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_CREAT", "O_EXCL", "O_NOFOLLOW",
         "O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "O_PATH", "O_NOCTTY",
         "O_LARGEFILE", "O_NOATIME"}
FD = re.compile(r"(\d+|AT_FDCWD)<([^>]*)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
IOV = re.compile(r'iov_base="((?:\\x[0-9a-f]{2})*)"')
CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)", re.S)

# kind, target, data: write, a file's number, (offset, bytes); alloc and cut,
# the same, its size; enter, a folder, (name, file's number); leave, a folder, a
# name; sync, a file's number or a folder; said, None, what was sent.
Event = collections.namedtuple("Event", "kind target data")
# After the first `after` events, of those that are not on the disk for certain
# the ones in `there`: by number, the parts of each (from, to), or None: whole.
State = collections.namedtuple("State", "after variant there")


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


def calls(path):
    """Process, name, arguments and result of each that succeeded.

    In the order in which they began, a sync in that in which it returned.
    """
    found, begun = [], {}
    with open(path) as f:
        for number, line in enumerate(f):
            pid, _, text = line.rstrip("\n").partition(" ")
            text, order = text.lstrip(), number
            if text.endswith("<unfinished ...>"):
                begun[pid] = number, text[:-len("<unfinished ...>")]
                continue
            if text.startswith("<... "):
                order, before = begun.pop(pid)
                text = before + text[text.index(">") + 1:]
            call = CALL.match(text)
            if call and not call[3].startswith("-"):
                if call[1] in SYNCS:
                    order = number
                found.append((order, pid, call[1], call[2], int(call[3])))
    return [c[1:] for c in sorted(found)]


class Recording:
    """What was there, and each event since."""

    def __init__(self, folders):
        self.folders = folders
        self.events = []
        # Of each file what was there when it was first seen.
        self.files = []
        self.names = {path: {} for path in folders}
        inodes = {}
        for path in folders:
            for name in sorted(os.listdir(path)):
                full = os.path.join(path, name)
                if os.path.isdir(full):
                    continue
                inodes[os.stat(full).st_ino] = len(self.files)
                self.names[path][name] = len(self.files)
                with open(full, "rb") as f:
                    data = f.read()
                self.files.append((data.rstrip(b"\0"), len(data)))
        self.base = {path: dict(names) for path, names in self.names.items()}
        self.inodes, self.open, self.at = inodes, {}, {}

    def holds(self, pid):
        """A process that is there already has files open."""
        for fd in os.listdir("/proc/%d/fd" % pid):
            inode = os.stat("/proc/%d/fd/%s" % (pid, fd)).st_ino
            if inode in self.inodes:
                self.open[str(pid), fd] = self.inodes[inode]

    def add(self, kind, target, data=None):
        self.events.append(Event(kind, target, data))

    def read(self, trace):
        for pid, name, args, result in calls(trace):
            fds = [(fd, os.fsdecode(unhex(path))) for fd, path in
                   FD.findall(args)]
            known = getattr(self, "_" + name, None)
            if known:
                known(pid, fds, args, result)
            elif self.touches(fds, args) or \
                    name in BY_CWD and not args.startswith(ROOT):
                raise Wrong("no state is made of this call: %s(%s)" % (
                    name, args[:200]))

    def touches(self, fds, args):
        paths = [path for _, path in fds] + [
            os.fsdecode(unhex(t)) for t in TEXT.findall(args)]
        # Kept outputs, of which these sessions have none, are beside the log.
        return any((path + "/").startswith(folder + "/") and not
                   (path + "/").startswith(folder + "/output/")
                   for path in paths for folder in self.folders)

    def file(self, pid, fds):
        """Its number, where it is in one of the folders."""
        if os.path.dirname(fds[0][1]) not in self.folders:
            return None
        if (pid, fds[0][0]) not in self.open:
            raise Wrong("who opened %s <%s>?" % fds[0])
        return self.open[pid, fds[0][0]]

    def _mmap(self, _pid, fds, args, _result):
        if "MAP_SHARED" in args and "PROT_WRITE" in args and \
                self.touches(fds, ""):
            raise Wrong("no state is made of this call: mmap(%s)" % args)

    def _openat(self, pid, fds, args, result):
        names = self.names.get(fds[0][1], {})
        name = os.fsdecode(unhex(TEXT.search(args)[1]))
        flags = set(re.findall(r"O_[A-Z]+", args))
        # There is nothing in the lock, and a start makes it where it is gone.
        if os.path.basename(name) == "lock":
            return
        if flags & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"} and \
                self.touches(fds, args) and (
                    flags - PLAIN or fds[0][1] not in self.folders):
            raise Wrong("no state is made of this call: openat(%s)" % args)
        if "O_CREAT" in args and fds[0][1] in self.folders and \
                name not in names:
            names[name] = len(self.files)
            self.files.append((b"", 0))
            self.add("enter", fds[0][1], (name, names[name]))
        self.open[pid, str(result)] = names.get(name)
        self.at[pid, str(result)] = 0

    def _linkat(self, _pid, fds, args, _result):
        if fds[1][1] in self.folders:
            old, new = (unhex(t).decode() for t in TEXT.findall(args))
            names = self.names[fds[1][1]]
            names[new] = names[old]
            self.add("enter", fds[1][1], (new, names[new]))

    def _unlinkat(self, _pid, fds, args, _result):
        if fds[0][1] in self.folders:
            name = unhex(TEXT.search(args)[1]).decode()
            del self.names[fds[0][1]][name]
            self.add("leave", fds[0][1], name)

    def _pwrite64(self, pid, fds, args, _result):
        file = self.file(pid, fds)
        if file is not None:
            self.add("write", file, (int(args.rpartition(",")[2]),
                                     unhex(TEXT.search(args)[1])))

    def _write(self, pid, fds, args, result):
        file = self.file(pid, fds)
        if file is not None:
            self.add("write", file, (self.at[pid, fds[0][0]],
                                     unhex(TEXT.search(args)[1])))
            self.at[pid, fds[0][0]] += result

    def _fallocate(self, pid, fds, args, _result):
        file = self.file(pid, fds)
        if file is not None:
            self.add("alloc", file, sum(map(int, args.split(",")[-2:])))

    def _ftruncate(self, pid, fds, args, _result):
        file = self.file(pid, fds)
        if file is not None:
            self.add("cut", file, int(args.rpartition(",")[2]))

    def _fdatasync(self, pid, fds, _args, _result):
        folder = fds[0][1] if fds[0][1] in self.folders else None
        target = folder or self.file(pid, fds)
        if target is not None:
            self.add("sync", target)

    _fsync = _fdatasync

    def _sendmsg(self, _pid, _fds, args, _result):
        self.add("said", None, b"".join(map(unhex, IOV.findall(args))))


class Disk:
    """What is on it for certain, and what may be, after each event."""

    def __init__(self, recording):
        self.recording = recording
        self.names = {f: dict(n) for f, n in recording.base.items()}
        self.files = [[bytearray(data), size]
                      for data, size in recording.files]
        self.pending = {}
        self.after = 0

    def step(self):
        event = self.recording.events[self.after]
        if event.kind == "sync":
            for number in [n for n, e in self.pending.items()
                           if e.target == event.target]:
                self.apply(self.pending.pop(number))
        elif event.kind != "said":
            self.pending[self.after] = event
        self.after += 1

    def apply(self, event, parts=None):
        target, data = event.target, event.data
        if event.kind == "enter":
            self.names[target][data[0]] = data[1]
        elif event.kind == "leave":
            self.names[target].pop(data, None)
        elif event.kind == "alloc":
            self.files[target][1] = max(self.files[target][1], data)
        elif event.kind == "cut":
            del self.files[target][0][data:]
            self.files[target][1] = data
        else:
            for start, end in parts or [(0, len(data[1]))]:
                self.write(target, data[0] + start, data[1][start:end])

    def write(self, target, offset, data):
        file = self.files[target]
        file[0].extend(bytes(max(0, offset - len(file[0]))))
        file[0][offset:offset + len(data)] = data
        file[1] = max(file[1], offset + len(data))

    def reach(self, state):
        """Becomes what that state has; it goes no further."""
        while self.after < state.after:
            self.step()
        for number in sorted(state.there):
            self.apply(self.pending[number], state.there[number])


class States:
    """The states that a recording allows; rng: which of too many."""

    def __init__(self, recording, rng, own):
        """own: the folder whose states are all gone through."""
        self.recording, self.rng, self.own = recording, rng, own
        self.found = {}
        # A file is its folder's.
        self.home = {file: folder for folder, names in recording.base.items()
                     for file in names.values()}
        self.home.update((e.data[1], e.target) for e in recording.events
                         if e.kind == "enter")

    def all(self):
        disk = Disk(self.recording)
        self.choose(disk)
        for event in self.recording.events:
            disk.step()
            self.choose(disk, event.kind == "said")
        return list(self.found.values())

    def choose(self, disk, said=False):
        """Those after this event; of what was said nothing else comes."""
        pending = disk.pending
        own = [n for n in pending if self.home.get(
            pending[n].target, pending[n].target) == self.own]
        others = [n for n in pending if n not in own]
        for variant, there in self.variants(own, pending, said):
            self.add_others(there, others, pending)
            self.keep(State(disk.after, variant, there), pending)

    def variants(self, own, pending, said):
        whole = dict.fromkeys(own)
        yield "nothing", {}
        yield "all", whole.copy()
        if len(own) > 1:
            yield "newest", {own[-1]: None}
            for n in self.few(own):
                yield "all but one", {m: None for m in own if m != n}
                yield "one", {n: None}
        if said or not own:
            return
        if pending[own[-1]].kind == "write":
            # A slot of the seed is a page, and its text a tenth of it.
            text = pending[own[-1]].data[1].rstrip(b"\0")
            if len(text) > 1:
                yield "half", whole | {own[-1]: [(0, len(text) // 2)]}
            for parts in self.tears(*pending[own[-1]].data):
                yield "torn", whole | {own[-1]: parts}
        for _ in range(2):
            yield "any", self.some(own, pending)

    def few(self, numbers):
        """The oldest, the newest, and some between."""
        if len(numbers) <= FEW:
            return numbers
        return numbers[:1] + self.rng.sample(numbers[1:-2], FEW - 3) + \
            numbers[-2:]

    def tears(self, offset, data):
        size = len(data)
        for byte in {1, size // 2, size - 1} - {0, size}:
            yield [(0, byte)]
        pages = range(PAGE - offset % PAGE, size, PAGE)
        for page in self.rng.sample(pages, min(2, len(pages))):
            yield [(0, page)]
            yield [(page, size)]

    def some(self, numbers, pending):
        there = {}
        for n in numbers:
            kind = self.rng.randrange(3)
            if kind == 1:
                there[n] = None
            if kind == 2 and pending[n].kind == "write":
                there[n] = self.rng.choice(
                    list(self.tears(*pending[n].data)) or [None])
        return there

    def add_others(self, there, others, pending):
        """Of the other folders: all, nothing or some."""
        how = self.rng.randrange(3)
        if how == 0:
            there.update(dict.fromkeys(others))
        if how == 1:
            there.update(self.some(others, pending))

    def keep(self, state, pending):
        """One for each disk: the last, when most had been said."""
        absent = set(pending) - set(state.there)
        number = state.after
        while number > 0 and (number - 1 in absent or
                              self.recording.events[number - 1].kind
                              in ("said", "sync")):
            number -= 1
            absent.discard(number)
        torn = [(n, tuple(p)) for n, p in sorted(state.there.items()) if p]
        key = number, frozenset(absent), tuple(torn)
        if key not in self.found or self.found[key].after < state.after:
            self.found[key] = state
