#!/usr/bin/env atf-sh
# The web view's page in a real browser.
. "$(atf_get_srcdir)/lib.sh"

checks_test browser_checks hostile_bodies_are_text
checks_test browser_checks what_a_list_leaves_out_is_marked
checks_test browser_checks filters_and_their_address_hold
checks_test browser_checks what_comes_is_shown
checks_test browser_checks what_ends_is_shown_wherever_it_is
checks_test browser_checks what_comes_is_a_window_too
checks_test browser_checks closed_pages_leave_room_for_others
checks_test browser_checks what_is_proved_is_said
checks_test browser_checks keys_are_enough
checks_test browser_checks a_focused_script_scrolls
checks_test browser_checks all_that_is_known_is_shown
checks_test browser_checks screen_readers_and_contrast
checks_test browser_checks a_long_log_is_a_window
checks_test browser_checks an_exported_page_is_whole

# Where bootstrap finds no browser that is a package, there is none to ask.
atf_init_test_cases() {
    for name in chromium-headless-shell chromium chromium-browser \
        headless_shell; do
        if command -v "$name" >/dev/null; then
            checks_add_tests
            return
        fi
    done
    atf_test_case no_browser_is_here
    no_browser_is_here_body() {
        atf_skip "script/bootstrap found no Chromium to install"
    }
    atf_add_test_case no_browser_is_here
}
