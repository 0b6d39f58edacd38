# Names of VMs and UUIDs are judged by wire/id.c: link wire.a behind policy.a.
LIBS += policy

POLICY_SRCS = policy/policy.c policy/decide.c policy/pattern.c policy/risk.c \
	policy/text.c policy/value.c policy/words.c wire/id.c wire/scan.c
POLICY_OBJS := $(POLICY_SRCS:%.c=$(B)/%.o)

TESTS += $(B)/policy/policy_test $(B)/policy/decide_test \
	$(B)/policy/words_test $(B)/policy/value_test $(B)/policy/conf_test \
	$(B)/policy/find_test
$(B)/policy/policy_test: $(B)/policy/policy_test.o $(POLICY_OBJS)
$(B)/policy/decide_test: $(B)/policy/decide_test.o $(POLICY_OBJS)
$(B)/policy/words_test: $(B)/policy/words_test.o $(B)/policy/words.o
$(B)/policy/value_test: $(B)/policy/value_test.o $(B)/policy/value.o
$(B)/policy/conf_test: $(B)/policy/conf_test.o $(B)/policy/conf.o \
	$(B)/policy/text.o $(B)/policy/value.o $(B)/wire/id.o $(B)/wire/scan.o
$(B)/policy/find_test: $(B)/policy/find_test.o $(B)/policy/find.o

FUZZERS += $(B)/policy/policy_fuzz $(B)/policy/decide_fuzz \
	$(B)/policy/conf_fuzz
$(filter $(B)/policy/%,$(FUZZERS)): $(B)/policy.fuzz.a $(B)/wire.fuzz.a
