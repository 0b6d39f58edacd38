LIBS += imsg
TESTS += $(B)/imsg/imsg_test $(B)/imsg/act_test
$(B)/imsg/imsg_test: $(B)/imsg/imsg_test.o $(B)/imsg/imsg.o
$(B)/imsg/act_test: $(B)/imsg/act_test.o $(B)/imsg/act.o $(B)/imsg/imsg.o
FUZZERS += $(B)/imsg/imsg_fuzz
$(B)/imsg/imsg_fuzz: $(B)/imsg.fuzz.a
