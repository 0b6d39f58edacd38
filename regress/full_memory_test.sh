#!/usr/bin/env atf-sh
# A log of a million records and memories that are full: how a start does.
. "$(atf_get_srcdir)/lib.sh"

FIRST=/run/bed/fingerprints

# Keys and policies of 65 VMs, and a log that remembers 64 of them in full.
bed_full() {
    bed_up 1
    atf_check "$regress/bed" stop
    rm -r "$BED/var/log/qvm-remote"
    install -d -m 0700 -o qvm-remote-key -g qvm-remote-key \
        "$BED/var/log/qvm-remote"
    python3 - "$BED/etc/qubes/remote.d" >"$BED$FIRST" <<'END'
import hashlib, os, sys
for n in range(1, 66):
    key = os.urandom(32)
    for name, text in (("vm%d.key" % n, key.hex()),
                       ("vm%d.conf" % n, "mode = shell")):
        path = os.path.join(sys.argv[1], name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                          0o600), "w") as f:
            print(text, file=f)
    if n != 9: # the one that is too many: names are taken in order
        print(hashlib.sha256(b"qvm-remote key fingerprint 2\n" + key)
              .hexdigest()[:16])
END
    "$BUILD/regress/big_log" "$BED/var/log/qvm-remote" "$1" <"$BED$FIRST" ||
        atf_fail "no log"
    chown -R qvm-remote-key: "$BED/var/log/qvm-remote"
}

# The most that a process has had, in KiB.
peak() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

bed_test a_start_on_a_million_records_is_quick_and_small
a_start_on_a_million_records_is_quick_and_small_head() {
    atf_set require.user root
    atf_set timeout 300
}
a_start_on_a_million_records_is_quick_and_small_body() {
    bed_full 1000000
    # The best of three: what else the machine does is not measured.
    for try in 1 2 3; do
        begun=$(date +%s%N)
        atf_check "$regress/bed" start
        took=$((($(date +%s%N) - begun) / 1000000))
        echo "ready after $took ms"
        [ "$took" -ge 1000 ] && [ $try -lt 3 ] || break
        atf_check "$regress/bed" stop
        rm "$BED/var/log/qvm-remote/seed" \
            "$(ls "$BED"/var/log/qvm-remote/*.log | tail -n 1)"
    done
    [ "$took" -lt 1000 ] || atf_fail "ready after $took ms"
    for role in parent verifier executor; do
        echo "$role: at most $(peak "$(role_pid "$role")") KiB"
    done
    for role in parent verifier executor; do
        [ "$(peak "$(role_pid "$role")")" -le 16384 ] ||
            atf_fail "$role: $(peak "$(role_pid "$role")") KiB"
    done
    wait_for "grep -q 'not served' '$BED/daemon.log'"
    atf_check -o match:'VM vm9 is not served: 64 others are' cat "$BED/daemon.log"
    atf_check -o match:'"event":"snapshot","keys":64,"memory":64,' cat_log
    # Nobody's memory has fallen out for another's: no key is a new one.
    atf_check -s exit:1 -o inline:'0\n' count_log '"event":"key"'
    atf_check "$regress/bed" stop
    atf_check "$regress/bed" start
    find "$BED/var/log/qvm-remote" -name '*.log' | sort | tail -n 1 |
        xargs cat | tr -d '\000' >newest
    atf_check -o match:'"event":"snapshot","keys":64,"memory":64,' cat newest
    bed_altered
}

atf_init_test_cases() {
    bed_add_tests
}
