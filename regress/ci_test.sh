#!/usr/bin/env atf-sh
# script/ci and the workflow that runs it.  What its jobs say of the tree, the
# tests say that they run; here is that each runs, and runs all.
. "$(atf_get_srcdir)/lib.sh"

jobs() {
    "$TREE/script/ci" --list | cut -d' ' -f1
}

atf_test_case the_workflow_runs_each_job_and_no_more
the_workflow_runs_each_job_and_no_more_body() {
    jobs >names
    atf_check python3 - "$TREE/.github/workflows/ci.yml" <<'END'
import re
import sys

import yaml

text = open(sys.argv[1]).read()
flow = yaml.safe_load(text)
# `on` is true, to YAML.
assert set(flow) == {"name", True, "permissions", "defaults", "jobs"}, set(flow)
assert set(flow[True]) == {"push", "pull_request"}, flow[True]
assert flow["permissions"] == {"contents": "read"}, flow["permissions"]
named = []
for job in flow["jobs"].values():
    assert "permissions" not in job, job
    assert re.fullmatch(r"ubuntu-\d+\.\d+", job["runs-on"]), job["runs-on"]
    assert 0 < job["timeout-minutes"] <= 120, job["timeout-minutes"]
    named += job["strategy"]["matrix"]["job"]
    for step in job["steps"]:
        # Another's code, where there were any, would be the one that was read.
        assert re.fullmatch(r"\S+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40))
    assert job["steps"][-1]["run"] == "script/ci ${{ matrix.job }}", job["steps"]
# What a pull request says of itself is in no command.
assert set(re.findall(r"\$\{\{\s*(.*?)\s*\}\}", text)) == {"matrix.job"}, text
assert "secrets" not in text
assert sorted(named) == sorted(open("names").read().split()), named
END
    atf_check test -x "$TREE/script/ci"
}

# A folder whole, or a program of it by its name.
atf_test_case every_test_is_part_of_one_job
every_test_is_part_of_one_job_body() {
    for job in $(jobs); do
        "$TREE/script/ci" --list "$job"
    done | sort >have
    atf_check -o empty uniq -d have
    for file in "$TREE"/*/Kyuafile; do
        folder=$(basename "$(dirname "$file")")
        ! grep -qx "$folder" have || continue
        sed -n "s,^atf_test_program{name=\"\([^\"]*\)\".*,$folder/\1,p" "$file"
    done | sort >want
    atf_check test -s want
    # As a line each: else neither this nor script/ci sees them.
    grep -h test_program "$TREE"/*/Kyuafile >lines
    atf_check -s exit:1 grep -vE '^atf_test_program\{name="[a-z0-9_]*"[,}]' lines
    atf_check -o empty comm -13 have want
    # Nor one that is not there, which kyua would take for none.
    while read -r name; do
        [ -e "$TREE/$name/Kyuafile" ] || [ -e "$BUILD/$name" ] ||
            echo "$name"
    done <have >absent
    atf_check -o empty cat absent
}

atf_test_case an_unknown_job_is_refused_in_one_line
an_unknown_job_is_refused_in_one_line_body() {
    for words in '' unit2 uni 'u.it' 'unit dom0' --list=unit '--list nothing' \
        --help; do
        # shellcheck disable=SC2086 # words are words
        atf_check -s exit:2 -e inline:'ci: usage: script/ci JOB; script/ci --list names them\n' \
            "$TREE/script/ci" $words
    done
}

# Not the system that this one is: there the job would begin.
foreign_job() {
    if grep -qx 'ID=fedora' /etc/os-release; then echo arch; else echo fedora; fi
}

only_these_programs() {
    mkdir bin
    for program in sh dirname awk cut; do
        ln -s "$(command -v $program)" bin
    done
}

atf_test_case another_system_s_job_wants_a_container
another_system_s_job_wants_a_container_body() {
    job=$(foreign_job)
    only_these_programs
    atf_check -s exit:1 \
        -e match:"^ci: $job needs [a-z]*:[a-z0-9]*: run it there, or install docker" \
        env PATH="$PWD/bin" "$TREE/script/ci" "$job"
    printf '#!/bin/sh\nprintf "<%%s>\\n" "$@" >"$ASKED"\nexit 3\n' >bin/podman
    chmod +x bin/podman
    atf_check -s exit:3 env PATH="$PWD/bin" ASKED="$PWD/asked" \
        "$TREE/script/ci" "$job"
    atf_check -o match:"^<$TREE:/tree:ro>\$" -o match:"^<$job>\$" \
        -o match:'exec script/ci "\$1">$' -o not-match:privileged cat asked
}

# dnf would look for what stands behind a name.
atf_test_case a_package_s_needs_are_names
a_package_s_needs_are_names_body() {
    sed -n 's/^BuildRequires: *//p' "$TREE/rpm/qvm-remote.spec.in" >needs
    atf_check test -s needs
    atf_check -s exit:1 grep -vxE '[A-Za-z0-9._+()/-]+' needs
}

atf_init_test_cases() {
    atf_add_test_case the_workflow_runs_each_job_and_no_more
    atf_add_test_case every_test_is_part_of_one_job
    atf_add_test_case an_unknown_job_is_refused_in_one_line
    atf_add_test_case another_system_s_job_wants_a_container
    atf_add_test_case a_package_s_needs_are_names
}
