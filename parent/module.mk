# The parent starts, supervises and stops the others.
LIBS += parent
parent_OMIT := parent/parent.c

PROGS += $(B)/parent/parent
$(B)/parent/parent: $(B)/parent/parent.o $(B)/parent.a $(B)/privsep.a \
	$(B)/imsg.a $(B)/policy.a $(B)/wire.a
$(B)/parent/parent: LDLIBS += -lseccomp -lcap-ng

TESTS += $(B)/parent/backoff_test $(B)/parent/cgroup_test \
	$(B)/parent/file_test $(B)/parent/presence_test
$(B)/parent/backoff_test: $(B)/parent/backoff_test.o $(B)/parent/backoff.o
$(B)/parent/cgroup_test: $(B)/parent/cgroup_test.o $(B)/parent/cgroup.o \
	$(B)/parent/file.o $(B)/parent/settings.o $(B)/policy.a $(B)/wire.a \
	$(B)/privsep/log.o $(B)/privsep/path.o $(B)/privsep/channel.o \
	$(B)/privsep/event.o $(B)/imsg.a
$(B)/parent/file_test: $(B)/parent/file_test.o $(B)/parent/file.o
$(B)/parent/presence_test: $(B)/parent/presence_test.o \
	$(B)/parent/presence.o

FUZZERS += $(B)/parent/parent_fuzz
$(B)/parent/parent_fuzz: $(B)/regress/fuzz.fuzz.o $(B)/parent.fuzz.a \
	$(B)/privsep.fuzz.a $(B)/imsg.fuzz.a $(B)/policy.fuzz.a \
	$(B)/wire.fuzz.a
$(B)/parent/parent_fuzz: LDLIBS += $(FUZZ_LIBS)
