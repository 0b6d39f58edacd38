#!/usr/bin/env atf-sh
# What reads bytes that others wrote passes its own tests under ASan and UBSan.
. "$(atf_get_srcdir)/lib.sh"

FOLDERS="audit crypto imsg policy poller privsep wire"

# libatf's own lists are never freed.
suppressions() {
    for fn in atf_list_ atf_map_ atf_dynstr_ atf_tp_ atf_tc_init atf_tc_set; do
        echo "leak:^$fn"
    done
}

sanitized() {
    build=$BUILD/asan/$1
    make -s -C "$TREE" SANITIZE=1 BUILD="$build" "tests-$1" ||
        atf_fail "it does not build"
    suppressions >suppressions
    export LSAN_OPTIONS="suppressions=$PWD/suppressions:print_suppressions=0"
    export UBSAN_OPTIONS=print_stacktrace=1
    kyua --config=none test --kyuafile="$TREE/$1/Kyuafile" \
        --build-root="$build/$1" --results-file="$PWD/results.db" && return
    kyua --config=none report --results-file="$PWD/results.db" --verbose \
        --results-filter=broken,failed
    atf_fail "see above"
}

for folder in $FOLDERS; do
    atf_test_case "$folder"
    eval "${folder}_head() { atf_set timeout 900; }
        ${folder}_body() { sanitized $folder; }"
done

atf_init_test_cases() {
    for folder in $FOLDERS; do
        atf_add_test_case "$folder"
    done
}
