#!/usr/bin/env atf-sh
# Each check of the machine that boot_test has started in this run of kyua;
# where it has not, the first one that is asked for starts it.
. "$(atf_get_srcdir)/lib.sh"

# reported NAME: as the machine has said it.
reported() {
    [ "$(cat "$BUILD/boot/run" 2>/dev/null)" = "$(this_run)" ] ||
        "$regress/machine" "$BUILD/boot" "$(this_run)" >/dev/null 2>&1
    _result=$(cat "$BUILD/boot/$1" 2>/dev/null || echo "failed: no machine")
    [ "$_result" = passed ] && return
    cat "$BUILD"/boot/checks.* 2>/dev/null
    atf_fail "${_result#failed: }"
}

atf_init_test_cases() {
    for name in $("$regress/machine" --list); do
        atf_test_case "$name"
        eval "${name}_head() {
            atf_set require.user root
            atf_set timeout 1200
        }
        ${name}_body() { reported $name; }"
        atf_add_test_case "$name"
    done
}
