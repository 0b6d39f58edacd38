#!/usr/bin/env atf-sh
# config
. "$(atf_get_srcdir)/lib.sh"

unset QVM_REMOTE_VMS QUBES_REMOTE_VMS QVM_REMOTE_VM QUBES_REMOTE_VM \
    QVM_REMOTE_VM_USER QUBES_REMOTE_VM_USER QVM_REMOTE_DOM0_USER \
    QVM_REMOTE_TRANSPORT QVM_REMOTE_RETAIN

# settings: NAME, value and where from, with one space between.
settings() {
    dom0 config >out || return 1
    tr -s ' ' <out | sed 's/ $//'
}

make_conf() {
    make_root
    conf=$root/etc/qubes/remote.conf
    cat >"$conf"
}

root_test without_a_file_the_defaults_hold
without_a_file_the_defaults_hold_body() {
    make_root
    settings >said || atf_fail config
    atf_check \
        -o match:'^QVM_REMOTE_VMS all that have a key and a policy default$' \
        -o match:'^QVM_REMOTE_VM_USER user default$' \
        -o match:'^QVM_REMOTE_DOM0_USER [^ ]+ the first of group qubes$' \
        -o match:'^QVM_REMOTE_TRANSPORT qvm-run default$' \
        -o match:'^QVM_REMOTE_RETAIN all default$' cat said
    atf_check -o inline:'5\n' grep -c . said
}

root_test each_says_where_it_comes_from
each_says_where_it_comes_from_body() {
    make_conf <<END
# mine
QUBES_REMOTE_VM="work  home"

QVM_REMOTE_DOM0_USER=jo
QUBES_REMOTE_VM_USER=her
QVM_REMOTE_RETAIN="4G 90d"
END
    settings >said || atf_fail config
    atf_check -o inline:"QVM_REMOTE_VMS work home $conf:2 (QUBES_REMOTE_VM)
QVM_REMOTE_VM_USER her $conf:5 (QUBES_REMOTE_VM_USER)
QVM_REMOTE_DOM0_USER jo $conf:4
QVM_REMOTE_TRANSPORT qvm-run default
QVM_REMOTE_RETAIN 90d 4G $conf:6
" cat said
    # The first name that is set counts; set and empty is set.
    export QVM_REMOTE_VMS='' QVM_REMOTE_VM=x QUBES_REMOTE_VM_USER=his
    settings >said || atf_fail config
    atf_check -o match:'^QVM_REMOTE_VMS none environment$' \
        -o match:'^QVM_REMOTE_VM_USER his environment .QUBES_REMOTE_VM_USER.$' \
        -o match:"^QVM_REMOTE_DOM0_USER jo $conf:4\$" cat said
    # What does not count there need not be right.
    QVM_REMOTE_VM=../x settings >said || atf_fail config
    atf_check -o match:'^QVM_REMOTE_VMS none environment$' cat said
}

root_test config_json_is_one_object_a_setting
config_json_is_one_object_a_setting_body() {
    make_conf <<END
QUBES_REMOTE_VMS="work home"
END
    atf_check -o save:out dom0 config --json
    cat >want <<END
QVM_REMOTE_VMS work home $conf:1 QUBES_REMOTE_VMS
QVM_REMOTE_VM_USER user default None
QVM_REMOTE_TRANSPORT qvm-run default None
QVM_REMOTE_RETAIN all default None
END
    atf_check -o file:want python3 -c 'import json
for line in open("out"):
    s = json.loads(line)
    if s["name"] != "QVM_REMOTE_DOM0_USER":
        print(s["name"], s["value"], s["from"], s["variable"])'
    rm "$conf"
    atf_check -o match:'"QVM_REMOTE_VMS","value":null,"from":"default"' \
        dom0 config --json
}

# The environment of who asks is not that of the daemon.
root_test a_running_daemon_s_environment_counts
a_running_daemon_s_environment_counts_body() {
    make_root
    QVM_REMOTE_VMS='one two'
    export QVM_REMOTE_VMS
    hold_lock
    QVM_REMOTE_VMS=mine
    settings >said || atf_fail config
    atf_check -o match:"^QVM_REMOTE_VMS one two environment of the daemon \
\\(pid $holder\\)\$" cat said
    kill -TERM "$holder"
    wait "$holder"
    settings >said || atf_fail config
    atf_check -o match:'^QVM_REMOTE_VMS mine environment$' cat said
}

root_test what_is_wrong_is_an_error_with_its_line
what_is_wrong_is_an_error_with_its_line_body() {
    make_conf <<END
# x
QVM_REMOTE_VMS=\$(id)
END
    atf_check -s exit:1 -e match:"error: $conf:2: " dom0 config
    echo 'QVM_REMOTE_VMS=work' >"$conf"
    chmod 666 "$conf"
    atf_check -s exit:1 -e match:'remote.conf: others than root may write it' \
        dom0 config
    chmod 644 "$conf"
    atf_check -o match:'^QVM_REMOTE_VMS +work ' dom0 config
    atf_check -s exit:1 -e match:'error: environment: ' \
        env "QVM_REMOTE_VMS=$(printf 'a\033')" dom0 config
    head -c 65536 /dev/zero | tr '\0' '#' >"$conf"
    atf_check -s exit:1 -e match:'remote.conf: too long' dom0 config
    rm "$conf"
    mkfifo "$conf"
    atf_check -s exit:1 -e match:'not a regular file' dom0 config
}
