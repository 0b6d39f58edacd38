# qvm-remote is one file that works when it is copied into another
# distribution: static, still position-independent, and small: what a debugger
# reads of it is compressed.
LIBS += client
client_OMIT := client/main.c
PROGS += $(B)/client/qvm-remote
$(B)/client/qvm-remote: $(B)/client/main.o $(B)/client.a $(B)/audit.a \
	$(B)/wire.a $(B)/crypto.a
$(B)/client/qvm-remote: private LDLIBS += -lbearssl
ifndef SANITIZE
$(B)/client/qvm-remote: private HARDEN_LD = -static-pie -gz \
	-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--gc-sections
endif

TESTS += $(B)/client/idlist_test
$(B)/client/idlist_test: $(B)/client/idlist_test.o $(B)/client/idlist.o
TESTS += $(B)/client/patience_test
$(B)/client/patience_test: $(B)/client/patience_test.o $(B)/client/patience.o
TESTS += $(B)/client/text_test
$(B)/client/text_test: $(B)/client/text_test.o $(B)/client/text.o

# dom0's end of the pipe, as the shell tests need it.
$(B)/client/peer.py: client/peer.py
	@mkdir -p $(@D)
	install -m 0644 $< $@
$(patsubst %.sh,$(B)/%,$(wildcard client/*_test.sh)): $(B)/client/peer.py

# What --help says is held against it.
$(B)/client/qvm-remote.1: man/qvm-remote.1
	@mkdir -p $(@D)
	install -m 0644 $< $@
$(B)/client/options_test: $(B)/client/qvm-remote.1
