#!/usr/bin/env atf-sh
# A poller, and the executor, in the hands of whoever has taken them over: with
# their real user, sandbox and channels they say whatever there is to be said
# (regress/puppet.c, regress/puppeteer).  vm1's poller is ours, and vm1 is
# served meanwhile.
. "$(atf_get_srcdir)/lib.sh"

# puppets N: a bed of vm1 and N more, whose pollers are puppets for as long as
# there are orders in their homes.
puppets() {
    bed_up $(($1 + 1))
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
    puppet=1
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

# What came is looked at when it cannot change any more.  64 KiB: as much as
# is hashed at once.
bed_test what_grows_after_it_came_does_not_run
what_grows_after_it_came_does_not_run_body() {
    puppets 2
    grows="
opened()
id = forger.new_id()
def grown(kind, data, more):
    slot = memfd(data, 0)
    send(packet(kind, len(data)), slot)
    until('go')
    order('put %s %d %d' % (slot, len(data), len(more)), more)
    order('seal %s %d' % (slot, SEALED))
def padded(data):
    return data + b'#' * (65535 - len(data)) + b'\\n'
"
    orders "$grows
body = padded(b'echo signed >>$BED/ran\\n')
grown('BODY', body, b'echo unsigned >>$BED/ran\\n')
send(request(id, forge(body.decode(), id), len(body)))
told(done()[1])"
    orders "$grows
body, text = b'cat >>$BED/ran', padded(b'signed\\n')
send(packet('BODY', len(body)), memfd(body))
grown('INPUT', text, b'unsigned\\n')
send(request(id, forge(body.decode(), id, input=text.decode()), len(body),
             len(text)))
told(done()[1])"
    atf_check "$regress/bed" start
    verifier=$(role_pid verifier)
    wait_for '[ "$(find "/proc/$verifier/fd" -lname "/memfd:puppet*" |
        wc -l)" = 3 ]'
    for vm in vm2 vm3; do
        touch "$BED/vms/$vm/home/go"
        wait_for "grep -qs ^mac $BED/vms/$vm/home/said"
        atf_check -o match:'^status rejected$' \
            -o match:'^reason the command is not what was signed$' \
            cat "$BED/vms/$vm/home/said"
    done
    atf_check test ! -e "$BED/ran"
}

atf_init_test_cases() {
    bed_add_tests
}
