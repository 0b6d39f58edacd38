#!/usr/bin/env atf-sh
# Each parser's fuzz target, for a fixed number of inputs that are the same
# each time.  FOLDER/corpus/TARGET holds its seeds, where it has some.
. "$(atf_get_srcdir)/lib.sh"

RUNS=20000

fuzz() {
    program=$BUILD/fuzz/$1/$2
    make -s -C "$TREE" BUILD="$BUILD/fuzz" "$program" ||
        atf_fail "it does not build"
    mkdir new
    set -- new "$TREE/$1/corpus/$2"
    [ -d "$2" ] || set -- new
    "$program" -runs=$RUNS -seed=1 -timeout=10 -verbosity=0 \
        -artifact_prefix="$PWD/" "$@" || atf_fail "see above"
}

targets() {
    (cd "$TREE" && printf '%s\n' */*_fuzz.c)
}

for file in $(targets); do
    name=$(basename "$file" .c)
    atf_test_case "$name"
    eval "${name}_head() { atf_set timeout 300; }
        ${name}_body() { fuzz $(dirname "$file") $name; }"
done

atf_init_test_cases() {
    for file in $(targets); do
        atf_add_test_case "$(basename "$file" .c)"
    done
}
