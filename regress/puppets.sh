# What taken_over_test and crowd_test share: pollers in the hands of whoever has
# taken them over.

# puppets N: a bed of vm1 and N more, whose pollers are puppets for as long as
# there are orders in their homes.
puppets() {
    bed_up $(($1 + 1))
    bed_seed
    atf_check "$regress/bed" stop
    mv "$BED/usr/bin/qvm-remote" "$BED/usr/libexec/bed/honest"
    cat >"$BED/usr/bin/qvm-remote" <<END
#!/bin/sh
if [ "\$1" = agent ] && [ -e "\$HOME/orders" ]; then
    exec "$BED/usr/libexec/bed/puppeteer" poller
fi
exec "$BED/usr/libexec/bed/honest" "\$@"
END
    chmod 755 "$BED/usr/bin/qvm-remote"
    install_puppet poller
    puppet=1 puppets=$1
}

install_puppet() {
    libexec=$BED/usr/libexec/qvm-remote
    mv "$libexec/$1" "$libexec/$1.real"
    install -m 755 "$BUILD/regress/puppet" "$libexec/$1"
    install -m 755 "$regress/puppeteer" "$BED/usr/libexec/bed/puppeteer"
    install -m 644 "$regress/forge" "$BED/usr/libexec/bed/forge.py"
}

# orders CODE: what the next VM's puppet does; vm is that VM.
orders() {
    puppet=$((puppet + 1))
    vm=vm$puppet
    ln -sf "$BED/vms/$vm/home/orders" "$libexec/hands.$vm"
    printf '%s\n' "$1" >"$BED/vms/$vm/home/orders"
}

# What ended each first session: a record, or a line where there is none.
ends() {
    {
        cat_log | sed -En 's/.*"event":"violation","vm":"([^"]*)","rule":"([^"]*)".*/\1 \2/p'
        sed -En 's/.*poller \[([^]]*)\]: (.* refused: .*|bad message)$/\1 \2/p' \
            "$BED/daemon.log"
    } | awk '!seen[$1]++'
}

# vm1 is served, again and again, until the condition holds, and then at least
# three times more.
meanwhile() {
    atf_check "$regress/bed" start
    until=$(($(date +%s) + 60)) more=3 served=0
    until eval "$1" && [ $((more -= 1)) -lt 0 ]; do
        [ "$(date +%s)" -lt $until ] || {
            ends | sort | diff want - >&2
            atf_fail "in vain: $(echo "$1" | tr -s '\n ' ' ')"
        }
        atf_check -o inline:'secret of vm1\n' timeout 5 "$regress/bed" run vm1 \
            qvm-remote "echo 'secret of vm1'; $(witness)"
        served=$((served + 1))
    done
}

# What holds whatever the puppets did: each record about vm1 is of what it
# asked, none of the puppets has had its data or a key, the daemon lives.
nobody_else_is_hurt() {
    atf_check -o inline:"$served\n" count_witness
    for event in intent result; do
        atf_check -o inline:"$served\n" \
            count_log "\"event\":\"$event\",\"vm\":\"vm1\""
    done
    atf_check -s exit:1 -o empty grep -E '"vm":"vm1"' <<END
$(cat_log | grep -v '"reason":"the daemon stops"' |
    grep -vE '"event":"(intent|result|delivered|session|served|key|snapshot-[a-z]*)"')
END
    atf_check -s exit:1 grep -l 'secret of vm1' "$BED"/vms/vm*/home/heard
    role_pid verifier >/dev/null || atf_fail "the daemon has ended"
    bed_verify
}
