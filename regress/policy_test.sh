#!/usr/bin/env atf-sh
# What a policy makes of a body, judged twice: by policy/ and by
# regress/policy_check.py, over a million bodies that are made from a grammar.
. "$(atf_get_srcdir)/lib.sh"

atf_test_case two_readings_of_the_manual_decide_alike
two_readings_of_the_manual_decide_alike_body() {
    atf_check -o match:'^asked [0-9]{5}.* denied by line [0-9]{5}.* run [0-9]{6}' \
        "$regress/policy_check.py" "$BUILD/regress/decide"
}

# Of the two, one is changed: the comparison must see that.
atf_test_case another_decision_is_noticed
another_decision_is_noticed_body() {
    cat >liar <<END
#!/bin/sh
"$BUILD/regress/decide" "\$@" | sed 's/^run 2 /run 3 /'
END
    chmod +x liar
    atf_check -s exit:1 -e match:'is run 3 .*must be run 2' \
        "$regress/policy_check.py" "$PWD/liar"
}

# Each example of the manual is a policy without an error, and so are the
# examples that it has in it.
atf_test_case the_examples_of_the_manual_hold
the_examples_of_the_manual_hold_body() {
    awk '/^\.Bd/ { name = "policy." ++n } /^\.Ed/ { name = "" }
        name && !/^\./ { print > name }' "$TREE/man/qvm-remote-policy.5"
    for policy in policy.*; do
        atf_check "$BUILD/regress/decide" "$policy" </dev/null
    done
    echo 'example = qvm-start work -> deny' >>policy.2
    atf_check -s exit:1 -e match:'policy.2:.*not `deny` but `run`' \
        "$BUILD/regress/decide" policy.2 </dev/null
}

atf_test_case every_key_is_in_the_manual
every_key_is_in_the_manual_body() {
    sed -n 's/.*\[POLICY_KEY_.*{[a-z. =]*"\([a-z-]*\)".*/\1/p' \
        "$TREE/policy/policy.c" >keys
    atf_check -o match:'^mode$' -o match:'^log-total$' cat keys
    while read -r key; do
        grep -q "^\.It Cm $key = " "$TREE/man/qvm-remote-policy.5" ||
            atf_fail "$key"
    done <keys
}

atf_init_test_cases() {
    atf_add_test_case the_examples_of_the_manual_hold
    atf_add_test_case every_key_is_in_the_manual
    atf_add_test_case two_readings_of_the_manual_decide_alike
    atf_add_test_case another_decision_is_noticed
}
