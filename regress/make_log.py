"""Makes audit logs, sealed as DESIGN.md says, and re-seals what was changed."""
import hashlib
import json
import os

import sealed_log as seal

ZERO = "0" * 64
TIME = "2026-02-18T14:30:22.514000Z"


def key_of(seed, seed_run, run, step):
    """K of that step of that run, where the first seed is known."""
    for _ in range(run - seed_run):
        seed = seal.next_seed(seed)
    key = seal.run_key(seed)
    for _ in range(step):
        key = seal.next_step(key)
    return key


def write_line(record, before, key):
    """The record's line, with its hash and mac, which it is given too."""
    fields = {k: v for k, v in record.items() if k not in ("hash", "mac")}
    covered = json.dumps(fields, separators=(",", ":"))[:-1].encode()
    digest = hashlib.sha256(before + covered).digest()
    mac = seal.mac_of(key, digest)
    record["hash"], record["mac"] = digest.hex(), mac.hex()
    return b'%s,"hash":"%s","mac":"%s"}\n' % (
        covered, digest.hex().encode(), mac.hex().encode())


class Maker:
    """A log that grows as a daemon's does, and is written at the end.

    Between, segments and their records may be changed: write() gives hashes and
    macs to whatever is there then.
    """

    def __init__(self, seed, snapshots=True):
        self.segments = []      # {"records": [...], "tail": bytes}
        self.gone = 0           # of them, the oldest
        self.follow = follow
        self.seq = self.run = self.step = 0
        self.snapshots, self.seeds = snapshots, {}
        self.seed_of_run = {}   # where it is another than its start says
        self.line(seed, 1)

    def line(self, seed, seed_run):
        """The runs that follow are of this first seed."""
        self.now = {"seed": seal.fingerprint(seed), "seed_run": seed_run,
                    "seed_seen": True}
        self.seeds[self.now["seed"]] = (seed, seed_run)

    def start(self, skip=0, **fields):
        self.run, self.step = self.run + 1 + skip, -1
        self.segment("start", dict(self.now, **fields))

    def rotate(self):
        self.segment("segment", self.now)

    def segment(self, event, fields):
        self.segments.append({"records": [], "tail": b"\0" * 100})
        self.add(event, version="1", previous_hash=None, **fields)
        if self.snapshots:
            self.add("snapshot", same_step=True, keys=0)

    def add(self, event, same_step=False, **fields):
        self.seq += 1
        self.step += not same_step
        record = dict({"seq": self.seq, "time": TIME, "run": self.run,
                       "step": self.step, "event": event}, **fields)
        self.segments[-1]["records"].append(record)
        return record

    def stop(self):
        self.add("stop")
        self.segments[-1]["tail"] = b""

    def prune(self, said, gone=None):
        """Says that so many segments were pruned, and so many are."""
        self.gone = said if gone is None else gone
        last = self.segments[said - 1]["records"][-1]["seq"]
        return self.add("pruned", **{
            "last": last, "last_hash": None, "segments": said, "bytes": 1,
            "from": 1, "to": 2})

    def erase(self, *records):
        """Says that they are; what is is for edit() to do (stub)."""
        return self.add("erase", erased="vm1", count=len(records),
                        first=records[0]["seq"], last=records[-1]["seq"],
                        sha256=[r["seq"] for r in records], who="root", tty="-")

    def records(self):
        return [r for s in self.segments for r in s["records"]]

    def keys(self):
        """K of each record, as the daemon has it."""
        of_run = {}
        for r in self.records():
            if r["event"] == "start":
                of_run[r["run"]] = self.seed_of_run.get(
                    r["run"], self.seeds[r["seed"]])
            seed, seed_run = of_run.get(r["run"], self.seeds[self.now["seed"]])
            yield key_of(seed, seed_run, r["run"], r["step"])

    def lines(self, keys=None):
        """Each segment's lines; the head says what it follows."""
        keys = iter(keys or self.keys())
        before, end = bytes(32), None
        for segment in self.segments:
            lines = []
            for record in segment["records"]:
                if not lines:
                    self.follow(record, before, end)
                if record.get("last_hash", "") is None:
                    record["last_hash"] = self.records()[
                        record["last"] - 1]["hash"]
                if record["event"] == "erase":
                    record["sha256"] = hashlib.sha256(b"".join(
                        bytes.fromhex(self.records()[seq - 1]["hash"])
                        for seq in record["sha256"])).hexdigest()
                lines.append(write_line(record, before, next(keys)))
                before = bytes.fromhex(record["hash"])
            end = (segment, len(b"".join(lines)))
            yield lines

    def write(self, folder, keys=None, edit=None):
        """edit(number, lines) may change a segment's lines once they are made."""
        os.makedirs(folder, exist_ok=True)
        for number, lines in enumerate(list(self.lines(keys))):
            segment = self.segments[number]
            if number < self.gone:
                continue
            if edit:
                edit(number, lines)
            name = "%020d.log" % segment["records"][0]["seq"]
            with open(os.path.join(folder, name), "wb") as f:
                f.write(b"".join(lines) + segment["tail"])


def stub(line, by):
    """What stands in the place of a record that was erased."""
    record = json.loads(line)
    kept = {k: record[k] for k in ("seq", "time", "run", "step")}
    kept.update(event="erased", by=by, length=len(line), hash=record["hash"],
                mac=record["mac"])
    return json.dumps(kept, separators=(",", ":")).encode() + b"\n"


def follow(head, before, end):
    """What a segment's first record says of the segment before it."""
    head["previous_hash"] = before.hex()
    if end is None:
        return
    segment, good_end = end
    head["previous"] = segment["records"][0]["seq"]
    if head["event"] == "start":
        behind = segment["tail"].rstrip(b"\0")
        head["good_end"], head["tail_length"] = good_end, len(behind)
        head["tail_sha256"] = hashlib.sha256(behind).hexdigest()
