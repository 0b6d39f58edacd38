# What the tests of the installed programs share.  The build puts BUILD, TREE
# and SANITIZE in front of this.
#
# Each test has a bed of its own, $BED, outside of kyua's work folder: the
# daemon's users must reach it, and nothing that removes a work folder may meet
# what is mounted in it.  A test fails, in its cleanup, where the bed's parts
# disagree about what happened (regress/bed-check).

regress=$TREE/regress
BED_BUILT=yes
export BUILD BED_BUILT SANITIZE

# What script/bootstrap has installed, whatever else comes first elsewhere.
PATH=/usr/sbin:/usr/bin:/sbin:/bin

BED_TESTS=

# bed_test NAME: declares a test with a bed; NAME_body follows.
bed_test() {
    atf_test_case "$1" cleanup
    eval "$1_head() {
        atf_set require.user root
        atf_set timeout 120
    }
    $1_cleanup() { bed_down; }"
    BED_TESTS="$BED_TESTS $1"
}

bed_add_tests() {
    for name in $BED_TESTS; do
        atf_add_test_case "$name"
    done
}

CHECKS_TESTS=

# checks_test PROGRAM NAME: a case of regress/PROGRAM, whose reason is one line.
checks_test() {
    atf_test_case "$2"
    eval "$2_head() {
        atf_set require.user root
        atf_set timeout 120
    }
    $2_body() {
        python3 -B \"\$regress/$1\" $2 2>said || atf_fail \"\$(tail -n 1 said)\"
    }"
    CHECKS_TESTS="$CHECKS_TESTS $2"
}

checks_add_tests() {
    for name in $CHECKS_TESTS; do
        atf_add_test_case "$name"
    done
}

# The cleanup is another process: it finds the beds in a file.
bed_new() {
    BED=$(mktemp -d "${BEDS:-/tmp}/qvm-remote-bed.XXXXXX") || atf_fail "mktemp"
    export BED
    echo "$BED" >>beds
}

bed_up() {
    bed_new
    "$regress/bed" up "$@" || atf_fail "the bed is not up"
}

bed_down() {
    [ -e beds ] || return 0
    _status=0
    while read -r BED; do
        export BED
        bed_unmount || _status=1
        if [ -e altered ]; then
            "$regress/bed" down --no-check || _status=1
        else
            "$regress/bed" down || _status=1
        fi
    done <beds
    if [ -e cpu ]; then
        rmdir "$(cat cpu)" || _status=1
    fi
    return $_status
}

# What the test mounted below the bed, and wrote into the file `mounts`, may be
# where the daemon is.
bed_unmount() {
    [ -e mounts ] || return 0
    "$regress/bed" stop
    while read -r _point; do
        case $_point in
        "$BED"/*) ! mountpoint -q "$_point" || umount "$_point" || return 1 ;;
        esac
    done <mounts
}

# In the unit's cgroup, which has the controllers, all processes share the CPUs
# alike.  Elsewhere the kernel shares them by session (autogroup), and there
# processes that wake one another keep another session off their CPU for up to
# a second.  To be called before the bed is up; bed_down is for its end.
share_cpus() {
    _cpu=$(awk '$3 == "cgroup" && $4 ~ /(^|,)cpu(,|$)/ { print $2; exit }' \
        /proc/mounts)
    [ -n "$_cpu" ] || return 0
    _cpu=$(mktemp -d "$_cpu/qvm-remote-test.XXXXXX" 2>/dev/null) ||
        return 0
    echo "$_cpu" >cpu
    echo $$ >"$_cpu/cgroup.procs" || atf_fail "$_cpu"
}

# The test has changed what the bed's parts say, and shown that it is noticed.
bed_altered() {
    : >altered
}

# The daemon has ended, and not with status 0; `down` does not hold it against
# the test.
bed_expect_crash() {
    ! "$regress/bed" stop 2>said || atf_fail "the daemon stopped cleanly"
}

# let_go TRACER PID: of what strace has changed the calls, written into `calls`.
# Not in the midst of one, which would come back as what it was changed into.
let_go() {
    kill -STOP "$2"
    wait_for "grep -q 'stopped by SIGSTOP' calls"
    kill "$1"
    wait "$1"
    kill -CONT "$2"
}

# A log whose first seed is known ($PWD/seed), so that `log verify` checks its
# seals too.  The next start announces the new line, the one after it begins it.
bed_seed() {
    cp "$BED/run/bed/seed" seed
}

# Stopped, the log is whole, its seals too.
bed_verify() {
    atf_check "$regress/bed" stop
    atf_check -o match:'^whole.*the seals hold' \
        in_dom0 qvm-remote-dom0 log verify --key "$PWD/seed"
}

# atf_check runs programs; here, functions of the test too: what one printed
# and its status are shown to atf-check again.
atf_check() {
    _options=0
    _value=false
    for _word; do
        if $_value; then
            _value=false
        else
            case $_word in
            -[soe]) _value=true ;;
            -*) ;;
            *) break ;;
            esac
        fi
        _options=$((_options + 1))
    done
    case $(type "$_word") in
    *function*)
        (shift "$_options" && "$@") >.check.out 2>.check.err
        _status=$?
        for _word; do
            [ "$_options" -le 0 ] || set -- "$@" "$1"
            shift
            _options=$((_options - 1))
        done
        # shellcheck disable=SC2016 # the inner shell's
        set -- "$@" sh -c 'cat .check.out; cat .check.err >&2; exit "$1"' \
            sh "$_status"
        ;;
    esac
    # shellcheck disable=SC2154 # atf-sh sets it
    "$Atf_Check" "$@" || atf_fail "atf-check failed; see the test's output"
}

# This run of kyua, whose child each test is: its pid, and when it began.
this_run() {
    echo "$PPID $(sed 's/.*) //' "/proc/$PPID/stat" | cut -d ' ' -f 20)"
}

in_vm() {
    "$regress/bed" run "$@"
}

in_dom0() {
    "$regress/bed" dom0 "$@"
}

# wait_for CONDITION: a command line that becomes true within 30 s.
wait_for() {
    _tries=1500
    until eval "$1"; do
        _tries=$((_tries - 1))
        # A reason is one line.
        [ $_tries -gt 0 ] || atf_fail "in vain: $(echo "$1" | tr '\n' ' ')"
        sleep 0.02
    done
}

# What a command does to be counted: at most once a request.
witness() {
    # shellcheck disable=SC2016 # dom0's shell expands it
    printf 'echo "$QVM_REMOTE_ID" >>%s/witness' "$BED"
}

count_witness() {
    if [ -e "$BED/witness" ]; then
        grep -c . "$BED/witness"
    else
        echo 0
    fi
}

no_witness() {
    [ ! -e "$BED/witness" ] || atf_fail "something ran"
}

# The log's records, a line each; what is reserved behind them left out.
cat_log() {
    cat "$BED"/var/log/qvm-remote/*.log | tr -d '\000'
}

count_log() {
    cat_log | grep -c -- "$1"
}

# reload_says REGEX: it reads its configuration again, and says this.
reload_says() {
    _read=$(grep -c "$1" "$BED/daemon.log")
    kill -HUP "$(role_pid parent)"
    wait_for "[ \$(grep -c '$1' '$BED/daemon.log') -gt $_read ]"
}

reload() {
    reload_says 'configuration read again'
}

# policy VM LINE...: its policy from now on; the daemon has read it.
policy() {
    _conf=$BED/etc/qubes/remote.d/$1.conf
    shift
    printf '%s\n' "$@" >"$_conf.new"
    mv "$_conf.new" "$_conf"
    reload
}

# forge VM ARG...: see regress/forge.
forge() {
    _vm=$1
    shift
    in_vm "$_vm" python3 - "$@" <"$regress/forge"
}

# A well-formed key that dom0 has never seen.
other_key() {
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'
}

bed_cgroup() {
    echo "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/qvm-remote-bed-$(stat -c %d-%i "$BED")"
}

# The daemon's processes, its commands among them: pids.
bed_processes() {
    find "$(bed_cgroup)/daemon" -name cgroup.procs -exec cat {} + 2>/dev/null
}

# role_pid parent | verifier | executor | 'poller \[VM\]'
role_pid() {
    if [ "$1" = parent ]; then
        "$BED/usr/libexec/bed/supervise" pid "$BED/run/bed/daemon"
        return
    fi
    for _pid in $(bed_processes); do
        if { tr '\0' ' ' <"/proc/$_pid/cmdline"; } 2>/dev/null |
            grep -q "^qvm-remote: $1 *$"; then
            echo "$_pid"
            return 0
        fi
    done
    return 1
}

# What forge saved in a VM's home, put into its queue again.
again() {
    # shellcheck disable=SC2016 # the VM's shell expands it
    in_vm "$1" sh -c 'cd "$HOME/saved" && q=$HOME/.qvm-remote/queue/pending
        for f in $(ls | grep -v "\.auth$") *.auth; do
            cp "$f" "$q/.$f.tmp" && mv "$q/.$f.tmp" "$q/$f"
        done'
}

# Forgets that a VM has answers, as a restored copy of its disk would.
forget() {
    # shellcheck disable=SC2016 # the VM's shell expands it
    in_vm "$1" sh -c 'q=$HOME/.qvm-remote/queue; rm -rf "$q/results/"* \
        "$q/running/"* "$HOME/.qvm-remote/history"'
}

# meta_of VM ID: its receipt.
meta_of() {
    in_vm "$1" cat ".qvm-remote/queue/results/$2.meta"
}

wait_result() {
    wait_for "in_vm $1 test -e .qvm-remote/queue/results/$2.exit"
}

# vm_clock SECONDS: how far vm1's clock is ahead from now on, as its agent says
# after move_agent.
vm_clock() {
    echo "$1" >"$BED/vms/vm1/home/.clock"
    mv "$BED/vms/vm1/home/.clock" "$BED/vms/vm1/home/clock"
}

# Once after each boot; the agent is that of vm1's next session.
move_agent() {
    in_vm vm1 cp "$BED/usr/bin/qvm-remote" honest
    in_vm vm1 sh -c 'cat >moved && chmod +x moved' <<'END'
#!/usr/bin/env python3
import os, re, subprocess, sys
honest = "/home/user/honest"
if sys.argv[1:2] != ["agent"]:
    os.execv(honest, [honest] + sys.argv[1:])
def clock(m):
    with open("/home/user/clock") as f:
        return m[1] + b"%d" % (int(m[2]) + int(f.read()))
agent = subprocess.Popen([honest] + sys.argv[1:], stdout=subprocess.PIPE)
while True:
    data = os.read(agent.stdout.fileno(), 65536)
    if not data:
        break
    os.write(1, re.sub(rb"(?m)^(request \S+ )(\d+)", clock, data))
END
    BED_USER=root in_vm vm1 mount --bind /home/user/moved \
        "$BED/usr/bin/qvm-remote" || atf_fail "mount"
}

# vm1's client goes, and one that knows nothing of protocol 2 has its name.
hide_client() {
    in_vm vm1 sh -c 'printf "#!/bin/sh\necho qvm-remote 1.4.0\n" >old &&
        chmod +x old'
    BED_USER=root in_vm vm1 mount --bind /home/user/old \
        "$BED/usr/bin/qvm-remote" || atf_fail "mount"
}

# no_raw FILE...: printable ASCII alone, LF at each line's end.
no_raw() {
    for _file; do
        [ -s "$_file" ] || atf_fail "$_file: nothing"
        ! tr -d '\000' <"$_file" | LC_ALL=C grep -an '[^ -~]' ||
            atf_fail "$_file: raw bytes"
    done
}

# What dom0 shows and writes of what VMs have sent.
no_raw_in_dom0() {
    for words in status queue log 'log --json'; do
        # shellcheck disable=SC2086
        in_dom0 qvm-remote-dom0 $words >>shown 2>&1 || atf_fail "$words"
    done
    no_raw shown "$BED/daemon.log" "$BED/var/log/qubes/qvm-remote.log" \
        "$BED"/var/log/qvm-remote/*.log
}
