# What the tests of qvm-remote-dom0 share: a folder that stands for /.

here=$(atf_get_srcdir)
KEY=7d0e0a5f8ae0b1d4b0aef2f2cf9c29d5c3d28ad6a40dcd0e6a8c6a2f1bd5e901
KEY_2=c0ffee5f8ae0b1d4b0aef2f2cf9c29d5c3d28ad6a40dcd0e6a8c6a2f1bd5e902
UUID=12345678-9abc-def0-1234-56789abcdef0

make_root() {
    root=$PWD/root
    mkdir -p "$root/etc/qubes" "$root/var/log/qvm-remote" "$root/run/qubes" \
        "$root/usr/bin"
    keys=$root/etc/qubes/remote.d
    log=$root/var/log/qvm-remote

    # A program, since atf_check executes what it is given.
    mkdir bin
    printf '#!/bin/sh\nexec "%s/qvm-remote-dom0" --root "%s" "$@"\n' \
        "$here" "$root" >bin/dom0
    chmod 755 bin/dom0
    PATH=$PWD/bin:$PATH
}

# Holds the lock as the daemon does, and says which signal came.
hold_lock() {
    cat >holder.py <<'END'
import fcntl, signal, sys
signals = {signal.SIGHUP, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
lock = open(sys.argv[1], "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
open("ready", "w").close()
while True:
    name = signal.sigwait(signals).name
    with open("signals", "a") as f:
        print(name, file=f)
    if name == "SIGTERM":
        break
END
    rm -f ready
    mkfifo ready
    python3 holder.py "$log/lock" &
    holder=$!
    cat ready
}

# terminal.py PROMPT TYPED PROGRAM [ARG]...: runs it at a terminal of its own,
# types when it asks, and prints what it wrote and how it left the terminal.
make_terminal() {
    cat >terminal.py <<'END'
import fcntl, os, signal, subprocess, sys, termios
signal.alarm(60)

def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)

def own_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

prompt = sys.argv[1].encode()
typed = sys.argv[2].encode().decode("unicode_escape").encode()
master, slave = os.openpty()
assert echoes(slave)
program = subprocess.Popen(sys.argv[3:], stdin=slave, stdout=slave,
                           stderr=slave, preexec_fn=own_terminal)
seen = b""
while prompt not in seen:
    seen += os.read(master, 1000)
assert echoes(slave) != (b"not shown" in prompt), "echo while it asks"
os.write(master, typed)
status = program.wait()
os.set_blocking(master, False)
try:
    while True:
        seen += os.read(master, 1000)
except BlockingIOError:
    pass
sys.stdout.write(seen.decode().replace("\r", ""))
print("echo", echoes(slave), "status", status)
END
}

# root_test NAME: declares a test that needs root; NAME_body follows.
ROOT_TESTS=
root_test() {
    atf_test_case "$1"
    eval "$1_head() {
        atf_set require.user root
    }"
    ROOT_TESTS="$ROOT_TESTS $1"
}

atf_init_test_cases() {
    for name in $ROOT_TESTS; do
        atf_add_test_case "$name"
    done
}
