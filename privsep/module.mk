# Whoever uses sandbox.h links -lseccomp -lcap-ng.
LIBS += privsep
privsep_OMIT = privsep/sandbox_rig.c
privsep_TESTS = $(addprefix $(B)/privsep/, channel_test event_test \
	log_test privdrop_test sandbox_test syscalls_test)
TESTS += $(privsep_TESTS)
$(privsep_TESTS): LDLIBS += -lseccomp -lcap-ng
$(privsep_TESTS): $(B)/privsep/%: $(B)/privsep/%.o $(B)/privsep.a $(B)/imsg.a
$(B)/privsep/sandbox_test: $(B)/privsep/sandbox_rig.o
