#!/usr/bin/env atf-sh
# What each command shows to a person: the transcripts, played on a terminal.
. "$(atf_get_srcdir)/lib.sh"

play() {
    bed_up 2
    atf_check -o inline:'a\n' in_vm vm1 qvm-remote 'echo a'
    atf_check python3 "$regress/transcript.py" "$regress/transcripts/$1"
}

bed_test what_a_vm_types
what_a_vm_types_body() {
    play client
}

bed_test what_an_administrator_types
what_an_administrator_types_body() {
    play dom0
}

bed_test what_is_shown_differently_fails
what_is_shown_differently_fails_body() {
    bed_up 1
    # shellcheck disable=SC2016 # a prompt
    printf '%s\n' 'vm1$ qvm-remote "echo a"' b >wrong
    atf_check -s exit:1 -e match:'^-b$' -e match:'^\+a$' \
        python3 "$regress/transcript.py" wrong
}

bed_test every_subcommand_has_a_transcript
every_subcommand_has_a_transcript_body() {
    bed_up 1
    in_vm vm1 qvm-remote --help |
        sed -n '/^Subcommands:/,$ s/^  \([a-z]*\( [a-z]*\)\{0,1\}\).*/\1/p' >words
    in_dom0 qvm-remote-dom0 --help |
        sed -n '/^  -h/,$ s/^  \([a-z][a-z]*\( [a-z]*\)\{0,1\}\).*/\1/p' \
            >>words
    atf_check -o match:'..' grep -c . words
    # The agent is started by dom0, and speaks to no person.
    sed -i '/^agent/d' words
    while read -r words; do
        grep -qE "^[^ ]*[\$#] .*qvm-remote(-dom0)? $words( |;|\$|\")" \
            "$regress"/transcripts/* || atf_fail "no transcript of: $words"
    done <words
}

atf_init_test_cases() {
    bed_add_tests
}
