#!/usr/bin/env atf-sh
# The vectors of PROTOCOL.md, made a second time without a line of ours: by
# Python's hmac and hashlib, from the format's words.  `vectors` is our C code.

second_implementation() {
	python3 - <<'EOF'
import hashlib, hmac, sys

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
ID = "20260218-143022-1234-a1b2c3d4"
ID_2 = "20260218-143022-1235-00000001"
k = bytes.fromhex(KEY)

def sha(data):
    return hashlib.sha256(data).hexdigest()

def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()

def show(name, text):
    print(name, len(text))
    sys.stdout.write(text.decode())
    print("sha256", sha(text))
    return text

K_request = mac(k, b"qvm-remote request key 2")
K_receipt = mac(k, b"qvm-remote receipt key 2")
fingerprint = sha(b"qvm-remote key fingerprint 2\n" + k)[:16]
print("fingerprint", fingerprint)
print("K_request", K_request.hex())
print("K_receipt", K_receipt.hex())
print("v1", mac(KEY.encode(), ID.encode()).hex())

def token(name, id, kind, timeout, order, note, body, input):
    lines = ["qvm-remote-auth 2", "key " + fingerprint, "kind " + kind,
             "issued 1771425022", "expires 1771425352", "timeout " + timeout,
             "order " + order, "note " + note,
             "body %d %s" % (len(body), sha(body)),
             "input -" if input is None
             else "input %d %s" % (len(input), sha(input)), ""]
    covered = "\n".join(lines).encode()
    signed = b"qvm-remote request 2\n" + id.encode() + b"\n" + covered
    return show(name, covered +
                b"mac " + mac(K_request, signed).hex().encode() + b"\n")

run = token("token", ID, "run", "300", "now", "-", b"echo ok\n", None)
token("cancel", ID, "cancel", "-", "now", "-", b"", None)
token("token-input", ID_2, "run", "-", "queue", "weekly mac check",
      b"wc -c\n", b"abc")

def receipt(status, exit, reason, started, ended, out, log):
    return "\n".join([
        "qvm-remote-receipt 2", "id " + ID, "request " + sha(run),
        "status " + status, "exit " + exit, "reason " + reason,
        "started " + started, "ended " + ended,
        "out %d %d %s" % (len(out), len(out), sha(out)),
        "err 0 0 " + sha(b""), "log " + log, ""]).encode()

covered = receipt(
    "exited", "0", "-", "1771425022.514000", "1771425022.517250", b"ok\n",
    "42 c53003c4d09275495646eb40c697113297ba9b4b40bb9a37e8e5199b5eebaacf")
signed = b"qvm-remote receipt 2\n" + covered
show("receipt", covered +
     b"mac " + mac(K_receipt, signed).hex().encode() + b"\n")
show("refusal", receipt("rejected", "255", "token not accepted", "-", "-",
                        b"", "-"))
EOF
}

# What the format's text itself states: name, bytes, SHA-256 or mac.
stated() {
	cat <<'EOF'
fingerprint 16d5233f72b10cf0
K_request 39b12ef90081cc8901e74c14a184d69991fbc3b69caa36e68fca554c9b9d1ac9
K_receipt b87d1475c4b66080f4d524b07ab1bcc52cedfaacc2113c655f146f772730a109
v1 b0531238e128951e7577367ba645237787521d6f6bc422beb3529029fbb2587c
token 263
mac 96c9e56eb277b8fd7819d8c7932fadacfa8f6447176c600bceccf856fc03e202
sha256 a0d7ed90813ced8650aab07438651474b8fa97a3a50ec72c9bc906e2439d3f8b
cancel 264
mac ab0807ba5e6e317aa4ad129bdf6b1e2e511d50ecd95ecb0d7439c564e8868496
token-input 343
mac 7c3d0a46922b68af4b4b18a33e37af3c4f0712b1192f01ef9db01732f87680c4
sha256 9e11906ef353be176dcf64a19cc09fd32e4d2b84275c05da5f91faf7e207f951
receipt 494
mac 0d14b732793019b5c4daeddcab5a8c997d46f1c32785fa4086e407e97244276c
refusal 348
EOF
}

atf_test_case second_implementation_makes_the_same_vectors
second_implementation_makes_the_same_vectors_head() {
	atf_set require.progs python3
}
second_implementation_makes_the_same_vectors_body() {
	second_implementation >expected || atf_fail "python3 failed"
	atf_check -o file:expected "$(atf_get_srcdir)/vectors"
}

atf_test_case vectors_are_the_stated_ones
vectors_are_the_stated_ones_body() {
	"$(atf_get_srcdir)/vectors" >vectors || atf_fail "vectors failed"
	stated >stated
	while read -r line; do
		grep -qxF -- "$line" vectors || atf_fail "missing: $line"
	done <stated
}

atf_init_test_cases() {
	atf_add_test_case second_implementation_makes_the_same_vectors
	atf_add_test_case vectors_are_the_stated_ones
}
