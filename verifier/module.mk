LIBS += verifier
verifier_OMIT := verifier/verifier.c

PROGS += $(B)/verifier/verifier
$(B)/verifier/verifier: $(B)/verifier/verifier.o $(B)/verifier.a \
	$(B)/privsep.a $(B)/imsg.a $(B)/wire.a $(B)/policy.a $(B)/audit.a \
	$(B)/crypto.a
$(B)/verifier/verifier: LDLIBS += -lseccomp -lcap-ng -lbearssl

TESTS += $(B)/verifier/memory_test
$(B)/verifier/memory_test: $(B)/verifier/memory_test.o \
	$(B)/verifier/memory.o $(B)/crypto.a
$(B)/verifier/memory_test: LDLIBS += -lbearssl

TESTS += $(B)/verifier/journal_test
$(B)/verifier/journal_test: $(B)/verifier/journal_test.o \
	$(B)/verifier/journal.o $(B)/verifier/seal.o $(B)/verifier/tail.o \
	$(B)/privsep.a $(B)/imsg.a $(B)/audit.a $(B)/crypto.a
$(B)/verifier/journal_test: LDLIBS += -lbearssl

# The whole role on fuzz.c's event loop and log.
FUZZERS += $(B)/verifier/verifier_fuzz $(B)/verifier/restore_fuzz
$(B)/verifier/verifier_fuzz $(B)/verifier/restore_fuzz: \
	$(B)/regress/fuzz.fuzz.o $(B)/regress/fuzz_log.fuzz.o \
	$(B)/verifier.fuzz.a $(B)/privsep.fuzz.a \
	$(B)/imsg.fuzz.a $(B)/wire.fuzz.a $(B)/policy.fuzz.a \
	$(B)/audit.fuzz.a $(B)/crypto.fuzz.a
$(B)/verifier/verifier_fuzz $(B)/verifier/restore_fuzz: LDLIBS += $(FUZZ_LIBS)
