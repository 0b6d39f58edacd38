executor_OMIT = executor/rig.c
LIBS += executor
PROGS += $(B)/executor/executor
$(B)/executor/executor: $(B)/executor.a $(B)/privsep.a $(B)/imsg.a \
	$(B)/policy.a $(B)/wire.a $(B)/crypto.a $(B)/audit/piece.o
$(B)/executor/executor: LDLIBS += -lseccomp -lcap-ng -lbearssl

TESTS += $(B)/executor/cgroup_test
$(B)/executor/cgroup_test: $(B)/executor/cgroup_test.o \
	$(B)/executor/cgroup.o $(B)/privsep.a $(B)/imsg.a
$(B)/executor/cgroup_test: LDLIBS += -lseccomp -lcap-ng

TESTS += $(B)/executor/keep_test
$(B)/executor/keep_test: $(B)/executor/keep_test.o $(B)/executor/rig.o \
	$(B)/executor.a $(B)/privsep.a $(B)/imsg.a $(B)/policy.a $(B)/wire.a \
	$(B)/crypto.a $(B)/audit/piece.o
$(B)/executor/keep_test: LDLIBS += -lseccomp -lcap-ng -lbearssl

TESTS += $(B)/executor/end_test $(B)/executor/run_test \
	$(B)/executor/spool_test
$(B)/executor/end_test $(B)/executor/spool_test: %: %.o \
	$(B)/executor/rig.o $(B)/imsg.a
$(B)/executor/run_test: $(B)/executor/run_test.o $(B)/executor/rig.o \
	$(B)/imsg.a $(B)/crypto.a
$(B)/executor/run_test: LDLIBS += -lbearssl

FUZZERS += $(B)/executor/executor_fuzz
$(B)/executor/executor_fuzz: $(B)/regress/fuzz.fuzz.o $(B)/executor.fuzz.a \
	$(B)/privsep.fuzz.a $(B)/imsg.fuzz.a $(B)/policy.fuzz.a \
	$(B)/wire.fuzz.a $(B)/crypto.fuzz.a $(B)/audit/piece.fuzz.o
$(B)/executor/executor_fuzz: LDLIBS += $(FUZZ_LIBS)
