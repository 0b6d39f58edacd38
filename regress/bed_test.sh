#!/usr/bin/env atf-sh
# The test bed itself: what the other tests take for granted.
. "$(atf_get_srcdir)/lib.sh"

prepare() {
    bed_new
    "$regress/bed" prepare || atf_fail "prepare"
    for vm in "$@"; do
        "$regress/bed" boot "$vm" || atf_fail "boot $vm"
    done
}

# As the daemon runs a program: another user, group qubes and no other.
as_daemon() {
    exec setpriv --reuid=65534 --regid=65534 --no-new-privs \
        --groups="$(getent group qubes | cut -d: -f3)" "$@"
}

qvm_exec() {
    as_daemon "$BED/usr/bin/qvm-run" --pass-io --no-autostart --no-gui "$@"
}

qvm_run() {
    (qvm_exec "$@")
}

qrexec_client() {
    (as_daemon "$BED/usr/bin/qrexec-client" "$@")
}

bed_test a_vm_has_namespaces_of_its_own
a_vm_has_namespaces_of_its_own_body() {
    prepare a b
    for ns in mnt pid ipc uts net user; do
        for where in dom0 a b; do
            case $where in
            dom0) readlink /proc/self/ns/$ns ;;
            *) in_vm $where readlink /proc/self/ns/$ns ;;
            esac
        done >seen || atf_fail "$ns"
        [ "$(sort -u seen | wc -l)" = 3 ] || atf_fail "$ns is shared"
    done
    atf_check -o inline:'a\n' in_vm a uname -n
    atf_check -o inline:'lo\n' in_vm a sh -c \
        'sed -n "s/^ *\([^ ]*\):.*/\1/p" /proc/net/dev'
    atf_check -o inline:'1\n' in_vm a sh -c 'ls -d /proc/[0-9]* |
        wc -l | { read n; [ "$n" -lt 9 ] && echo 1; }'
}

bed_test a_vm_s_user_has_no_privilege
a_vm_s_user_has_no_privilege_body() {
    prepare a
    atf_check -o inline:'uid=1000(user) gid=1000(user) groups=1000(user)\n' \
        in_vm a id
    atf_check -o inline:'0000000000000000\n' in_vm a \
        sed -n 's/^CapEff:\t//p' /proc/self/status
    atf_check -o inline:'/home/user\n/home/user\n' in_vm a sh -c 'pwd; echo ~'
    base=$(cat "$BED/vms/a/uidbase")
    in_vm a sh -c 'touch file'
    atf_check -o inline:"$((base + 1000))\n" \
        stat -c %u "$BED/vms/a/home/file"
}

bed_test a_vm_sees_the_host_s_files_read_only
a_vm_sees_the_host_s_files_read_only_body() {
    prepare a b
    : >"$BED/open" && chmod 0666 "$BED/open"
    install -d -m 0777 "$BED/free"
    atf_check -s exit:1 -e match:'Read-only file system' \
        in_vm a bash -c 'echo x >"$1/open"' sh "$BED"
    atf_check -s exit:1 -e match:'Read-only file system' \
        in_vm a mkdir "$BED/free/x"
    # Every mount but the VM's own.
    in_vm a awk '$6 !~ /^ro/ { print $5 }' /proc/self/mountinfo |
        sort >writable
    printf '%s\n' /dev /dev/full /dev/null /dev/pts /dev/random /dev/tty \
        /dev/urandom /dev/zero /home /home/user /proc /root /run /tmp \
        /var/tmp | sort >expected
    atf_check -o file:expected cat writable
    atf_check -s not-exit:0 -e not-empty in_vm a ls "$BED/vms/b/home"
    atf_check -s not-exit:0 -e not-empty in_vm a ls "$BED/run/bed"
    # Nor is root in there root out here.
    atf_check -s not-exit:0 -e not-empty env BED_USER=root \
        "$regress/bed" run a ls "$BED/vms/b/home"
    atf_check -s not-exit:0 -e not-empty env BED_USER=root \
        "$regress/bed" run a sh -c 'mount -o remount,rw,bind / && touch /x'
}

bed_test a_home_stays_as_a_disk_does_and_tmp_does_not
a_home_stays_as_a_disk_does_and_tmp_does_not_body() {
    prepare a
    atf_check in_vm a sh -c 'echo kept >file; echo gone >/tmp/file'
    atf_check "$regress/bed" halt a
    atf_check -s exit:1 -e match:'does not run' in_vm a true
    atf_check "$regress/bed" boot a
    atf_check -o inline:'kept\n' in_vm a cat file
    atf_check -o inline:'' in_vm a ls -A /tmp/ --ignore="$(basename "$BED")"
    # All of the VM's files, put back from a copy.
    cp -a "$BED/vms/a/home" copy
    atf_check in_vm a rm file
    cp -a copy/. "$BED/vms/a/home/"
    atf_check -o inline:'kept\n' in_vm a cat file
}

bed_test streams_and_status_pass_through_run
streams_and_status_pass_through_run_body() {
    prepare a
    atf_check -s exit:3 -o inline:'out in\n' -e inline:'err\n' \
        sh -c 'echo in | "$0" run a sh -c "read x; echo out \$x
            echo err >&2; exit 3"' "$regress/bed"
    atf_check -s exit:127 -e not-empty in_vm a no-such-command
}

bed_test signals_reach_what_run_runs
signals_reach_what_run_runs_body() {
    prepare a
    for signal in INT TERM HUP; do
        rm -f "$BED/vms/a/home/up"
        # A shell's background job ignores INT: python does not.
        python3 - "$regress/bed" $signal >out <<'EOF' || atf_fail $signal
import os, signal, subprocess, sys, time
name = sys.argv[2]
child = subprocess.Popen([sys.argv[1], "run", "a", "bash", "-c", """
    trap 'echo %s; exit 7' %s
    : >up
    while :; do read -t 1 <> <(:); done""" % (name, name)])
up = os.environ["BED"] + "/vms/a/home/up"
until = time.monotonic() + 20
while not os.path.exists(up) and time.monotonic() < until:
    time.sleep(0.02)
child.send_signal(getattr(signal, "SIG" + name))
print(child.wait(20))
EOF
        atf_check -o inline:"$signal\n7\n" cat out
    done
    atf_check -s exit:137 -e ignore in_vm a bash -c 'kill -9 $$'
}

bed_test qvm_run_gives_streams_and_status_apart
qvm_run_gives_streams_and_status_apart_body() {
    prepare a
    atf_check -s exit:7 -o inline:'out\n' -e inline:'err\n' \
        qvm_run a 'echo out; echo err >&2; exit 7' </dev/null
    atf_check -o inline:'0 1000\n' qvm_run a \
        'echo $$ $(id -u) | sed "s/^[0-9]* /0 /"' </dev/null
    atf_check -s exit:137 qvm_run a 'kill -9 $$' </dev/null
    atf_check -o inline:'/home/user\n' qvm_run a pwd </dev/null
    # No signal ignored or blocked, as with the real one: but 32 and 33, libc's
    # own, which make has what it starts ignore.
    qvm_run a 'exec sed -n "s/^Sig[BI][lg][kn]:.//p" /proc/self/status' \
        </dev/null >out || atf_fail "status"
    atf_check -o inline:'2\n' grep -cE '^0{7}(00|18)0{7}$' out
}

bed_test qvm_run_says_of_a_halted_vm_what_the_real_one_says
qvm_run_says_of_a_halted_vm_what_the_real_one_says_body() {
    prepare a
    atf_check "$regress/bed" halt a
    atf_check -s exit:1 qvm_run a true
    atf_check -s exit:1 -e inline:"Qube 'a' not started\n" qvm_run -v a true
    atf_check -s exit:2 -e match:usage qvm_run a
    atf_check "$regress/bed" boot a
    atf_check -s exit:125 qvm_run --user nobody-here a true </dev/null
    # Group qubes is what opens the socket.
    atf_check -s exit:125 -e match:denied setpriv --reuid=65534 \
        --regid=65534 --clear-groups \
        "$BED/usr/bin/qvm-run" --pass-io --no-autostart a true
}

bed_test qrexec_client_runs_a_command_in_a_login_shell
qrexec_client_runs_a_command_in_a_login_shell_body() {
    prepare a
    atf_check -s exit:7 -o inline:'-bash /home/user 1000 input\n' \
        -e inline:'err\n' qrexec_client -d a \
        'user:read x; echo $0 $PWD $(id -u) $x; echo err >&2; exit 7' <<'EOF2'
input
EOF2
    atf_check -o inline:'0\n' qrexec_client -d a 'root:id -u' </dev/null
    atf_check -s exit:137 qrexec_client -d a 'user:kill -9 $$' </dev/null
    atf_check -s exit:127 -e match:none qrexec_client -d a user:/none </dev/null
    atf_check -s exit:126 -e not-empty qrexec_client -d a user:/etc </dev/null
}

bed_test qrexec_client_ends_as_the_real_one_does
qrexec_client_ends_as_the_real_one_does_body() {
    prepare a
    atf_check -s exit:125 qrexec_client -d a nobody-here:true </dev/null
    atf_check -s exit:1 -e match:usage qrexec_client user:true
    atf_check -s exit:1 -e match:usage qrexec_client -d a
    atf_check -o match:usage qrexec_client --help
    qrexec_client -d a 'user:: >up; sleep 1000' </dev/null &
    client=$!
    wait_for '[ -e "$BED/vms/a/home/up" ]'
    atf_check "$regress/bed" halt a
    wait $client
    [ $? = 255 ] || atf_fail "not 255"
    atf_check -s exit:125 -e match:'connect qrexec.a: No such file' \
        qrexec_client -d a user:true
}

bed_test what_follows_the_command_is_its_input_whole
what_follows_the_command_is_its_input_whole_body() {
    prepare a
    head -c 4194304 /dev/urandom >big
    qvm_run a 'exec cat' <big >back || atf_fail "cat"
    atf_check cmp big back
    # bash reads the one line and goes on with what it says.
    printf 'second line\nrest\n' >input
    atf_check -o inline:'<second line>\nrest\n' \
        qvm_run a 'read -r x; echo "<$x>"; cat' <input
    # Without a reader it ends all the same: "; exit" is part of the line.
    atf_check -s exit:5 qvm_run a '(exit 5)' <big
}

bed_test qvm_run_stays_until_the_vm_says_the_status
qvm_run_stays_until_the_vm_says_the_status_body() {
    prepare a
    # All of its own streams are closed: no pipe holds it, and it stays.
    qvm_run a 'exec >&- 2>&-; until [ -e go ]; do sleep 0.02; done; exit 9' \
        </dev/null >/dev/null 2>&1 &
    client=$!
    in_vm a sh -c 'sleep 0.2; : >go'
    wait $client
    [ $? = 9 ] || atf_fail "it did not stay"
    # A halted VM ends it.
    qvm_run a ': >up; sleep 1000' </dev/null 2>/dev/null &
    client=$!
    wait_for '[ -e "$BED/vms/a/home/up" ]'
    atf_check "$regress/bed" halt a
    wait $client
    [ $? = 255 ] || atf_fail "not 255"
}

bed_test a_command_in_the_vm_outlives_qvm_run
a_command_in_the_vm_outlives_qvm_run_body() {
    prepare a
    mkfifo hold
    qvm_exec a 'trap "" PIPE; : >up; cat; echo x; : >end' <hold \
        >out 2>&1 &
    client=$!
    exec 8>hold
    wait_for '[ -e "$BED/vms/a/home/up" ]'
    kill -9 $client
    wait_for '[ -e "$BED/vms/a/home/end" ]'
    exec 8>&-
}

bed_test a_socket_and_its_links_are_there_while_the_vm_runs
a_socket_and_its_links_are_there_while_the_vm_runs_body() {
    prepare a
    run=$BED/run/qubes
    uuid=$(cat "$BED/vms/a/uuid")
    target=$(readlink "$run/qrexec.a")
    atf_check -o inline:"$target\n" readlink "$run/qrexec.uuid:$uuid"
    atf_check -o inline:"socket root:qubes 660\n" \
        stat -c '%F %U:%G %a' "$run/$target"
    atf_check -o inline:"$uuid\n" "$BED/usr/bin/qvm-prefs" a uuid
    atf_check "$regress/bed" halt a
    atf_check -o inline:'' ls -A "$run"
    atf_check -o inline:"$uuid\n" "$BED/usr/bin/qvm-prefs" a uuid
    atf_check "$regress/bed" boot a
    [ "$(readlink "$run/qrexec.a")" != "$target" ] || atf_fail "same number"
    # The VM dies of itself.
    kill -9 "$(cat "$BED/run/bed/a.init")"
    wait_for '[ -z "$(ls -A "$run")" ]'
    bed_altered
}

bed_test a_vm_ends_with_its_launcher
a_vm_ends_with_its_launcher_body() {
    prepare a
    init=$(cat "$BED/run/bed/a.init")
    in_vm a sleep 1000 &
    kill -9 "$("$BED/usr/libexec/bed/supervise" pid "$BED/run/bed/vm-a")"
    wait_for '[ ! -d "/proc/$init" ]'
    wait $!
    atf_check -s exit:1 -e match:'signal 9' "$regress/bed" halt a
    atf_check -o inline:'' ls -A "$BED/run/qubes"
    atf_check "$regress/bed" boot a
    atf_check in_vm a true
}

bed_test beds_run_side_by_side
beds_run_side_by_side_body() {
    prepare a
    first=$BED
    prepare a
    atf_check in_vm a touch file
    atf_check test -e "$BED/vms/a/home/file" -a ! -e "$first/vms/a/home/file"
    atf_check "$regress/bed" down
    atf_check test ! -e "$BED" -a -e "$first"
    BED=$first
    atf_check in_vm a true
}

bed_test down_removes_nothing_while_a_mount_lies_below
down_removes_nothing_while_a_mount_lies_below_body() {
    prepare a
    mkdir "$BED/mnt" outside
    : >outside/file
    echo "$BED/mnt" >mounts
    mount --bind outside "$BED/mnt" || atf_fail "mount"
    atf_check -s exit:1 -o match:"mount $BED/mnt is left" \
        -e match:'not removed' "$regress/bed" down
    atf_check -s exit:1 -e match:'not removed' \
        "$regress/bed" down --no-check
    atf_check test -e outside/file -a -e "$BED/usr/bin/qvm-run"
    umount "$BED/mnt"
    atf_check "$regress/bed" down
    atf_check test ! -e "$BED"
}

bed_test down_removes_no_other_folder
down_removes_no_other_folder_body() {
    mkdir other
    : >other/file
    atf_check -s exit:1 -e match:'is no bed' \
        env BED="$PWD/other" "$regress/bed" down
    atf_check test -e other/file
    atf_check env BED="$PWD/none" "$regress/bed" down
    atf_check -s exit:1 -e match:'something else in it' \
        env BED="$PWD/other" "$regress/bed" prepare
}

bed_test what_is_left_of_a_bed_is_said
what_is_left_of_a_bed_is_said_body() {
    prepare a
    cgroup=$(bed_cgroup)
    # In its cgroup; of its programs; a cgroup of a command.
    mkdir -p "$cgroup/daemon/command.7" || atf_fail "mkdir"
    sh -c 'echo $$ >"$1/daemon/cgroup.procs"; exec sleep 7771' sh "$cgroup" &
    cp /bin/sleep "$BED/usr/bin/sleep"
    "$BED/usr/bin/sleep" 7772 &
    wait_for '[ -n "$(bed_processes)" ]'
    "$regress/bed" down >out 2>said && atf_fail "nothing said"
    cat out said
    atf_check -o match:'process [0-9]+ is left: sleep 7771' \
        -o match:'process [0-9]+ is left: .*/usr/bin/sleep 7772' \
        -o match:'cgroup .*command.7/ is left' cat out
    atf_check test ! -e "$cgroup" -a ! -e "$BED"
    kill $!
}

bed_test a_descriptor_of_a_request_held_in_idle_is_said
a_descriptor_of_a_request_held_in_idle_is_said_body() {
    prepare
    cgroup=$(bed_cgroup)
    mkdir -p "$cgroup/daemon"
    python3 -c 'import os, sys, time
fd = os.memfd_create("body")
with open(sys.argv[1], "w") as f: f.write("0")
time.sleep(100)' "$cgroup/daemon/cgroup.procs" &
    wait_for '[ -n "$(bed_processes)" ]'
    atf_check -s exit:1 -o match:'with nothing to do, .* holds /memfd:body' \
        "$BED/usr/libexec/bed/bed-check" --running "$BED" "$cgroup"
    kill $!
    wait $!
    atf_check "$BED/usr/libexec/bed/bed-check" --running "$BED" "$cgroup"
}

atf_test_case every_planted_difference_is_found
every_planted_difference_is_found_body() {
    "$regress/fixture" --list >cases || atf_fail "fixture"
    while IFS='	' read -r name says; do
        "$regress/fixture" "$PWD/$name" "$name" || atf_fail "$name"
        "$regress/bed-check" "$PWD/$name" /nonexistent >out
        status=$?
        if [ -z "$says" ]; then
            [ $status = 0 ] && [ ! -s out ] || atf_fail "$name: $(cat out)"
        else
            [ $status = 1 ] || atf_fail "$name was not found"
            grep -qF -- "$says" out || atf_fail "$name: $(cat out)"
        fi
    done <cases
}

atf_init_test_cases() {
    bed_add_tests
    atf_add_test_case every_planted_difference_is_found
}
