#!/usr/bin/env atf-sh
# keys
. "$(atf_get_srcdir)/lib.sh"

# key NAME TEXT
key() {
    echo "$2" >"$keys/$1"
    chmod 600 "$keys/$1"
}

fingerprint() {
    {
        printf 'qvm-remote key fingerprint 2\n'
        python3 -c "import os; os.write(1, bytes.fromhex('$1'))"
    } | sha256sum | cut -c1-16
}

make_keys() {
    make_root
    mkdir -m 700 "$keys"
}

root_test one_line_a_key_with_its_fingerprint
one_line_a_key_with_its_fingerprint_body() {
    make_keys
    key work.key "$KEY"
    key home.key "$KEY_2"
    key work.key.next "${KEY%?}7"
    key home.key.next "$KEY_2"
    key other.key.next "${KEY%?}8"
    printf 'mode = shell\nuuid = %s\n' "$UUID" >"$keys/work.conf"
    printf 'mode = shell\n' >"$keys/home.conf"
    printf 'mode = shell\n' >"$keys/other.conf"
    next=$(fingerprint "${KEY%?}7")
    other=$(fingerprint "${KEY%?}8")
    cat >want <<END
home              5dab181cc6842cca  name only                             policy ok
home              5dab181cc6842cca  name only                             next key; key: the same as the present one; policy ok
other             $other  name only                             next key; key: of a VM that has no key; policy ok
work              038284dcff6b5701  $UUID  policy ok
work              $next  $UUID  next key; policy ok
END
    atf_check -o file:want dom0 keys
    atf_check -o not-match:"$KEY|$KEY_2" dom0 keys --json
}

root_test the_fingerprint_is_that_of_the_protocol
the_fingerprint_is_that_of_the_protocol_body() {
    make_keys
    key work.key "$KEY"
    atf_check -o match:"^work +$(fingerprint "$KEY") " dom0 keys
}

root_test without_keys_there_is_nothing_to_say
without_keys_there_is_nothing_to_say_body() {
    make_root
    atf_check dom0 keys
    mkdir -m 700 "$keys"
    atf_check dom0 keys
    # None of these is a VM's.
    key .work.key.new "$KEY"
    key dom0.key "$KEY"
    key .key "$KEY"
    key work.keys "$KEY"
    atf_check dom0 keys
}

root_test what_keeps_a_vm_from_being_served_is_said
what_keeps_a_vm_from_being_served_is_said_body() {
    make_keys
    key short.key "${KEY%?}"
    key long.key "${KEY}0"
    key readable.key "$KEY"
    chmod 640 "$keys/readable.key"
    key foreign.key "$KEY"
    chown 65534 "$keys/foreign.key"
    ln -s readable.key "$keys/link.key"
    mkdir "$keys/folder.key"
    mkfifo "$keys/fifo.key"
    key weak.key "$(printf '%064d' 0)"
    key twin-a.key "$KEY_2"
    key twin-b.key "$(echo "$KEY_2" | tr a-f A-F)"
    key bad.key "${KEY%?}3"
    printf 'mode = shell\nx = \033[31m\n' >"$keys/bad.conf"
    for vm in open other; do
        key $vm.key "$(printf %s $vm | sha256sum | cut -c1-64)"
        printf 'mode = shell\n' >"$keys/$vm.conf"
    done
    chmod 664 "$keys/open.conf"
    chown 65534 "$keys/other.conf"
    dom0 keys >out || atf_fail "keys"
    while read -r vm text; do
        atf_check -o match:"^$vm .*$text" cat out
    done <<'END'
short key: not 64 hex digits.*policy: there is none
long key: not 64 hex digits
readable key: others than root may read
foreign key: not owned by root
link key: a symbolic link
folder key: not a regular file
fifo key: not a regular file
weak key: weak
twin-a key: another VM has the same
twin-b key: another VM has the same
open policy: .*open.conf: others than root may write
other policy: .*other.conf: not owned by root
bad policy: .*bad.conf:2: .*0x1b
END
    atf_check -o inline:'13\n' grep -c . out
}

root_test json_is_one_object_a_line
json_is_one_object_a_line_body() {
    make_keys
    key work.key "$KEY"
    key bad.key "x"
    printf 'mode = shell\nuuid = %s\n' "$UUID" >"$keys/work.conf"
    dom0 keys --json >out || atf_fail "keys --json"
    cat >want <<END
bad None not 64 hex digits None there is none
work 038284dcff6b5701 None $UUID None
END
    atf_check -o file:want python3 -c 'import json
for line in open("out"):
    k = json.loads(line)
    print(k["vm"], k["fingerprint"], k["key_problem"], k["uuid"],
          k["policy_problem"])'
}
