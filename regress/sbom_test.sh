#!/usr/bin/env atf-sh
# The bill of materials: as SPDX wants it, and as the programs are.
. "$(atf_get_srcdir)/lib.sh"

sbom() {
    env SOURCE_DATE_EPOCH=1771425022 "$TREE/script/sbom" "$@"
}

atf_test_case it_is_as_spdx_wants_it
it_is_as_spdx_wants_it_body() {
    echo source >source.tar.gz
    sbom >bill || atf_fail "no bill"
    sbom source.tar.gz >with-source || atf_fail "no bill"
    check=$regress/spdx_check.py
    atf_check -o empty python3 -B "$check" bill with-source
    # The check does check: something is wrong with each of these.
    n=0
    for change in '/^Created/d' 's/^Created: .*/Created: now/' \
        's/^SPDXID: SPDXRef-musl$/SPDXID: SPDXRef-glibc/' \
        's/ STATIC_LINK / CONTAINS_A_BIT_OF /' '/^FilesAnalyzed/d' \
        's/^\(PackageChecksum: SHA256: \).*/\11234/' 's/: MIT$/: mit/' \
        's/^SPDXVersion.*/&.1/' '/DESCRIBES/d' 's/^Package/Pack/' \
        's/^DocumentNamespace: .*/&#1/'; do
        n=$((n + 1))
        sed "$change" bill >changed$n
    done
    python3 -B "$check" changed* | cut -d: -f1 | sort -u >noticed
    atf_check -o inline:"$n\n" grep -c . noticed
}

atf_test_case what_is_bundled_has_its_digest
what_is_bundled_has_its_digest_body() {
    echo source >source.tar.gz
    sbom source.tar.gz >bill || atf_fail "no bill"
    # The one that the packages take.
    digest=$(sed -n 's/^%global bearssl_sha256 //p' \
        "$TREE/rpm/qvm-remote.spec.in")
    number=$(sed -n 's/^%global bearssl_version //p' \
        "$TREE/rpm/qvm-remote.spec.in")
    # As an awk paragraph, a package.
    of() {
        awk -v RS= -v n="PackageName: $1" 'index($0, n "\n") == 1' bill
    }
    atf_check -o match:"^PackageChecksum: SHA256: $digest\$" \
        -o match:"^PackageVersion: $number\$" \
        -o match:'^PackageCopyrightText: <text>Copyright .* Thomas Pornin' \
        of BearSSL
    # The one that says that it is musl.
    libc=$(ls /usr/lib/*-linux-musl/libc.a /usr/*-linux-musl/lib*/libc.a \
        /usr/lib/musl/lib/libc.a 2>/dev/null | head -n 1)
    atf_check -o match:"^PackageChecksum: SHA256: $(sha256sum <"$libc" |
        cut -c 1-64)\$" -o match:'^PackageVersion: [0-9.]*$' \
        -o match:'^PackageCopyrightText: <text>Copyright .* Rich Felker' of musl
    atf_check -o match:"^PackageChecksum: SHA256: $(sha256sum <source.tar.gz |
        cut -c 1-64)\$" -o match:"^PackageVersion: $(cat "$TREE/version")\$" \
        of qvm-remote
}

# links NAME PROGRAM...: a library each, as its package has it here.
links() {
    name=$1
    shift
    for program; do
        readelf -d "$BUILD/$program"
    done | sed -n 's/.*(NEEDED).*\[lib\([a-z-]*\)\.so.*/\1/p' |
        sed 's/^c$/glibc/; /^bearssl$/d; /^glibc$/!s/^/lib/' | sort -u >have
    sed -n "s/^Relationship: SPDXRef-$name DYNAMIC_LINK SPDXRef-//p" bill |
        sort >want
    atf_check diff want have
}

# BearSSL apart: a library here, part of the programs in the packages.
atf_test_case it_names_what_the_programs_load
it_names_what_the_programs_load_body() {
    sbom >bill || atf_fail "no bill"
    links dom0 admin/qvm-remote-dom0 parent/parent poller/poller \
        verifier/verifier executor/executor
    links webui webui/qvm-remote-webui webui/web
    links vm client/qvm-remote
    sed -n 's/^%package /qvm-remote-/p' "$TREE/rpm/qvm-remote.spec.in" |
        sort >want
    sed -n 's/^PackageName: \(qvm-remote-\)/\1/p' bill | sort >have
    atf_check diff want have
    for name in dom0 vm webui; do
        atf_check -o ignore grep -x \
            "Relationship: SPDXRef-$name STATIC_LINK SPDXRef-bearssl" bill
    done
}

atf_test_case the_same_tree_has_the_same_bill
the_same_tree_has_the_same_bill_body() {
    sbom >bill || atf_fail "no bill"
    mkdir tree
    cp -r "$TREE/script" "$TREE/version" "$TREE"/LICENSE* tree
    for zone in UTC Pacific/Apia; do
        atf_check -o file:bill env TZ=$zone SOURCE_DATE_EPOCH=1771425022 \
            tree/script/sbom
    done
    # Another one has another name.
    echo 2.0.9 >tree/version
    env SOURCE_DATE_EPOCH=1771425022 tree/script/sbom >other
    for tag in DocumentName DocumentNamespace; do
        atf_check -s exit:1 -o ignore grep -xF "$(grep "^$tag: " bill)" other
    done
    atf_check -s exit:2 -o empty -e match:'script/sbom \[SOURCE\]' \
        "$TREE/script/sbom" a b
    atf_check -s exit:1 -o empty -e match:'lost: ' \
        env SOURCE_DATE_EPOCH=1771425022 "$TREE/script/sbom" lost
}

atf_init_test_cases() {
    atf_add_test_case it_is_as_spdx_wants_it
    atf_add_test_case what_is_bundled_has_its_digest
    atf_add_test_case it_names_what_the_programs_load
    atf_add_test_case the_same_tree_has_the_same_bill
}
