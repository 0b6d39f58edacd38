#!/usr/bin/env atf-sh
# Each fuzz target: its seeds in FOLDER/corpus/TARGET, and some seconds of inputs
# that are the same each time, as far as they go.
. "$(atf_get_srcdir)/lib.sh"

# The targets share objects: one builds at a time, the first one all of them.
build() {
    mkdir -p "$BUILD/fuzz"
    flock "$BUILD/fuzz/lock" make -s -j2 -C "$TREE" BUILD="$BUILD/fuzz" \
        fuzzers || atf_fail "they do not build"
}

fuzz() {
    build
    mkdir new
    "$BUILD/fuzz/$1/$2" -max_total_time="${FUZZ_SECONDS:-2}" -seed=1 -timeout=20 \
        -verbosity=0 -artifact_prefix="$PWD/" new "$TREE/$1/corpus/$2" ||
        atf_fail "see above"
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
