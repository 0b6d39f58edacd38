#!/usr/bin/env atf-sh
# What the documents say is there, is: tests, files, headings, figures, session.
. "$(atf_get_srcdir)/lib.sh"

atf_test_case documents_name_what_is_there
documents_name_what_is_there_body() {
    atf_check python3 -B "$regress/documents.py" "$TREE" "$TREE"/*.md
    # Those of which it is known that they name tests are read as meant.
    for page in README SECURITY; do
        grep -q '[a-z]*/[a-z_]*_test' "$TREE/$page.md" || atf_fail "$page"
    done
}

atf_test_case what_is_not_there_is_named
what_is_not_there_is_named_body() {
    mkdir -p tree/regress
    echo 'tests:' >tree/GNUmakefile
    printf '%s\n' 'bed_test it_holds_what_it_says' 'for_body() {' \
        >tree/regress/real_test.sh
    printf 'ATF_TC_BODY(%s, tc)\n' bytes_are_what_they_are \
        >tree/regress/other_test.c
    cat >tree/page.md <<'EOF'
# One heading, `marked`

[a](page.md#one-heading-marked) [b](#two) [c](lost.md) [d](https://e.invalid/)
regress/real_test, real_test:it_holds_what_it_says, other_test.c
other_test:bytes_are_what_they_are lost_test other_test:lost wire/other_test
wire/lost_fuzz, `it_holds_what_it_says`, `it_holds_what_is_lost`

    make tests
    make lost
EOF
    atf_check -o save:said python3 -B "$regress/documents.py" tree tree/page.md
    sort said >have
    sort >want <<'EOF'
page.md: make makes no lost
page.md: no #two
page.md: no case it_holds_what_is_lost
page.md: no lost.md
page.md: no regress/lost_test
page.md: no regress/other_test:lost
page.md: no wire/lost_fuzz
page.md: no wire/other_test
EOF
    atf_check diff want have
}

atf_test_case every_manual_is_in_the_readme
every_manual_is_in_the_readme_body() {
    for page in "$TREE"/man/*.[1-9]; do
        name=${page##*/}
        grep -qF "| \`man ${name##*.} ${name%.*}\` |" "$TREE/README.md" ||
            atf_fail "README.md does not name $name"
    done
}

# Drawn on another machine a figure differs, in the width of its letters: what
# is compared is what it says that it was drawn from.
atf_test_case figures_are_drawn_from_their_sources
figures_are_drawn_from_their_sources_body() {
    for source in "$TREE"/doc/*.dot; do
        name=doc/${source##*/}
        digest=$(sha256sum <"$source" | cut -c 1-64)
        atf_check -o inline:"<!-- $digest  $name -->\n" \
            tail -n 1 "${source%.dot}.svg"
        grep -lF "(${name%.dot}.svg)" "$TREE"/*.md >>shown ||
            atf_fail "no document shows $name"
    done
    atf_check test -s shown
    for figure in "$TREE"/doc/*.svg; do
        atf_check test -e "${figure%.svg}.dot"
    done
}

bed_test the_session_is_what_is_shown_now
the_session_is_what_is_shown_now_body() {
    bed_up 2
    atf_check "$regress/session" --check "$TREE/README.md"
    # Something else would be noticed.
    # shellcheck disable=SC2016 # a prompt
    printf '%s\n' '<!-- session -->' '```' 'vm1$ qvm-remote "echo a"' b '```' \
        >wrong.md
    atf_check -s exit:1 -e match:'^-b$' -e match:'^\+a$' \
        "$regress/session" --check wrong.md
}

atf_init_test_cases() {
    bed_add_tests
    atf_add_test_case documents_name_what_is_there
    atf_add_test_case what_is_not_there_is_named
    atf_add_test_case every_manual_is_in_the_readme
    atf_add_test_case figures_are_drawn_from_their_sources
}
