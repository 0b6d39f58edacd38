# Whoever uses sandbox.h links -lseccomp -lcap-ng.
LIBS += privsep
privsep_LDLIBS = -lseccomp -lcap-ng
TESTS += $(B)/privsep/sandbox_test
$(B)/privsep/sandbox_test: LDLIBS += $(privsep_LDLIBS)
$(B)/privsep/sandbox_test: $(B)/privsep/sandbox_test.o $(B)/privsep.a \
	$(B)/imsg.a
