#!/usr/bin/env atf-sh
# script/lint finds nothing: a test for each of its steps but clang's analyzer,
# which takes minutes.
. "$(atf_get_srcdir)/lib.sh"

for step in format tidy shell man; do
    atf_test_case "lint_$step"
    eval "lint_${step}_head() { atf_set timeout 900; }
        lint_${step}_body() {
            \"\$TREE/script/lint\" $step || atf_fail 'see above'
        }"
done

atf_test_case the_mutations_speak_of_what_is_there
the_mutations_speak_of_what_is_there_head() {
    atf_set descr 'each change of regress/mutations applies; its test cases exist'
}
the_mutations_speak_of_what_is_there_body() {
    "$regress/mutate" --check "$BUILD" || atf_fail 'see above'
}

atf_init_test_cases() {
    atf_add_test_case the_mutations_speak_of_what_is_there
    for step in format tidy shell man; do
        atf_add_test_case "lint_$step"
    done
}
