#!/usr/bin/env atf-sh
# policy replay
. "$(atf_get_srcdir)/lib.sh"

A=20260218-143022-1234-a1b2c3d4

# As in log_test.
export TZ=QRT-3

make_log() {
    make_root
    "$here/mklog" "$log" || atf_fail mklog
}

draft() {
    cat >draft
}

root_test what_would_change_is_marked
what_would_change_is_marked_body() {
    draft <<END
mode = allow
allow = ls -l *
allow-input = cat
deny = rm **
END
    make_log <<END
start
intent work $A ls -l x\\x0a
result 2 work $A exited 0 17
intent work $A ls -l x; id
denied work $A policy ls -l y
denied work $A policy rm -rf /
intent home $A rm x
asking 0 5
intent work $A ls -l z
asking 0 5
intent work $A cat
intent work $A rm x\\x0aid
refused work $A token not accepted
stop
END
    cat >want <<'END'
  2026-02-18 17:30:24  ran        run  draft:2  ls -l x
- 2026-02-18 17:30:26  ran        deny draft:1  ls -l x; id  (no shell)
+ 2026-02-18 17:30:27  denied     run  draft:2  ls -l y
  2026-02-18 17:30:28  denied     deny draft:4  rm -rf /  (line 4 of its policy denies it)
- 2026-02-18 17:30:30  ran        deny draft:2  ls -l z  (line 2 of its policy allows it, but without input)
  2026-02-18 17:30:31  ran        run  draft:3  cat
- 2026-02-18 17:30:32  ran        deny draft:1  rm x ...  (no shell)
7 commands; 3 as before; 3 ran, and would be denied; 1 denied, and would run
END
    dom0 policy replay work --with draft >out || atf_fail replay
    sed 's/(no shell.*/(no shell)/' out >said
    atf_check diff want said
    # The policy that is in force counts for nothing here.
    atf_check test ! -e "$keys"
}

root_test what_a_person_would_be_asked_about_is_marked
what_a_person_would_be_asked_about_is_marked_body() {
    draft <<END
mode = ask
allow = ls -l *
deny = rm **
timeout = 300
END
    make_log <<END
start
intent work $A ls -l x
asking 2 0
intent work $A ls -l x; id
denied work $A policy ls
denied work $A policy rm -rf /
intent work $A rm x
END
    cat >want <<'END'
  2026-02-18 17:30:24  ran        run  draft:2  ls -l x
= 2026-02-18 17:30:25  ran        ask  draft:1  ls -l x; id  (a person in dom0 is asked)
= 2026-02-18 17:30:26  denied     ask  draft:1  ls  (a person in dom0 is asked)
  2026-02-18 17:30:27  denied     deny draft:3  rm -rf /  (line 3 of its policy denies it)
- 2026-02-18 17:30:28  ran        deny draft:3  rm x  (line 3 of its policy denies it)
5 commands; 2 as before; 1 ran, and would be denied; 2 would wait for a person
END
    atf_check -o file:want dom0 policy replay work --with draft
    # No person is asked about what is over a limit.
    sed -i 's/^timeout.*/timeout = 1/' draft
    atf_check -o match:'^- .*ran +deny draft:4  ls -l x; id  \(its timeout' \
        dom0 policy replay work --with draft
    atf_check -o save:out dom0 policy replay work --with draft --json
    atf_check -o inline:'True False False False False\n' python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
print(*(r["run"] for r in rows))
assert [r["ask"] for r in rows] == [False, False, True, False, False], rows'
}

root_test from_a_time_on
from_a_time_on_body() {
    echo 'mode = shell' | draft
    make_log <<END
start
intent work $A one
intent work $A two
stop
start
intent work $A three
END
    while IFS='|' read -r since want; do
        dom0 policy replay work --with draft --since "$since" >out ||
            atf_fail "$since"
        atf_check -o match:"^$want commands?; $want as before\$" tail -n 1 out
    done <<END
2026-02-18|3
2026-02-18 17:30|3
2026-02-18 17:30:24|3
2026-02-18 17:30:25|2
2026-02-18 17:30:26|1
END
    for since in '2026-02-18 17:31' '2026-02-19'; do
        atf_check -o inline:'0 commands\n' \
            dom0 policy replay work --with draft --since "$since"
    done
    # Another VM's are not this one's.
    atf_check -o inline:'0 commands\n' dom0 policy replay home --with draft
}

root_test limits_are_part_of_a_policy
limits_are_part_of_a_policy_body() {
    printf 'mode = shell\ntimeout = 60\n' | draft
    make_log <<END
start
asking 60 0
intent work $A one
asking 61 0
intent work $A two
asking 0 1048576
intent work $A three
asking 0 1048577
intent work $A four
END
    atf_check \
        -o match:'^  .* run  draft:1  one$' \
        -o match:'^- .* deny draft:2  two  .its timeout of 61 s is over 60' \
        -o match:'^  .* run  draft:1  three$' \
        -o match:'^- .* deny default of draft  four  .its input of 1048577' \
        dom0 policy replay work --with draft
    # A mode that denies needs no other reason.
    echo 'mode = deny' | draft
    atf_check -o match:'4 ran, and would be denied' -o not-match:'timeout of' \
        dom0 policy replay work --with draft
}

# The log is read by a user who sees less of dom0 than root.
root_test what_only_root_can_look_up_is_not_guessed
what_only_root_can_look_up_is_not_guessed_body() {
    make_log <<END
start
intent work $A $PWD/closed/in/tool
intent work $A $PWD/open/tool
intent work $A $PWD/open/other
END
    chmod 755 .
    mkdir -p closed/in open
    chmod 700 closed
    cp "$(command -v true)" closed/in/tool
    cp "$(command -v true)" open/tool
    printf 'mode = allow\nallow = %s\nallow = %s\n' "$PWD/closed/in/tool" \
        "$PWD/open/tool" | draft
    setpriv --reuid=65534 --clear-groups test -x open ||
        atf_skip "others cannot reach the test's folder"
    atf_check -o match:'^\? .*closed/in/tool' -o match:'^  .*open/tool' \
        -o match:'^- .*open/other' \
        -o match:'1 in a folder that only root can look into' \
        dom0 policy replay work --with draft
}

root_test replay_json_is_one_object_a_command
replay_json_is_one_object_a_command_body() {
    printf 'mode = allow\nallow = ls\nhide = yes\n' | draft
    make_log <<END
start
intent work $A ls\\x0a
intent work $A "\\x1b[31m"
denied work $A policy ls
END
    atf_check -o save:out dom0 policy replay work --with draft --json
    cat >want <<'END'
2 ran True 2 none 'ls\n'
3 ran False 1 denied '"\x1b[31m"'
4 denied True 2 run 'ls'
END
    atf_check -o file:want python3 -c 'import base64, json
for line in open("out"):
    r = json.loads(line)
    assert r["id"].startswith("2026") and "line" in r["reason"]
    print(r["seq"], r["was"], r["run"], r["line"], r["change"],
          repr(base64.b64decode(r["body_b64"]).decode() if "body_b64" in r
               else r["body"]))'
    atf_check -s exit:1 env LC_ALL=C grep -v '^[ -~]*$' out
    # In words no byte is raw either.
    dom0 policy replay work --with draft >out || atf_fail replay
    atf_check -s exit:1 env LC_ALL=C grep -v '^[ -~]*$' out
}

root_test a_policy_that_does_not_hold_replays_nothing
a_policy_that_does_not_hold_replays_nothing_body() {
    make_log <<END
start
intent work $A ls
END
    printf 'mode = allow\nallow = no-such-command\n' | draft
    atf_check -s exit:1 -e match:'error: draft:2: .*no such command' \
        dom0 policy replay work --with draft
    atf_check -s exit:1 -e match:'error: none: No such file' \
        dom0 policy replay work --with none
    mkfifo fifo
    atf_check -s exit:1 -e match:'error: fifo: not a regular file' \
        dom0 policy replay work --with fifo
    head -c 65536 /dev/zero | tr '\0' '#' >long
    atf_check -s exit:1 -e match:'error: long: more than 64 KiB' \
        dom0 policy replay work --with long
    atf_check -s exit:1 -e match:"is no VM's name" \
        dom0 policy replay ../x --with draft
    # Warnings are no errors, and a draft may be anybody's.
    printf 'mode = allow\nallow = sh **\n' | draft
    chown 65534 draft
    atf_check -o match:'^- ' -e match:'warning: draft:2: this allows .sh.' \
        dom0 policy replay work --with draft
}

root_test what_is_no_record_is_named
what_is_no_record_is_named_body() {
    echo 'mode = shell' | draft
    make_log <<END
start
intent work $A one
torn {"seq"
END
    printf 'x\n' >>"$log"/00000000000000000001.log
    atf_check -o match:'^1 command; 1 as before' -e match:'warning: segment 1' \
        dom0 policy replay work --with draft
}
