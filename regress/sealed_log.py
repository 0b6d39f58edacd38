"""The audit log, read and checked: chain, segments, steps, runs, seals, tails.

A second implementation of what `qvm-remote-dom0 log verify` decides, written
from DESIGN.md (The audit log), not from the programs.
"""
import glob
import hashlib
import hmac
import io
import json
import os
import re
import subprocess

NAME = re.compile(r"([0-9]{20})\.log(\.zst)?")
LINE = re.compile(rb'(\{[ -~]+),"hash":"([0-9a-f]{64})","mac":"([0-9a-f]{64})"\}')
FIRST_FIELDS = ["seq", "time", "run", "step", "event"]
ZERO = bytes(32)
STUBS = ("erased", "snapshot-erased")
STUB_FIELDS = FIRST_FIELDS + ["by", "length", "hash", "mac"]
STARTS_MAX = 1 << 24    # of one line: a number beyond it is no honest one
ERASURES_MAX = 1 << 20  # that stubs name before one of them comes

WHOLE, ALTERED, INTACT = 0, 1, 3


# Keys that only move forward.

def moved(key, label):
    return hmac.new(key, label, hashlib.sha256).digest()


def run_key(seed):
    return moved(seed, b"qvm-remote log key 1")


def next_seed(seed):
    return moved(seed, b"qvm-remote log next seed 1")


def next_step(key):
    return moved(key, b"qvm-remote log step 1")


def mac_of(key, digest):
    return hmac.new(key, digest, hashlib.sha256).digest()


def fingerprint(seed):
    return hashlib.sha256(b"qvm-remote log seed fingerprint 1\n"
                          + seed).hexdigest()[:16]


def read_keys(path):
    """First seeds, a line each as `log init` wrote it."""
    with open(path) as f:
        return [read_key(path, line.split()) for line in f.readlines() or [""]]


def read_key(path, words):
    """64 hex digits, and 16 that check them."""
    if not 1 <= len(words) <= 2 or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise ValueError("%s: is no key: 64 hex digits" % path)
    seed = bytes.fromhex(words[0])
    if words[1:] not in ([], [fingerprint(seed)]):
        raise ValueError("%s: its last 16 digits do not fit the others: it was "
                         "not copied right" % path)
    return seed


def segments(folder):
    """Other files may lie beside them."""
    return sorted(path for path in glob.glob(os.path.join(folder, "*.log*"))
                  if re.fullmatch("[0-9]{20}[.]log([.]zst)?",
                                  os.path.basename(path)))


def read_segment(path):
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq", path], check=True,
                              stdout=subprocess.PIPE).stdout
    with open(path, "rb") as f:
        return f.read()


def first_of(path):
    return int(os.path.basename(path)[:20])


def lines_of(path):
    """The records, up to the first line that is none."""
    for line in io.BytesIO(read_segment(path)):
        try:
            yield parsed(line[:-1], 0)[0]
        except Bad:
            return


def head_of(path):
    return next(lines_of(path), {"previous_hash": None})


class Bad(Exception):
    """The first record that does not hold."""

    def __init__(self, seq, why):
        super().__init__("record %d: %s" % (seq, why))
        self.seq = seq


def without_zeros(data):
    """At its end.  rstrip() is slow: 64 MiB may be reserved."""
    zeros, end = bytes(65536), len(data)
    while data.endswith(zeros, 0, end):
        end -= len(zeros)
    return data[:end].rstrip(b"\0")


class End:
    """How a segment ends: where, and what lies behind, zeros aside."""

    def __init__(self, first, good_end, erased, data, bad):
        behind = without_zeros(data[good_end:])
        # As it was before bytes of it were erased.
        self.first, self.good_end, self.bad = first, good_end + erased, bad
        self.behind = behind
        self.length = len(behind)
        self.sha256 = hashlib.sha256(behind).hexdigest()

    def named_by(self, start):
        return (start.get("good_end"), start.get("tail_length"),
                start.get("tail_sha256")) == (self.good_end, self.length,
                                              self.sha256)


def no_twice(pairs):
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is there twice")
    return fields


def is_count(value):
    return type(value) is int and value >= 0


def parsed(line, seq):
    """A whole line's fields, and the bytes that its hash covers."""
    form = LINE.fullmatch(line)
    try:
        record = json.loads(line, object_pairs_hook=no_twice)
    except ValueError:
        record = None
    if form is None or record is None or \
            list(record)[:5] != FIRST_FIELDS or \
            list(record)[-2:] != ["hash", "mac"] or \
            not all(is_count(record[k]) for k in ("seq", "run", "step")) or \
            not all(type(record[k]) is str for k in ("time", "event")):
        raise Bad(seq, "is not of a record's form")
    return record, form.group(1)


def digest_of(before, covered):
    return hashlib.sha256(before + covered).digest()


class Log:
    """All records up to the first that does not hold (bad: None, or that)."""

    def __init__(self, folder):
        self.records, self.by_seq = [], {}
        self.starts, self.closed = [], set()
        self.notes, self.bad = [], None
        self.hash, self.end = ZERO, None
        self.pruned, self.first, self.stubs = None, 1, {}
        self.find_pruned(segments(folder))
        try:
            for path in segments(folder):
                self.read_segment(path)
            self.check_last_end()
            for stubs in self.stubs.values():
                raise Bad(stubs[0]["seq"], "was erased, and no record says so")
        except Bad as bad:
            self.bad = bad

    def next_seq(self):
        return self.records[-1]["seq"] + 1 if self.records else self.first

    def find_pruned(self, paths):
        """Where a record of the newest segment says that the beginning went."""
        if not paths or first_of(paths[0]) == 1:
            return
        claims = [r for r in lines_of(paths[-1])
                  if r["event"] in ("pruned", "snapshot-pruned")]
        follower = [p for p in paths for c in claims[-1:]
                    if first_of(p) == c["last"] + 1]
        head = head_of(paths[0])
        if not follower or head_of(follower[0]).get("previous_hash") != \
                claims[-1]["last_hash"] or \
                not re.fullmatch("[0-9a-f]{64}", str(head.get("previous_hash"))):
            return
        self.pruned, self.first = claims[-1], first_of(paths[0])
        self.hash = bytes.fromhex(head["previous_hash"])
        self.run_before = dict(run=head["run"] - (head["event"] == "start"),
                               step=head["step"])
        self.notes.append("records 1 to %d were pruned, as record %d says"
                          % (self.first - 1, self.pruned["seq"]))

    def read_segment(self, path):
        name = NAME.fullmatch(os.path.basename(path))
        if name is None:
            raise Bad(self.next_seq(), "%s is no segment's name"
                      % os.path.basename(path))
        data = read_segment(path)
        first, good_end, bad, erased = int(name.group(1)), 0, None, 0
        while bad is None:
            lf = data.find(b"\n", good_end)
            # Cut short, or never on the disk: what a crash leaves.
            if lf == -1 or b"\0" in data[good_end:lf]:
                break
            line = data[good_end:lf]
            if good_end == 0:
                self.add_head(line, first)
            else:
                try:
                    self.add(line)
                except Bad as found:
                    bad = found
                    break
            good_end = lf + 1
            if self.records[-1]["event"] in STUBS:
                erased += self.records[-1]["length"] - len(line) - 1
        if good_end == 0:
            raise Bad(self.next_seq(), "its segment has no whole record")
        self.end = End(first, good_end, erased, data, bad)

    def add_head(self, line, first):
        """A segment's first record: it says what it follows."""
        seq, end = self.next_seq(), self.end
        try:
            record, covered = parsed(line, seq)
            self.check_head(record, covered, first)
        except Bad as bad:
            # What is wrong before it comes first.
            raise (end.bad if end and end.bad else bad)
        if end is not None:
            self.check_joint(record, end)
        elif self.pruned:
            if seq != record["seq"] or \
                    record["previous_hash"] != self.hash.hex():
                raise Bad(seq, "does not follow what was pruned")
        elif seq != record["seq"]:
            raise Bad(1, "is missing: the log begins with record %d"
                      % record["seq"])
        elif record["event"] != "start" or \
                record["previous_hash"] != ZERO.hex() or "previous" in record:
            raise Bad(1, "is not what a log begins with")
        self.keep(record)

    @staticmethod
    def check_head(record, covered, first):
        seq = record["seq"]
        before = record.get("previous_hash")
        if record["event"] not in ("start", "segment") or \
                not re.fullmatch("[0-9a-f]{64}", str(before)):
            raise Bad(seq, "is not what a segment begins with")
        if digest_of(bytes.fromhex(before), covered).hex() != record["hash"]:
            raise Bad(seq, "does not have the hash of what it says")
        if seq != first:
            raise Bad(seq, "is in segment %020d.log" % first)

    def check_joint(self, head, end):
        """Between two segments: the later one says how the earlier ends."""
        seq = self.next_seq()
        if head["event"] == "segment":
            named = end.length == 0
        else:
            named = end.named_by(head)
        if end.bad and not named:
            raise end.bad
        if end.length and self.last_closed():
            raise Bad(seq, "bytes behind the closing record")
        self.check_behind(end.behind)
        if head["seq"] > seq:
            raise Bad(seq, "is missing: %d follows %d" % (head["seq"], seq - 1))
        if head["seq"] < seq:
            raise Bad(head["seq"], "is there twice")
        if head.get("previous") != end.first or \
                head["previous_hash"] != self.hash.hex():
            raise Bad(seq, "does not follow the record before it")
        if not named:
            raise Bad(seq, "what lies behind the segment before it was changed")
        if end.length:
            self.notes.append("%020d.log: %d bytes behind its good end"
                              % (end.first, end.length))

    def add(self, line):
        seq = self.next_seq()
        record, covered = parsed(line, seq)
        if record["event"] not in STUBS and \
                digest_of(self.hash, covered).hex() != record["hash"]:
            raise Bad(seq, "does not have the hash of what it says and of the "
                      "record before")
        if record["seq"] != seq:
            raise Bad(seq, "is missing: %d follows %d" % (record["seq"],
                                                          seq - 1))
        if record["event"] in ("start", "segment"):
            raise Bad(seq, "is within a segment")
        self.keep(record)

    def keep(self, record):
        self.check_run(record)
        if record["event"] in STUBS:
            self.add_stub(record)
        if record["event"] == "erase":
            self.check_erased(record)
        self.records.append(record)
        self.by_seq[record["seq"]] = record
        self.hash = bytes.fromhex(record["hash"])
        if record["event"] == "start" or len(self.records) == 1:
            self.starts.append(record)
        if record["event"] == "stop":
            self.closed.add(record["run"])

    def add_stub(self, stub):
        if not is_count(stub.get("by")) or stub["by"] <= stub["seq"] or \
                not is_count(stub.get("length")):
            raise Bad(stub["seq"], "does not say what has erased it")
        if list(stub) != STUB_FIELDS:
            raise Bad(stub["seq"], "was erased, and its line says more")
        if stub["by"] not in self.stubs and len(self.stubs) == ERASURES_MAX:
            raise Bad(stub["seq"], "more records have erased something than "
                      "any daemon writes")
        self.stubs.setdefault(stub["by"], []).append(stub)

    def check_erased(self, erase):
        """All that it names, and nothing else, is a stub that names it."""
        stubs = self.stubs.pop(erase["seq"], [])
        if erase["last"] < self.first and not stubs:
            return
        if erase["first"] < self.first and 0 < len(stubs) <= erase["count"] and \
                stubs[-1]["seq"] == erase["last"]:
            self.notes.append("part of what record %d has erased was pruned: "
                              "not proven: %d records in its name, %d to %d"
                              % (erase["seq"], len(stubs), stubs[0]["seq"],
                                 stubs[-1]["seq"]))
            return
        digest = hashlib.sha256(b"".join(bytes.fromhex(s["hash"])
                                         for s in stubs)).hexdigest()
        if len(stubs) != erase["count"] or \
                stubs[0]["seq"] != erase["first"] or \
                stubs[-1]["seq"] != erase["last"] or \
                digest != erase["sha256"]:
            raise Bad(erase["seq"], "erases %d records, and %d are"
                      % (erase["count"], len(stubs)))

    def check_run(self, record):
        seq = record["seq"]
        last = {"run": 0, "step": 0}
        if self.records or self.pruned:
            last = self.records[-1] if self.records else self.run_before
        run, step = record["run"], record["step"]
        if record["event"] == "start":
            if run <= last["run"]:
                raise Bad(seq, "run %d follows %d" % (run, last["run"]))
            if step != 0:
                raise Bad(seq, "a run begins with step %d" % step)
            self.check_start(record, last["run"])
            return
        if run == 0:
            raise Bad(seq, "run 0: no start begins one")
        if run != last["run"]:
            raise Bad(seq, "run %d goes on in run %d" % (last["run"], run))
        if step - last["step"] not in (0, 1):
            raise Bad(seq, "step %d follows %d" % (step, last["step"]))
        if step >= seq:
            raise Bad(seq, "step %d, and not as many records before" % step)
        if run in self.closed:
            raise Bad(seq, "follows the run's closing record")

    def check_start(self, start, before):
        run = start["run"]
        if not re.fullmatch("[0-9a-f]{16}", str(start.get("seed"))) or \
                not is_count(start.get("seed_run")) or \
                not 1 <= start["seed_run"] <= run or \
                type(start.get("seed_seen")) is not bool:
            raise Bad(start["seq"], "does not say which seed its run has")
        if self.records and before not in self.closed:
            self.notes.append("run %d has no closing record" % before)
        if run > before + 1:
            self.notes.append("no record of run %s: a start that ended too early"
                              % span(before + 1, run - 1))

    def check_last_end(self):
        if self.end is None:
            return
        if self.end.bad:
            raise self.end.bad
        if self.end.length == 0:
            return
        if self.last_closed():
            raise Bad(self.next_seq(), "bytes behind the closing record")
        self.check_behind(self.end.behind)
        self.notes.append("%020d.log: %d bytes behind its good end"
                          % (self.end.first, self.end.length))

    def check_behind(self, behind):
        """A step is on the disk before the next begins: none is torn out."""
        last = self.records[-1]
        for line in re.split(rb"[\n\0]+", behind):
            try:
                record = parsed(line, self.next_seq())[0]
            except Bad:
                continue
            if record["run"] == last["run"] and \
                    record["step"] > last["step"] + 1:
                raise Bad(self.next_seq(), "is gone, and later ones are there")

    def last_closed(self):
        return bool(self.records) and self.records[-1]["event"] == "stop"

    def events(self, event):
        return [r for r in self.records if r["event"] == event]

    def verdict(self, seeds=(), running=False):
        """Exit status, and the line that says why."""
        notes = list(self.notes)
        if not self.records and not self.bad:
            return ALTERED, "there is no log"
        try:
            if seeds:
                check_seals(self, seeds, notes)
            else:
                notes.append("the seals were not checked")
            if self.bad:
                raise self.bad
        except Bad as bad:
            return ALTERED, "altered: %s" % bad
        if self.last_closed():
            word, status = "whole", WHOLE
        elif running:
            word, status = "whole", WHOLE
            notes.append("end not proven: the daemon runs")
        else:
            word, status = "intact", INTACT
            notes.append("run %d, the last, has no closing record"
                         % self.records[-1]["run"])
        return status, "; ".join([word] + notes)


def span(first, last):
    return "%d" % first if first == last else "%d to %d" % (first, last)


# Seals.

def check_seals(log, seeds, notes):
    """From the first run of a given line on, every run has a given one."""
    seeds = {fingerprint(s): s for s in seeds}
    unchecked, keys, unseen, before = [], {}, {}, None
    for start in log.starts:
        run, name = start["run"], start["seed"]
        if name in seeds:
            keys[run] = key_of_start(start, seeds[name], unchecked, before,
                                     log.pruned)
        elif keys:
            raise Bad(start["seq"], other_seed(name))
        else:
            unchecked.append(start)
        check_one_run(log, start, keys.get(run))
        before = start
        if not start["seed_seen"]:
            unseen[name] = None
    if log.starts and not keys:
        raise Bad(unchecked[0]["seq"], other_seed(unchecked[0]["seed"]))
    for name in unseen:
        notes.append("nobody has seen the first seed %s" % name)
    if unchecked:
        notes.append("the seals of run %s were not checked"
                     % span(unchecked[0]["run"], unchecked[-1]["run"]))


def other_seed(name):
    return "sealed with another seed (%s): give its key too" % name


def key_of_start(start, seed, unchecked, before, pruned):
    """K of the run's first step.

    The line says where it began: a run that stands in its place with another
    seed is what somebody writes who has this run's seed and no older one.
    """
    for other in unchecked:
        if other["run"] >= start["seed_run"]:
            raise Bad(other["seq"], other_seed(other["seed"]))
    if before and before["seed"] == start["seed"]:
        if before["seed_run"] != start["seed_run"]:
            raise Bad(start["seq"], "its line began with another run before")
        if "next_seed" in before:
            raise Bad(start["seq"], "another seed was announced")
    elif before and before["run"] >= start["seed_run"]:
        raise Bad(start["seq"], "its line began before the last one's end")
    elif start["run"] != start["seed_run"] and not (pruned and not before):
        raise Bad(start["seq"], "the first run of its line is not there")
    age = start["run"] - start["seed_run"]
    if age > STARTS_MAX:
        raise Bad(start["seq"], "its line is too long")
    for _ in range(age):
        seed = next_seed(seed)
    return run_key(seed)


def run_records(log, start):
    for seq in range(start["seq"], log.next_seq()):
        record = log.by_seq[seq]
        if record["run"] != start["run"]:
            return
        yield record


def check_one_run(log, start, key):
    if key is None:
        return
    step = 0
    for record in run_records(log, start):
        while step < record["step"]:
            key, step = next_step(key), step + 1
        mac = mac_of(key, bytes.fromhex(record["hash"]))
        if not hmac.compare_digest(mac.hex(), record["mac"]):
            raise Bad(record["seq"], "its seal does not hold")
