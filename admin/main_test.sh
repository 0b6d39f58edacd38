#!/usr/bin/env atf-sh
# Options and commands.
. "$(atf_get_srcdir)/lib.sh"

root_test help_and_version_are_answers
help_and_version_are_answers_body() {
    make_root
    atf_check -o match:'^usage: qvm-remote-dom0' -o match:'authorize' \
        "$here/qvm-remote-dom0" --help
    atf_check -o match:'log verify' "$here/qvm-remote-dom0" -h
    atf_check -o match:'^qvm-remote-dom0 [0-9.]+$' \
        "$here/qvm-remote-dom0" --version
}

# What --help lists, each with its own.
root_test every_command_has_help
every_command_has_help_body() {
    make_root
    dom0 --help | sed -n 's/^  \([a-z][a-z ]\{13\}\) .*/\1/p' |
        sed 's/ *$//' >commands
    atf_check -o match:'^keys$' -o match:'^log checkpoint$' cat commands
    while read -r command; do
        for option in -h --help '--json --help'; do
            # shellcheck disable=SC2086 # words are words
            atf_check -o match:"^usage: qvm-remote-dom0 .* $command( |\$)" \
                dom0 $command $option
        done
    done <commands
    # Those of one word first, and what is behind `--` is no option.
    atf_check -o match:' log verify ' -o not-match:revoke dom0 log --help
    atf_check -s exit:2 -e match:'too many words' dom0 log -- --help
    atf_check -s exit:2 -e match:'unknown command logs --help' \
        dom0 logs --help
}

root_test wrong_usage_ends_with_2
wrong_usage_ends_with_2_body() {
    make_root
    long=/$(printf '%0300d' 0)
    while IFS= read -r words; do
        # shellcheck disable=SC2086 # words are words
        atf_check -s exit:2 -e not-empty dom0 $words
    done <<END
--unknown
-x
--vm
unknown
log verify now
connect
connect a b c
disconnect
disconnect a b
config now
config --unknown
enable now
enable --unknown
disable now
disable --unknown
policy
policy now
policy check a b
policy check --unknown
policy explain
policy explain work
policy explain --unknown work ls
policy replay
policy replay work
policy replay --with x
policy replay --with x a b
policy replay --unknown
policy replay work --with x --since soon
policy replay work --with x --since 2026-02-30
log now
logs
lo
log -n
log -n 0
log -n 100001
log -n x
log -n -1
log --since
log --since soon
log --until 2026-02-30
log --status fine
log --grep (
log --grep a --grep b
log --cursor
log --cursor at -n 3
log --format json
log follow now
log follow --json
log export
log export --format xml
log export --format json now
log stat now
log stat --vm work
log -n +5
log --unknown
keys now
keys --unknown
authorize
authorize a b c
authorize --unknown work
revoke
revoke a b
--vm work keys
--root relative keys
--root $long keys
log\ verify
END
}

root_test what_is_no_option_is_named_with_a_hint
what_is_no_option_is_named_with_a_hint_body() {
    make_root
    for words in 'keys --nosuch|--nosuch' 'queue --json -xy|-x' \
        'log -n|-n' 'policy explain --vm|--vm' '--frob|--frob' \
        'log --id|--id'; do
        # shellcheck disable=SC2086
        atf_check -s exit:2 -e match:"^qvm-remote-dom0: ${words#*|}: " \
            -e match:'^Try .qvm-remote-dom0 --help' dom0 ${words%|*}
    done
    atf_check -s exit:2 -e not-match:"$(printf '\033')" \
        dom0 keys "$(printf '\055\055\033[31m')"
}

root_test an_error_ends_with_1_and_shows_no_raw_bytes
an_error_ends_with_1_and_shows_no_raw_bytes_body() {
    make_root
    cat >want <<'END'
qvm-remote-dom0: error: `a\x1b[31m` is no VM's name
END
    atf_check -s exit:1 -e file:want dom0 revoke "$(printf 'a\033[31m')"
}

root_test a_full_disk_is_an_error
a_full_disk_is_an_error_body() {
    make_root
    atf_check -s exit:1 -e match:'standard output' \
        sh -c "'$here/qvm-remote-dom0' --help >/dev/full"
}

root_test without_a_command_the_parent_is_executed
without_a_command_the_parent_is_executed_body() {
    make_root
    mkdir -p "$root/usr/libexec/qvm-remote"
    cat >"$root/usr/libexec/qvm-remote/parent.c" <<'END'
#include <stdio.h>
int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        puts(argv[i]);
    return 7;
}
END
    cc -o "$root/usr/libexec/qvm-remote/parent" \
        "$root/usr/libexec/qvm-remote/parent.c" || atf_fail "cc"
    printf '%s\n' 'qvm-remote: parent' --root "$root" -v --vm work --vm home \
        >want
    atf_check -s exit:7 -o file:want dom0 -v --vm work --vm=home
    printf '%s\n' 'qvm-remote: parent' --root "$root" >want
    atf_check -s exit:7 -o file:want dom0 --
    rm "$root/usr/libexec/qvm-remote/parent"
    atf_check -s exit:1 -e match:'error: .*libexec/qvm-remote/parent' dom0
}

root_test only_root_may
only_root_may_body() {
    make_root
    chmod 0755 .
    # The build folder may be out of another user's reach.
    cp "$here/qvm-remote-dom0" ./copy
    for words in '' keys log 'authorize work' 'revoke work' \
        'connect work' \
        'disconnect work' config enable disable 'policy check' \
        'policy explain work ls' 'policy replay work --with x'; do
        # shellcheck disable=SC2086 # words are words
        atf_check -s exit:1 -e match:'must be run as root' \
            setpriv --reuid=65534 --regid=65534 --clear-groups \
            ./copy --root "$root" $words
    done
}
