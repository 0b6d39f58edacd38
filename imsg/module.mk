LIBS += imsg
TESTS += $(B)/imsg/imsg_test
$(B)/imsg/imsg_test: $(B)/imsg/imsg_test.o $(B)/imsg/imsg.o
FUZZERS += $(B)/imsg/imsg_fuzz
$(B)/imsg/imsg_fuzz: $(B)/imsg.fuzz.a
