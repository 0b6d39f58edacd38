#!/usr/bin/env atf-sh
# What Qubes OS' builder reads of this tree.
. "$(atf_get_srcdir)/lib.sh"
export TREE

checks_test builder_checks every_key_is_one_that_the_builder_documents
checks_test builder_checks each_distribution_builds_what_is_there
checks_test builder_checks version_and_release_are_the_builder_s
checks_test builder_checks what_is_fetched_has_the_known_digest
checks_test builder_checks formula_is_no_part_of_it

atf_init_test_cases() {
    checks_add_tests
}
