admin_OMIT = admin/main.c admin/mklog.c
LIBS += admin
PROGS += $(B)/admin/qvm-remote-dom0
$(B)/admin/qvm-remote-dom0: $(B)/admin/main.o $(B)/admin.a $(B)/audit.a \
	$(B)/policy.a $(B)/crypto.a $(B)/imsg.a $(B)/wire.a $(B)/privsep/path.o
$(B)/admin/qvm-remote-dom0: LDLIBS += -lbearssl -lzstd

# What the tests read: a log made by the daemon's own writer.
TESTS += $(B)/admin/mklog
$(B)/admin/mklog: $(B)/admin/mklog.o $(B)/audit.a $(B)/crypto.a
$(B)/admin/mklog: LDLIBS += -lbearssl

TESTS += $(B)/admin/outputs_test $(B)/admin/stubs_test $(B)/admin/when_test
$(B)/admin/outputs_test: $(B)/admin/outputs_test.o $(B)/admin/outputs.o \
	$(B)/audit.a
$(B)/admin/stubs_test: $(B)/admin/stubs_test.o $(B)/admin/stubs.o \
	$(B)/audit.a $(B)/crypto.a
$(B)/admin/stubs_test: LDLIBS += -lbearssl
$(B)/admin/when_test: $(B)/admin/when_test.o $(B)/admin/when.o \
	$(B)/audit/text.o

$(B)/admin/lib.sh: admin/lib.sh
	@mkdir -p $(@D)
	$(INSTALL) -m 0644 $< $@
$(patsubst %.sh,$(B)/%,$(wildcard admin/*_test.sh)): $(B)/admin/lib.sh \
	$(B)/admin/qvm-remote-dom0 $(B)/admin/mklog

FUZZERS += $(B)/admin/log_fuzz $(B)/admin/when_fuzz
$(B)/admin/when_fuzz: $(B)/admin/when.fuzz.o $(B)/audit/text.fuzz.o
$(B)/admin/log_fuzz: $(B)/regress/fuzz.fuzz.o $(B)/regress/fuzz_log.fuzz.o \
	$(B)/admin.fuzz.a $(B)/audit.fuzz.a $(B)/policy.fuzz.a \
	$(B)/privsep.fuzz.a $(B)/imsg.fuzz.a $(B)/wire.fuzz.a \
	$(B)/crypto.fuzz.a
$(B)/admin/log_fuzz: LDLIBS += $(FUZZ_LIBS) -lzstd
