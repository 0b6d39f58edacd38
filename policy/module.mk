# Names of VMs and UUIDs are judged by wire/id.c: link wire.a behind policy.a.
LIBS += policy

TESTS += $(B)/policy/policy_test $(B)/policy/conf_test
$(B)/policy/policy_test: $(B)/policy/policy_test.o $(B)/policy/policy.o \
	$(B)/policy/text.o $(B)/wire/id.o $(B)/wire/scan.o
$(B)/policy/conf_test: $(B)/policy/conf_test.o $(B)/policy/conf.o \
	$(B)/policy/text.o $(B)/wire/id.o $(B)/wire/scan.o

FUZZERS += $(B)/policy/policy_fuzz $(B)/policy/conf_fuzz
$(B)/policy/policy_fuzz: policy/policy_fuzz.c policy/policy.c policy/text.c \
	wire/id.c wire/scan.c
$(B)/policy/conf_fuzz: policy/conf_fuzz.c policy/conf.c policy/text.c \
	wire/id.c wire/scan.c
