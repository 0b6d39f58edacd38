#!/usr/bin/env atf-sh
# What the log's seals are worth: no old seed is left, no past can be forged,
# and two verifiers that do not know each other agree.
. "$(atf_get_srcdir)/lib.sh"

LOG=var/log/qvm-remote

dom0() {
    in_dom0 qvm-remote-dom0 "$@"
}

crash_and_start() {
    kill -9 "$(role_pid verifier)"
    wait_for '[ -z "$(bed_processes)" ]'
    bed_expect_crash
    atf_check "$regress/bed" start
}

bed_test no_old_seed_is_left_on_the_disk
no_old_seed_is_left_on_the_disk_body() {
    bed_up 1
    atf_check "$regress/bed" stop
    rm -r "${BED:?}/$LOG"/*
    truncate -s 600M "$BED/image"
    mkfs.ext4 -q -F "$BED/image" || atf_fail "mkfs.ext4"
    mount -o loop "$BED/image" "$BED/$LOG" || atf_fail "no loop device"
    echo "$BED/$LOG" >>mounts
    chown qvm-remote-key: "$BED/$LOG"
    chmod 700 "$BED/$LOG"
    bed_altered # the bed's own seed is not this log's
    atf_check -e ignore dom0 log init --key-file "$PWD/first"
    # What was there and was removed is to be found, or the search is worth
    # nothing.
    other_key >control
    cp control "$BED/$LOG/control"
    sync -f "$BED/$LOG"
    rm "$BED/$LOG/control"
    for _ in 1 2; do
        atf_check "$regress/bed" start
        atf_check -o ignore in_vm vm1 qvm-remote 'echo one'
        atf_check "$regress/bed" stop
    done
    atf_check "$regress/bed" start
    crash_and_start
    atf_check -o ignore in_vm vm1 qvm-remote 'echo two'
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole.*the seals hold' dom0 log verify --key "$PWD/first"
    umount "$BED/$LOG" || atf_fail "umount"
    atf_check -o inline:'runs 1 to 4: gone; the next: once; control: found\n' \
        python3 - "$BED/image" first control <<'END'
import hashlib, hmac, mmap, sys
image, first, control = sys.argv[1:]
with open(image, "rb") as f:
    data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
def count(seed):
    found = 0
    for form in (seed, seed.hex().encode(), seed.hex().upper().encode()):
        at = data.find(form)
        while at != -1:
            found += 1
            at = data.find(form, at + 1)
    return found
seed = bytes.fromhex(open(first).read().split()[0])
for run in range(1, 5):
    if count(seed):
        sys.exit("the seed of run %d is there" % run)
    seed = hmac.new(seed, b"qvm-remote log next seed 1",
                    hashlib.sha256).digest()
print("runs 1 to 4: gone; the next: %s; control: %s" % (
    "once" if count(seed) == 1 else count(seed),
    "found" if count(bytes.fromhex(open(control).read().strip()))
    else "not found"))
END
}

# forge_log FOLDER SEED LATE: the newest intent says something else, and all
# from there on is chained and sealed anew, with the keys of LATE steps later
# than those of the time.
forge_log() {
    python3 - "$@" <<'END'
import glob, hashlib, hmac, json, re, sys
folder, seed, late = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = sorted(glob.glob(folder + "/*.log"))[-1]
lines = open(path, "rb").read().split(b"\n")[:-1]
records = [json.loads(line) for line in lines]
mac = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()
at = max(i for i, r in enumerate(records) if r["event"] == "intent")
run, step = records[at]["run"], records[at]["step"]
key = bytes.fromhex(open(seed).read().split()[0])
for _ in range(run - records[0]["seed_run"]):
    key = mac(key, b"qvm-remote log next seed 1")
key = mac(key, b"qvm-remote log key 1")
keys = {}
for n in range(0, records[-1]["step"] + 1):
    keys[n] = key
    key = mac(key, b"qvm-remote log step 1")
hash = bytes.fromhex(records[at - 1]["hash"])
for i in range(at, len(lines)):
    covered = lines[i][:lines[i].rindex(b',"hash":"')]
    if i == at:
        covered = covered.replace(b"cp -a", b"ls -l")
    hash = hashlib.sha256(hash + covered).digest()
    # What he holds begins late: of a step before that, the oldest he has.
    seal = mac(keys[max(records[i]["step"], step + late)], hash)
    lines[i] = b'%s,"hash":"%s","mac":"%s"}' % (
        covered, hash.hex().encode(), seal.hex().encode())
open(path, "wb").write(b"\n".join(lines) + b"\n")
print(records[at]["seq"])
END
}

bed_test root_cannot_forge_the_record_of_its_own_start
root_cannot_forge_the_record_of_its_own_start_body() {
    bed_up 1
    bed_seed
    atf_check -o ignore in_vm vm1 qvm-remote 'echo before'
    in_vm vm1 qvm-remote "cp -a $BED/$LOG $BED/copy; echo copied" >/dev/null ||
        atf_fail "no copy"
    atf_check "$regress/bed" stop
    # Of the folder that it copied, the seed is that of the next run.
    atf_check test -s "$BED/copy/seed"
    cp -a "$BED/$LOG" "$BED/true"
    # With the keys of the time it can be done: the forgery is a good one.
    seq=$(forge_log "$BED/$LOG" seed 0)
    atf_check -o match:'^whole.*the seals hold' \
        dom0 log verify --key "$PWD/seed"
    atf_check -o match:'^whole' "$regress/log-verify" --key seed "$BED/$LOG"
    # With all that the command could have: K has moved on when it starts.
    rm -r "${BED:?}/$LOG"
    cp -a "$BED/true" "$BED/$LOG"
    forged=$(forge_log "$BED/$LOG" seed 1)
    [ "$forged" = "$seq" ] || atf_fail "another record"
    atf_check -o match:'^whole' dom0 log verify
    atf_check -s exit:1 -o match:"^altered: record $seq: its seal" \
        dom0 log verify --key "$PWD/seed"
    atf_check -s exit:1 -o match:"^altered: record $seq: its seal" \
        "$regress/log-verify" --key seed "$BED/$LOG"
    bed_altered
}

# Alters one log in all the ways that are listed, and asks both.
bed_test two_verifiers_agree_on_what_was_altered
two_verifiers_agree_on_what_was_altered_body() {
    bed_up 1
    bed_altered
    bed_seed
    atf_check -o ignore in_vm vm1 qvm-remote 'echo one'
    crash_and_start
    atf_check -o ignore in_vm vm1 qvm-remote 'echo two'
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    atf_check "$regress/bed" stop
    python3 - "$BED" "$regress" seed <<'END' || atf_fail "see its output"
import collections, glob, os, random, subprocess, sys
bed, regress, seed = sys.argv[1:]
folder = bed + "/var/log/qvm-remote"
true = {p: open(p, "rb").read().rstrip(b"\0")
        for p in sorted(glob.glob(folder + "/*.log"))}
random.seed(7)

def flip(lines):
    i = random.randrange(len(lines))
    line = bytearray(lines[i])
    line[random.randrange(len(line))] ^= 1 << random.randrange(7)
    lines[i] = bytes(line)

def drop(lines):
    del lines[random.randrange(len(lines))]

def double(lines):
    i = random.randrange(len(lines))
    lines.insert(i, lines[i])

def swap(lines):
    i = random.randrange(len(lines) - 1)
    lines[i], lines[i + 1] = lines[i + 1], lines[i]

def cut(lines):
    del lines[random.randrange(1, len(lines)):]

def add(lines):
    lines.append(b'{"seq":1}')

def tear(lines):
    lines[-1] = lines[-1][:random.randrange(len(lines[-1]))]

def nothing(lines):
    pass

def status(command):
    return subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)

def ask(key):
    c = status([bed + "/dom0-bin/qvm-remote-dom0", "log", "verify"]
               + ["--key", os.path.abspath(seed)] * key)
    p = status([regress + "/log-verify"] + ["--key", seed] * key + [folder])
    return c, p

seen, wrong = collections.Counter(), 0
for how in [nothing] + [flip, drop, double, swap, cut, add, tear] * 12:
    path = random.choice(list(true))
    lines = true[path].split(b"\n")[:-1]
    how(lines)
    if how is tear:
        text = b"\n".join(lines)
    else:
        text = b"".join(l + b"\n" for l in lines)
    with open(path, "r+b") as f:
        f.truncate()
        f.write(text)
    if how is not nothing and text == true[path]:
        continue
    for key in (False, True):
        c, p = ask(key)
        # A mac alone says nothing to who has no key.
        seen[how.__name__, c.returncode] += key
        if c.returncode != p.returncode:
            wrong = 1
            print(how.__name__, os.path.basename(path), key, c, p)
    with open(path, "r+b") as f:
        f.truncate()
        f.write(true[path])
os.remove(list(true)[1])
c, p = ask(True)
print(seen)
sys.exit(wrong or (c.returncode, p.returncode) != (1, 1)
         or seen["nothing", 0] != 1 or seen["flip", 0] + seen["flip", 3] > 0)
END
}

atf_init_test_cases() {
    bed_add_tests
}
