#!/usr/bin/env atf-sh
# The web view: what it serves, to whom, and what it refuses.
. "$(atf_get_srcdir)/lib.sh"

checks_test web_checks token_is_for_one_browser
checks_test web_checks every_answer_forbids_what_is_foreign
checks_test web_checks other_names_and_pages_are_refused
checks_test web_checks port_80_need_not_be_said
checks_test web_checks what_is_no_question_is_refused
checks_test web_checks idle_and_slow_connections_hold_up_nobody
checks_test web_checks a_bad_pattern_stalls_nobody
checks_test web_checks what_is_slow_is_ended_after_30_s
checks_test web_checks an_answer_has_no_more_than_64_mib
checks_test web_checks an_answer_looks_at_so_many_records
checks_test web_checks pages_have_each_request_once
checks_test web_checks packed_segments_are_shown
checks_test web_checks what_is_new_is_told
checks_test web_checks what_has_gone_is_let_go
checks_test web_checks a_cut_download_says_so
checks_test web_checks hours_are_counted
checks_test web_checks state_says_what_was_verified
checks_test web_checks logs_are_as_they_were
checks_test web_checks each_process_has_no_more_than_it_needs
checks_test web_checks each_allowed_call_is_used
checks_test web_checks a_unix_socket_is_root_s
checks_test web_checks export_is_one_file
checks_test web_checks what_is_not_exported_whole_is_removed

webui() {
    "$BUILD/webui/qvm-remote-webui" --root "$PWD/none" "$@"
}

atf_test_case wrong_words_are_refused_in_one_line
wrong_words_are_refused_in_one_line_head() {
    atf_set require.user root
}
wrong_words_are_refused_in_one_line_body() {
    mkdir none
    for words in '--port 0' '--port 65536' '--port x' '--port' 'log' \
        '--vm work' '-n 3' '--port 1 --socket x' '--port 1 --export x' \
        '--export x --status odd' '--export x --grep (' '--nothing'; do
        # shellcheck disable=SC2086
        atf_check -s exit:2 -e match:'^qvm-remote-webui: ' webui $words
    done
    atf_check -s exit:1 -e match:'^qvm-remote-webui: error: ' webui
    atf_check -s exit:1 -e match:'error: .*is no log|error: .*No such file' \
        webui --export out.html
    atf_check test ! -e out.html
    atf_check -o inline:"qvm-remote-webui $(cat "$TREE/version")\n" webui --version
}

# The web process has no key, no parser of the log; the reader speaks no HTTP.
atf_test_case each_process_links_no_more_than_it_may_do
each_process_links_no_more_than_it_may_do_body() {
    nm "$BUILD/webui/web" | awk '{ print $NF }' >web
    nm "$BUILD/webui/qvm-remote-webui" | awk '{ print $NF }' >reader
    atf_check -o match:'^MHD_run' -o not-match:'^line_parse' \
        -o not-match:'^(derive_keys|seal_|policy_|segment_|requests_)' cat web
    atf_check -o match:'^line_parse' -o not-match:'MHD_' cat reader
}

# Less than 60 KB, and nothing that is not there.
atf_test_case the_page_is_small_and_whole
the_page_is_small_and_whole_body() {
    size=$(cat "$TREE"/webui/page.html "$TREE"/webui/page.css \
        "$TREE"/webui/page.js | wc -c)
    [ "$size" -lt 60000 ] || atf_fail "$size bytes"
    atf_check -s exit:1 grep -nE \
        'innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|https?://[^w]' \
        "$TREE/webui/page.html" "$TREE/webui/page.css" "$TREE/webui/page.js"
}

atf_init_test_cases() {
    checks_add_tests
    atf_add_test_case wrong_words_are_refused_in_one_line
    atf_add_test_case each_process_links_no_more_than_it_may_do
    atf_add_test_case the_page_is_small_and_whole
}
