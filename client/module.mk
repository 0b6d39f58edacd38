# The fuzz target's; the program has objects of its own.
LIBS += client
client_OMIT := client/main.c

# qvm-remote is one file that works when it is copied into another
# distribution: static, still position-independent, small (what a debugger reads
# of it is compressed), and quick to start, which is why its libc is musl.
client_srcs := $(filter-out %_test.c %_fuzz.c wire/vectors.c, \
	$(wildcard client/*.c wire/*.c audit/*.c crypto/*.c))
PROGS += $(B)/client/qvm-remote
ifdef SANITIZE
$(B)/client/qvm-remote: $(client_srcs:%.c=$(B)/%.o)
$(B)/client/qvm-remote: private LDLIBS += -lbearssl
else
MUSL_CC ?= musl-gcc
client_objs := $(client_srcs:%.c=$(B)/musl/%.o) $(B)/musl/client/musl/chk.o
OBJS += $(client_objs)
# Where its crt1.o and libc.a are, by which its compiler starts a program.
musl = $(dir $(shell $(MUSL_CC) -\#\#\# /dev/null 2>&1 | \
	tr ' ' '\n' | grep '/Scrt1.o$$' | head -n 1))
$(B)/musl/%.o: %.c $(B)/flags version
	@mkdir -p $(@D)
	$(MUSL_CC) $(CFLAGS_ALL) $(OTHER_LIBC) -ffunction-sections -MMD -MP -c -o $@ $<
# bearssl.h is all that it needs of what is made for another libc.
$(B)/musl/crypto/%.o: private OTHER_LIBC = -idirafter /usr/local/include \
	-idirafter /usr/include
$(B)/client/qvm-remote: $(client_objs)
$(B)/client/qvm-remote: private HARDEN_LD = -static-pie -nostdlib -gz \
	-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--gc-sections \
	$(musl)rcrt1.o $(musl)crti.o
$(B)/client/qvm-remote: private LDLIBS += -lbearssl $(musl)libc.a -lgcc \
	-lgcc_eh $(musl)crtn.o
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

FUZZERS += $(B)/client/agent_fuzz
$(B)/client/agent_fuzz: $(B)/regress/fuzz.fuzz.o $(B)/client.fuzz.a \
	$(B)/audit.fuzz.a $(B)/privsep.fuzz.a $(B)/imsg.fuzz.a \
	$(B)/wire.fuzz.a $(B)/crypto.fuzz.a
$(B)/client/agent_fuzz: LDLIBS += $(FUZZ_LIBS)
