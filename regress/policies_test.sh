#!/usr/bin/env atf-sh
# What a VM's policy says is what happens: which commands run, as whom, and
# within what limits.
. "$(atf_get_srcdir)/lib.sh"

# runs STATUS WORD...: in vm1; what it printed is in out and err.  Not behind a
# `|`: it could not fail there.
runs() {
    _want=$1
    shift
    in_vm vm1 "$@" >out 2>err
    _status=$?
    [ "$_status" = "$_want" ] ||
        atf_fail "$*: $_status, not $_want: $(cat out err)"
}

bed_test what_no_line_allows_is_denied
what_no_line_allows_is_denied_body() {
    bed_up 2
    policy vm1 'mode = allow' 'deny = echo secret' 'allow = echo *' \
        'allow = /usr/bin/env' 'allow-input = cat'
    wait_for 'in_vm vm1 qvm-remote "echo a" >out 2>/dev/null'
    atf_check -o inline:'a\n' cat out
    runs 0 qvm-remote "/usr/bin/echo 'a b'"
    atf_check -o inline:'a b\n' cat out
    runs 0 qvm-remote "/bin/echo '\$(id)'"
    atf_check -o inline:'$(id)\n' cat out
    for body in 'echo a; id' 'echo $(id)' 'echo `id`' 'echo a | cat' \
        'echo a > /tmp/x' 'echo a && id' 'echo ../a' "echo '-n'" \
        'echo secret' '/bin/echo secret' '/usr/bin/../bin/echo a' \
        '//bin/echo a' './echo a' 'id' 'echo a b' 'bash' \
        '/usr/local/bin/echo a' 'PATH=/tmp echo a'; do
        runs 126 qvm-remote "$body"
        atf_check -o empty cat out
    done
    runs 126 qvm-remote 'echo a
id'
    # In an environment made from scratch.
    runs 0 qvm-remote /usr/bin/env
    atf_check -o not-match:'^SHLVL=' -o match:'^USER=root$' cat out
    # Input only where the line says so.
    echo in >input
    runs 0 qvm-remote -i cat <input
    atf_check -o inline:'in\n' cat out
    runs 126 qvm-remote -i 'echo a' <input
    atf_check -o match:'"status":"denied","exit":126' cat_log
    atf_check -o match:'"event":"intent".*"policy_line":5,"path":"/usr/bin/cat"' \
        cat_log
    # The other VM's policy is its own.
    atf_check -o inline:'b\n' in_vm vm2 qvm-remote 'echo b | cat'
}

# What is decided is what is executed; see regress/policy_test for the decision.
bed_test what_is_executed_is_the_words_that_were_read
what_is_executed_is_the_words_that_were_read_body() {
    bed_up 1
    "$regress/executed" --policy >lines || atf_fail "no policy"
    policy vm1 "$(cat lines)"
    "$regress/executed" "$BED" || atf_fail "see the test's output"
}

# Ways round a line that people know.  dom0 has a program that is allowed, and
# beside it what would show that another one ran, or that it got other words.
ways_bed() {
    bed_up 1
    mkdir "$BED/tools" "$BED/elsewhere"
    printf '#!/bin/sh\nprintf "<%%s>" "$@"\n' >"$BED/tools/show"
    printf '#!/bin/sh\necho other >>%s/ran\n' "$BED" >"$BED/elsewhere/show"
    chmod 755 "$BED/tools/show" "$BED/elsewhere/show"
    cp "$BED/elsewhere/show" "$BED/elsewhere/printenv"
}

# allowed COMMAND PRINTS
allowed() {
    runs 0 qvm-remote "$1"
    printf '%s' "$2" >want
    atf_check -o file:want cat out
    allowed=$((${allowed:-0} + 1))
}

# denied COMMAND...: and nothing has run.
denied() {
    for _body; do
        runs 126 qvm-remote "$_body"
        atf_check -o empty cat out
    done
    [ ! -e "$BED/ran" ] || atf_fail "another program ran"
    atf_check -o inline:"${allowed:-0}\n" -s ignore count_log '"event":"intent"'
}

bed_test a_dot_dot_leads_out_of_no_folder
a_dot_dot_leads_out_of_no_folder_body() {
    ways_bed
    policy vm1 'mode = allow' "allow = $BED/tools/* /srv/*" \
        "allow = $BED/tools/show all **"
    allowed "$BED/tools/show /srv/x" '</srv/x>'
    allowed "$BED/tools/show all /srv/x -y" '<all></srv/x><-y>'
    denied "$BED/tools/../elsewhere/show /srv/x" "$BED/tools/.. /srv/x" \
        "../../../..$BED/tools/show /srv/x" "$BED/tools/show /srv/.." \
        "$BED/tools/show '/srv/..'" "$BED/tools/show /srv/../etc" \
        "$BED/tools/show all /srv/../etc" "$BED/tools/show all '..'" \
        "$BED/tools/show all -C.." "$BED/tools/show all --to=../x"
}

bed_test a_slash_more_makes_no_other_path
a_slash_more_makes_no_other_path_body() {
    ways_bed
    policy vm1 'mode = allow' "deny = $BED/tools/show /etc **" \
        "allow = $BED/tools/show /srv/*" \
        "allow = $BED/tools/* -d *"
    allowed "$BED/tools/show /srv/x" '</srv/x>'
    allowed "$BED/tools/show -d x" '<-d><x>'
    denied "/$BED/tools/show /srv/x" "$BED//tools/show /srv/x" \
        "$BED/tools//show /srv/x" "$BED/tools/show/ /srv/x" \
        "$BED/tools/./show /srv/x" "$BED/tools/show /srv//x" \
        "$BED/tools/show //srv/x" "$BED/tools/show /srv/a/x" \
        "$BED/tools/show -d /x" "$BED/tools/show -d '/'" \
        "$BED/tools/show '/etc' x"
}

bed_test quotes_hide_no_option
quotes_hide_no_option_body() {
    ways_bed
    policy vm1 'mode = allow' "allow = $BED/tools/show *" \
        "allow = $BED/tools/show -n '*'"
    allowed "$BED/tools/show 'a -n'" '<a -n>'
    allowed "$BED/tools/show '-n' '*'" '<-n><*>'
    denied "$BED/tools/show -n" "$BED/tools/show '-n'" \
        "$BED/tools/show ''-n" "$BED/tools/show ''-''n" \
        "$BED/tools/show -''n" "$BED/tools/show \\-n" \
        "$BED/tools/show \"-n\"" "$BED/tools/show '--' '-n'" \
        "$BED/tools/show -n *" "$BED/tools/show -n 'a'" \
        "$BED/tools/show 'a' '-n'" "$BED/tools/show \$'-n'"
}

# Nor is it found where a work folder, the VM's or the daemon's PATH leads.
bed_test a_bare_name_is_found_in_one_place
a_bare_name_is_found_in_one_place_body() {
    ways_bed
    policy vm1 'mode = allow' 'allow = printenv PATH' "allow = $BED/tools/show *"
    atf_check "$regress/bed" stop
    atf_check env PATH="$BED/elsewhere:$PATH" "$regress/bed" start
    for client in qvm-remote \
        "env PATH=$BED/elsewhere:$PATH $BED/usr/bin/qvm-remote"; do
        for command in printenv /bin/printenv /usr/bin/printenv; do
            # shellcheck disable=SC2086 # a command line
            runs 0 $client "$command PATH"
            atf_check -o match:^/usr/local/sbin: cat out
        done
    done
    allowed=6
    denied show\ x "$BED/elsewhere/printenv PATH" './printenv PATH' \
        'elsewhere/printenv PATH' "PATH=$BED/elsewhere printenv PATH" \
        '/usr/local/bin/printenv PATH'
}

bed_test a_link_makes_no_other_program_the_allowed_one
a_link_makes_no_other_program_the_allowed_one_body() {
    ways_bed
    ln -s /bin/bash "$BED/tools/list"
    ln -s /usr/bin "$BED/bin"
    ln -s tools "$BED/links"
    policy vm1 'mode = allow' "allow = $BED/links/show **" 'deny = bash **' \
        "allow = /usr/bin/ba* **" "deny = $BED/bin/x"
    touched="-c 'touch $BED/ran'"
    allowed "$BED/tools/show x" '<x>'
    denied "$BED/tools/list $touched" "$BED/bin/bash $touched" \
        "/bin/bash $touched" "bash $touched" "/proc/self/exe $touched" \
        "/proc/self/root/bin/bash $touched" "/dev/fd/3 $touched" \
        "$BED/links/list $touched" "sh $touched"
    # It is what the folder was when the policy was read.
    ln -sfn elsewhere "$BED/links"
    allowed "$BED/links/show x" '<x>'
    # It has a name of its own: in a folder that is allowed, so is it.
    policy vm1 'mode = allow' 'deny = bash **' "allow = $BED/tools/* **"
    denied "/bin/bash $touched" "bash $touched"
    allowed "$BED/tools/list -c 'printf BASH-RAN'" BASH-RAN
    atf_check -o inline:'1\n' count_log \
        "\"event\":\"intent\".*\"policy_line\":3,\"path\":\"$BED/tools/list\""
}

bed_test input_goes_to_no_command_whose_line_does_not_say_so
input_goes_to_no_command_whose_line_does_not_say_so_body() {
    ways_bed
    policy vm1 'mode = allow' 'allow = cat' 'allow-input = cat -' \
        "allow-input = $BED/tools/*"
    echo secret >input
    allowed cat ''
    runs 0 qvm-remote -i 'cat -' <input
    allowed=$((allowed + 1))
    atf_check -o file:input cat out
    runs 126 qvm-remote -i cat <input
    runs 126 qvm-remote -i /bin/cat <input
    denied 'cat - -'
    atf_check -o match:'^status denied$' -o match:'^mac ' \
        forge vm1 --body cat --input secret --wait 20
    denied
}

bed_test no_variable_reaches_a_command
no_variable_reaches_a_command_body() {
    ways_bed
    policy vm1 'mode = allow' 'allow = env' "allow = $BED/tools/show *"
    # shellcheck disable=SC2016 # what a shell reads first
    printf 'case $0 in /dev/fd/*) touch %s/ran ;; esac\n' "$BED" >start
    atf_check "$regress/bed" stop
    atf_check env BASH_ENV="$PWD/start" ENV="$PWD/start" EVIL=1 \
        LD_LIBRARY_PATH="$PWD" IFS=x "$regress/bed" start
    runs 0 env BASH_ENV="$PWD/start" EVIL=1 QVM_REMOTE_VM=vm2 LANG=evil \
        "$BED/usr/bin/qvm-remote" env
    allowed=1
    cut -d= -f1 out | sort >names
    printf '%s\n' HOME LANG LC_ALL LOGNAME PATH QVM_REMOTE_ID QVM_REMOTE_VM \
        USER >expected
    atf_check cmp expected names
    atf_check -o match:'^QVM_REMOTE_VM=vm1$' -o not-match:evil cat out
    denied 'EVIL=1 env' 'EVIL=1' 'env EVIL=1' "BASH_ENV=$PWD/start env" \
        'export EVIL=1' "$BED/tools/show \$HOME" \
        "$BED/tools/show \${HOME}" "$BED/tools/show ~"
    policy vm1 'mode = shell'
    runs 0 qvm-remote true
    [ ! -e "$BED/ran" ] || atf_fail "a start-up file was read"
}

bed_test a_policy_of_deny_runs_nothing_and_check_says_what_would_be
a_policy_of_deny_runs_nothing_and_check_says_what_would_be_body() {
    bed_up 1
    policy vm1 'mode = deny'
    wait_for '! in_vm vm1 qvm-remote true 2>/dev/null'
    runs 126 qvm-remote "$(witness)"
    no_witness
    policy vm1 'mode = allow' 'allow = echo *'
    wait_for 'in_vm vm1 qvm-remote "echo a" >/dev/null 2>&1'
    runs 0 qvm-remote --check 'echo a'
    atf_check -o match:'would run: line 2 of the policy: /usr/bin/echo' cat out
    runs 126 qvm-remote --check 'id'
    runs 0 qvm-remote policy
    atf_check -o match:'allow = /usr/bin/echo' cat out
    policy vm1 'mode = allow' 'allow = echo *' 'hide = yes'
    wait_for 'in_vm vm1 qvm-remote policy | grep -q "not shown"'
    runs 126 qvm-remote 'id'
    atf_check -o match:'its policy does not allow it' cat err
    runs 126 qvm-remote -t 400 'echo a'
    atf_check -o match:'its policy does not allow it' -o not-match:300 cat err
    # Who reads the log in dom0 is told.
    in_dom0 qvm-remote-dom0 log -n 2 >shown || atf_fail log
    atf_check -o match:'told; in truth: .*no line' \
        -o match:'told; in truth: time-out 400 s: .* at most 300 s' cat shown
    in_dom0 qvm-remote-dom0 log export --format csv >shown || atf_fail export
    atf_check -o match:'at most 300 s' python3 -c 'import csv
print(list(csv.DictReader(open("shown", newline="")))[-1]["hidden_reason"])'
    policy vm1 'mode = shell' 'input-limit = 10' 'hide = yes'
    wait_for '[ "$(in_vm vm1 qvm-remote "echo a | cat")" = a ]'
    head -c 2000000 /dev/zero >input
    runs 255 qvm-remote -i cat <input
    atf_check -o match:'more bytes than this VM may send' -o not-match:10 \
        grep input err
}

bed_test a_policy_that_changes_counts_for_what_waits
a_policy_that_changes_counts_for_what_waits_body() {
    bed_up 1
    policy vm1 'mode = shell' 'jobs = 1'
    wait_for 'in_vm vm1 qvm-remote true 2>/dev/null'
    first=$(forge vm1 --body "until [ -e $BED/go ]; do sleep 0.05; done")
    wait_for '[ "$(count_log "\"event\":\"intent\"")" -ge 2 ]'
    second=$(forge vm1 --body "$(witness)")
    wait_for 'in_dom0 qvm-remote-dom0 status | grep -q " 1 waiting"'
    policy vm1 'mode = deny'
    wait_result vm1 "$second"
    : >"$BED/go"
    atf_check -o match:'^status denied$' -o match:'^mac ' meta_of vm1 "$second"
    wait_result vm1 "$first"
    atf_check -o match:'^status exited$' meta_of vm1 "$first"
    no_witness
}

bed_test commands_run_as_the_user_of_the_policy
commands_run_as_the_user_of_the_policy_body() {
    bed_up 2
    policy vm2 'mode = shell' 'user = nobody'
    atf_check -o not-match:'commands, too' cat "$BED/daemon.log"
    policy vm1 'mode = shell' 'user = nobody'
    atf_check -o match:'vm[12].conf:2: user .nobody. runs another VM.s commands' \
        cat "$BED/daemon.log"
    wait_for 'in_vm vm1 qvm-remote "[ \$(id -un) = nobody ]" 2>/dev/null'
    runs 0 qvm-remote 'id -u; id -G; echo $USER $LOGNAME; umask; touch x; echo $HOME
        grep -E "^(Uid|Gid|CapEff|Groups):" /proc/self/status'
    id -u nobody >want
    id -G nobody >>want
    echo nobody nobody >>want
    echo 0077 >>want
    atf_check -o file:want head -n 4 out
    atf_check -o match:'^CapEff:	0*$' cat out
    # Its folder is its own, by path too.
    runs 0 qvm-remote 'cd "$PWD" && touch "$PWD/y" && ls "$PWD"'
    atf_check -o match:'"user":"nobody"' cat_log
    policy vm1 'mode = shell' 'user = qvm-remote-poll'
    policy vm1 'mode = shell' 'user = nosuchuser'
    wait_for 'grep -q "vm1.conf:2: user .nosuchuser.: there is none" "$BED/daemon.log"'
    atf_check -o match:'vm1.conf:2: .*qvm-remote' cat "$BED/daemon.log"
}

bed_test limits_of_the_policy_hold_and_are_named
limits_of_the_policy_hold_and_are_named_body() {
    bed_up 1
    policy vm1 'mode = shell' 'timeout = 2' 'files = 40' 'file-size = 1M' \
        'output-limit = 100K' 'nice = 5' 'input-limit = 10'
    wait_for 'in_vm vm1 qvm-remote "[ \$(ulimit -n) = 40 ]" 2>/dev/null'
    runs 0 qvm-remote 'nice; ulimit -f'
    atf_check -o inline:'5\n1024\n' cat out
    runs 124 qvm-remote 'sleep 20'
    runs 126 qvm-remote -t 3 true
    atf_check -o match:'the policy allows at most 2 s' cat err
    runs 153 qvm-remote "exec head -c 3000000 /dev/zero >big"
    atf_check -o inline:'1\n' count_log "its policy's limit: file-size"
    runs 153 qvm-remote "head -c 3000000 /dev/zero >big"
    # It may have ended so by itself.
    atf_check -o inline:'1\n' count_log '"perhaps its policy.s limit: file-size'
    runs 0 qvm-remote 'head -c 300000 /dev/zero'
    atf_check -o inline:'102400\n' wc -c <out
    atf_check -o inline:'1\n' count_log "its policy's limit: output-limit"
    echo 12345678901 >input
    runs 126 qvm-remote -i cat <input
    atf_check -o match:'the policy allows at most 10' cat err
}

# Another policy comes between the record and the run: the executor takes
# nothing meanwhile.
bed_test what_was_recorded_is_what_runs
what_was_recorded_is_what_runs_body() {
    bed_up 1
    policy vm1 'mode = shell' 'user = nobody' 'files = 40'
    wait_for 'in_vm vm1 qvm-remote "[ \$(ulimit -n) = 40 ]" 2>/dev/null'
    verifier=$(role_pid verifier)
    strace -qq -o calls -e trace=sendmsg -p "$verifier" \
        -e inject=sendmsg:error=EAGAIN:syscall=getpid &
    tracer=$!
    wait_for "grep -q '^TracerPid:.*[1-9]' /proc/$verifier/status"
    id=$(forge vm1 --body 'id -un; ulimit -n')
    wait_for "cat_log | grep '\"event\":\"intent\"' | grep -q $id"
    served=$(count_log '"event":"served"')
    policy vm1 'mode = shell' 'files = 50'
    wait_for '[ "$(count_log "\"event\":\"served\"")" -gt "$served" ]'
    let_go "$tracer" "$verifier"
    wait_result vm1 "$id"
    cat_log | grep "$id" | grep '"event":"intent"' >intent
    atf_check -o ignore grep '"user":"nobody"' intent
    atf_check -o inline:'nobody\n40\n' \
        cat "$BED/vms/vm1/home/.qvm-remote/queue/results/$id.out"
    atf_check -o inline:'root\n50\n' in_vm vm1 qvm-remote 'id -un; ulimit -n'
}

bed_test a_rate_lets_as_many_start_and_no_more
a_rate_lets_as_many_start_and_no_more_body() {
    bed_up 2
    policy vm1 'mode = shell' 'rate = 3/h'
    wait_for '! in_dom0 qvm-remote-dom0 status | grep -q "not served"'
    for _ in 1 2 3; do
        in_vm vm1 timeout 10 qvm-remote "$(witness)" || break
    done
    in_vm vm1 timeout 4 qvm-remote "$(witness)" 2>err && atf_fail "a fourth"
    atf_check -o match:'rate' cat err
    atf_check -o inline:'1\n' count_log '"used":"its rate"'
    [ "$(count_witness)" -le 3 ] || atf_fail "$(count_witness) ran"
    atf_check -o ignore in_vm vm2 qvm-remote true
    # Another rate is counted anew.
    policy vm1 'mode = shell' 'rate = 60/d'
    atf_check -o inline:'on\n' in_vm vm1 timeout 10 qvm-remote 'echo on'
}

# Memory, where cgroup2 has its controller; where it has not, no such policy.
bed_test memory_is_limited_or_the_policy_is_an_error
memory_is_limited_or_the_policy_is_an_error_body() {
    bed_up 2
    policy vm1 'mode = shell' 'memory = 50M'
    if grep -qw memory "$(bed_cgroup)/daemon/cgroup.controllers"; then
        in_vm vm1 qvm-remote 'exec python3 -c "bytearray(200 << 20)"' 2>err
        atf_check -o match:"its policy's limit: memory" cat_log
        return
    fi
    wait_for 'grep -q "vm1.conf:2: memory: cannot be limited here" "$BED/daemon.log"'
    atf_check -s exit:1 -o match:'vm1: not served: .*vm1.conf:2' \
        in_dom0 qvm-remote-dom0 status
    atf_check -o ignore in_vm vm2 qvm-remote true
}

atf_init_test_cases() {
    bed_add_tests
}
