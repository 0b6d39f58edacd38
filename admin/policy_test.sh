#!/usr/bin/env atf-sh
# policy check, policy explain
. "$(atf_get_srcdir)/lib.sh"

# make_policy VM: from standard input.
make_policy() {
    [ -n "$root" ] || make_root
    [ -d "$keys" ] || mkdir -m 700 "$keys"
    cat >"$keys/$1.conf"
}

root_test what_is_wrong_is_named_with_file_and_line
what_is_wrong_is_named_with_file_and_line_body() {
    make_policy allow <<END
mode = allow
# comment
allow = ls -l *
example = ls -l x -> run
END
    make_policy absent <<END
mode = allow
allow = ls
allow = no-such-command
END
    make_policy example <<END
mode = allow
allow = ls
example = ls -a -> run
END
    make_policy key <<END
mode = shell
moed = x
END
    make_policy open <<END
mode = shell
END
    chmod 666 "$keys/open.conf"
    make_policy vast <<END
mode = shell
$(head -c 65536 /dev/zero | tr '\0' '#')
END
    # None of these is a VM's.
    cp "$keys/key.conf" "$keys/.hidden.conf"
    cp "$keys/key.conf" "$keys/dom0.conf"
    cp "$keys/key.conf" "$keys/other.config"
    cat >want <<END
$keys/absent.conf:3: error: \`no-such-command\`: dom0 has no such command
allow: mode allow: what 1 lines allow runs, without a shell, as root, for at most 300 s; its examples hold
$keys/example.conf:3: error: this example is not \`run\` but \`deny\`: no line of its policy allows it, or dom0 has no such command
$keys/key.conf:2: error: no key \`moed\`: see qvm-remote-policy(5)
$keys/open.conf: error: others than root may write it
$keys/vast.conf: error: more than 64 KiB
END
    atf_check -s exit:1 -o file:want dom0 policy check
    # One alone.
    atf_check -o match:'^allow: mode allow' -o not-match:error \
        dom0 policy check allow
    atf_check -s exit:1 -o match:'^/.*key.conf:2: error' dom0 policy check key
    atf_check -s exit:1 -e match:'error: home has no policy' \
        dom0 policy check home
    atf_check -s exit:1 -e match:"\`../x\` is no VM's name" \
        dom0 policy check ../x
}

root_test what_is_risky_is_a_warning
what_is_risky_is_a_warning_body() {
    make_policy work <<END
mode = allow
allow = bash -c **
deny = ls -a
allow = ls **
END
    atf_check -o match:'work.conf:2: warning: this allows `bash`' \
        -o match:'work.conf:3: warning: .* line 4' \
        -o match:'^work: mode allow: what 3 lines' dom0 policy check
}

root_test without_a_policy_there_is_nothing_to_say
without_a_policy_there_is_nothing_to_say_body() {
    make_root
    atf_check dom0 policy check
    mkdir -m 700 "$keys"
    atf_check dom0 policy check
    atf_check dom0 policy check --json
    atf_check -s exit:1 -e match:'work has no policy' dom0 policy check work
    atf_check -s exit:1 -e match:'work has no policy' \
        dom0 policy explain work ls
}

root_test a_user_must_be_there
a_user_must_be_there_body() {
    make_policy work <<END
mode = shell
user = no-such-user
END
    atf_check -s exit:1 -o match:'work.conf:2: error: user .no-such-user.: there is none' \
        dom0 policy check
    echo 'mode = shell' | make_policy home
    atf_check -o match:'^home: mode shell' dom0 policy check home
}

root_test two_vms_with_one_user_get_a_warning
two_vms_with_one_user_get_a_warning_body() {
    make_root
    printf 'mode = shell\nuser = nobody\n' | make_policy work
    atf_check -o not-match:warning dom0 policy check
    printf 'mode = deny\n\nuser = nobody\n' | make_policy home
    printf 'mode = shell\nuser = daemon\n' | make_policy mail
    atf_check \
        -o match:'work.conf:2: warning: user .nobody. is also that of home' \
        -o match:'home.conf:3: warning: user .nobody. is also that of work' \
        -o not-match:mail.conf: dom0 policy check
    # Of one that is named, too.
    atf_check -o match:'is also that of home' dom0 policy check work
    # What all are without a line.
    printf 'mode = shell\nuser = root\n' | make_policy work
    printf 'mode = shell\nuser = root\n' | make_policy home
    atf_check -o not-match:warning dom0 policy check
}

# A user for the length of a test.
make_user() {
    getent group qubes >/dev/null || groupadd --system qubes
    useradd --system --no-create-home "$@" qvm-test ||
        atf_skip "no user can be made"
}

ROOT_TESTS="$ROOT_TESTS a_user_who_is_as_good_as_root_gets_a_warning"
atf_test_case a_user_who_is_as_good_as_root_gets_a_warning cleanup
a_user_who_is_as_good_as_root_gets_a_warning_head() {
    atf_set require.user root
}
a_user_who_is_as_good_as_root_gets_a_warning_body() {
    make_root
    printf 'mode = shell\nuser = qvm-test\n' | make_policy work
    for group in '--groups qubes' '--gid qubes'; do
        # shellcheck disable=SC2086 # words are words
        make_user $group
        atf_check -o match:'work.conf:2: warning: .* is in group qubes: as' \
            dom0 policy check
        userdel qvm-test
    done
    make_user --non-unique --uid 0
    atf_check -o match:'work.conf:2: warning: .* is root by another name' \
        dom0 policy check
}
a_user_who_is_as_good_as_root_gets_a_warning_cleanup() {
    # One that is root is in use.
    ! getent passwd qvm-test || userdel --force qvm-test
}

root_test a_draft_is_checked_as_the_policy_that_it_is_to_be
a_draft_is_checked_as_the_policy_that_it_is_to_be_body() {
    make_root
    echo 'mode = none' | make_policy work
    printf 'mode = allow\nallow = ls\nuser = nobody\n' >draft
    chmod 666 draft
    # Neither needs a policy that is there, or a good one.
    for vm in work other; do
        atf_check -o match:"^$vm: mode allow: " \
            dom0 policy check --with draft $vm
        atf_check -o match:"^$vm: mode allow: " \
            dom0 policy check --with - $vm <draft
    done
    printf 'mode = shell\nmoed = x\n' >draft
    atf_check -s exit:1 -o match:'^draft:2: error: ' -o not-match:conf \
        dom0 policy check --with draft work
    atf_check -s exit:1 -o match:'^standard input:2: error: ' \
        dom0 policy check --with - work <draft
    printf 'mode = shell\nuser = qvm-nobody\n' >draft
    atf_check -s exit:1 -o match:'^draft:2: error: user .qvm-nobody.: ' \
        dom0 policy check --with draft work
    atf_check -s exit:1 -o match:'^."vm":"work".*"line":2,"severity":"error"' \
        dom0 policy check --json --with draft work
}

root_test a_draft_that_cannot_be_read_is_named
a_draft_that_cannot_be_read_is_named_body() {
    make_root
    # Longer than any line that is about it, and not for a terminal.
    dir=$(printf '%0200d/' 1 2 3 4 5)
    mkdir -p "$dir"
    echo 'mode = none' >"$dir/$(printf 'x\033y')"
    atf_check -s exit:1 -o match:"^${dir}x.x1by:1: error: mode .none" \
        dom0 policy check --with "$dir$(printf 'x\033y')" work
    head -c 65536 /dev/zero | tr '\0' '#' >draft
    atf_check -s exit:1 -e match:'error: draft: more than 64 KiB' \
        dom0 policy check --with draft work
    atf_check -s exit:1 -e match:'input: more than 64 KiB' \
        dom0 policy check --with - work <draft
    atf_check -s exit:1 -e match:'error: none: No such file' \
        dom0 policy check --with none work
    atf_check -s exit:2 -e match:'--with FILE, and whose it is to be' \
        dom0 policy check --with draft
    atf_check -s exit:1 -e match:"is no VM's name" \
        dom0 policy check --with draft ../work
}

root_test a_draft_s_user_is_compared_with_the_others
a_draft_s_user_is_compared_with_the_others_body() {
    make_root
    printf 'mode = deny\nuser = nobody\n' | make_policy other
    cp "$keys/other.conf" draft
    atf_check -o match:'^draft:2: warning: .* is also that of other' \
        dom0 policy check --with draft work
    # It is not its own other.
    atf_check -o not-match:warning dom0 policy check --with draft other
}

root_test json_is_one_object_a_policy
json_is_one_object_a_policy_body() {
    make_root
    printf 'mode = shell\nx = \033[31m\n' | make_policy bad
    echo 'mode = deny' | make_policy open
    chmod 666 "$keys/open.conf"
    printf 'mode = allow\nallow = env **\nallow = sh **\n' | make_policy work
    atf_check -s exit:1 -o save:out dom0 policy check --json
    cat >want <<END
bad None [[2, 'error']]
open None [[None, 'error']]
work mode allow: what 2 lines allow runs, without a shell, as root, for at \
most 300 s [[2, 'warning'], [3, 'warning']]
END
    atf_check -o file:want python3 -c 'import json
for line in open("out"):
    p = json.loads(line)
    assert all(f["text"] for f in p["findings"])
    print(p["vm"], p["policy"],
          [[f["line"], f["severity"]] for f in p["findings"]])'
    atf_check -s exit:1 env LC_ALL=C grep -v '^[ -~]*$' out
}

root_test a_limit_that_cannot_be_held_is_an_error
a_limit_that_cannot_be_held_is_an_error_body() {
    make_policy work <<END
mode = shell
memory = 64M
END
    mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    if grep -qw memory "$mount/cgroup.controllers"; then
        atf_check -o match:'work: mode shell' dom0 policy check
        return
    fi
    echo "$KEY" >"$keys/work.key"
    chmod 600 "$keys/work.key"
    atf_check -s exit:1 \
        -o match:'work.conf:2: error: memory: cannot be limited here' \
        dom0 policy check
    atf_check -s exit:1 -e match:'work.conf:2: memory: cannot be limited' \
        dom0 policy explain work id
    atf_check -o match:'^work .*  -  .*policy: work.conf:2: memory' dom0 keys
}

root_test explain_says_by_which_line_as_whom_and_with_what_limits
explain_says_by_which_line_as_whom_and_with_what_limits_body() {
    make_policy work <<END
mode = allow
deny = ls -l secret
allow = ls -l *
allow-input = cat

timeout = 20
user = nobody
nice = 3
rate = 10/m
END
    echo "$KEY" >"$keys/work.key"
    cat >want <<END
run: $keys/work.conf:3: line 3 of its policy allows it
with input: deny: $keys/work.conf:3: line 3 of its policy allows it, but without input
executes: $(readlink -f /bin)/ls '-l' 'x y'
as: nobody
auth = v2                 default
timeout = 20              $keys/work.conf:6
output-limit = 10M        default
input-limit = 1M          default
record-input = whole      default
jobs = 4                  default
nice = 3                  $keys/work.conf:8
rate = 10/m               $keys/work.conf:9
log-limit = 256M          default
log-total = 4G            default
record = head             default
record-keep = 30          default
record-total = 1G         default
END
    dom0 policy explain --json work ls -l "'x y'" >out || atf_fail json
    atf_check python3 - <<'END'
import json
r = json.load(open("out"))
assert r["run"] and not r["run_with_input"] and r["line"] == 3, r
assert r["executes"][1:] == ["-l", "x y"] and r["user"] == "nobody", r
assert {"limit": "nice = 3", "line": 8} in r["limits"], r
assert {"limit": "jobs = 4", "line": 0} in r["limits"], r
END
    # The words are joined as the client joins them.
    atf_check -o file:want dom0 policy explain work ls -l "'x y'"
    atf_check -o file:want dom0 policy explain work "ls -l 'x y'"
    atf_check -o match:'^run: .*work.conf:4: ' -o not-match:'with input' \
        dom0 policy explain work cat
    cat >want <<END
deny: $keys/work.conf:2: line 2 of its policy denies it
END
    atf_check -s exit:126 -o file:want dom0 policy explain work ls -l secret
}

root_test what_is_kept_from_the_vm_is_explained
what_is_kept_from_the_vm_is_explained_body() {
    make_root
    printf 'hide = yes\nmode = allow\nallow = ls\n' | make_policy work
    echo "$KEY" >"$keys/work.key"
    atf_check -o match:'^run: .*work.conf:3: line 3' -o not-match:hide \
        dom0 policy explain work ls
    # The VM is not told which of the two it is.
    atf_check -s exit:126 -o match:'^deny: .*work.conf:2: ' \
        -o match:'dom0 has no command `no-such-command`' \
        dom0 policy explain work no-such-command --help
    atf_check -s exit:126 -o match:'^deny: .*work.conf:2: ' \
        -o not-match:note dom0 policy explain work ls -a
}

root_test what_a_shell_would_read_is_denied
what_a_shell_would_read_is_denied_body() {
    make_root
    printf 'mode = allow\nallow = ls **\n' | make_policy work
    echo "$KEY" >"$keys/work.key"
    while IFS= read -r body; do
        atf_check -s exit:126 -o match:'^deny: .*work.conf:1: no shell' \
            dom0 policy explain work "$body"
    done <<'END'
ls; id
ls && id
ls | sh
ls > x
ls $(id)
ls `id`
ls  x
ls "x"
END
    atf_check -s exit:126 -o match:'^deny: .*no shell' \
        dom0 policy explain work "$(printf 'ls\nid')"
    atf_check -s exit:126 -o match:'^deny: ' -o not-match:"$(printf '\033')" \
        dom0 policy explain work "$(printf 'ls \033[31m')"
}

root_test explain_shell_and_deny
explain_shell_and_deny_body() {
    make_root
    printf '# all\nmode = shell\n' | make_policy work
    atf_check -o match:'^run: .*work.conf:2: its policy allows every' \
        -o match:'^executes: bash$' -o match:'^as: root$' \
        -e match:'warning: work has no key' \
        dom0 policy explain work 'ls; id'
    echo 'mode = deny' | make_policy work
    echo "$KEY" >"$keys/work.key"
    atf_check -s exit:126 -o match:'^deny: .*work.conf:1: ' \
        dom0 policy explain work true
    echo 'mode = none' | make_policy work
    atf_check -s exit:1 -e match:'error: /.*/work.conf:1: mode .none.' \
        dom0 policy explain work true
    atf_check -s exit:1 -e match:"is no VM's name" \
        dom0 policy explain ../work true
}

root_test explain_ask
explain_ask_body() {
    make_root
    printf '# some\nmode = ask\nallow = ls\ndeny = ls -a\nuser = nobody\n' |
        make_policy work
    echo "$KEY" >"$keys/work.key"
    atf_check -o match:'^ask: .*work.conf:2: a person in dom0 is asked$' \
        -o match:'^executes: bash$' -o match:'^as: nobody$' \
        -o not-match:'with input' dom0 policy explain work 'ls; id'
    atf_check -o match:'^run: .*work.conf:3: ' -o match:'^executes: /.*/ls$' \
        -o match:'^with input: deny: .*work.conf:3: ' \
        dom0 policy explain work ls
    atf_check -s exit:126 -o match:'^deny: .*work.conf:4: ' \
        -o not-match:executes dom0 policy explain work 'ls -a'
    dom0 policy explain --json work no-such-command >out || atf_fail json
    atf_check python3 - <<'END'
import json
r = json.load(open("out"))
assert r["ask"] and not r["run"] and not r["run_with_input"], r
assert r["line"] == 2 and r["executes"] == ["bash"], r
END
    dom0 policy explain --json work ls >out || atf_fail json
    atf_check python3 -c 'import json
r = json.load(open("out"))
assert r["run"] and not r["ask"], r'
    atf_check -o match:'^work: mode ask: what 2 lines allow runs, .* nobody' \
        dom0 policy check
}

root_test behind_the_vm_options_are_the_command_s
behind_the_vm_options_are_the_command_s_body() {
    make_root
    printf 'mode = allow\nallow = ls --help\n' | make_policy work
    echo "$KEY" >"$keys/work.key"
    atf_check -o match:"^executes: .*/ls '--help'" \
        dom0 policy explain work ls --help
    atf_check -o match:"^executes: .*/ls '--help'" \
        dom0 policy explain -- work ls --help
    atf_check -o match:'^usage: ' dom0 policy explain --help work ls
}
