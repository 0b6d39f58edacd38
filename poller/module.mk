# One VM's session; the only process that reads what a VM sends.
LIBS += poller
poller_OMIT := poller/poller.c

PROGS += $(B)/poller/poller
$(B)/poller/poller: $(B)/poller/poller.o $(B)/poller/agent_text.o \
	$(B)/poller.a $(B)/privsep.a $(B)/imsg.a $(B)/wire.a
$(B)/poller/poller: LDLIBS += -lseccomp -lcap-ng

# agent.sh without its comments, as it stands between single quotes, in C.
$(B)/poller/agent_text.c: poller/agent.sh poller/module.mk
	@mkdir -p $(@D)
	{ echo 'extern const char agent_text[];'; \
	echo 'const char agent_text[] ='; \
	sed -e '/^ *#/d' -e '/^$$/d' -e "s/'/'\\\\''/g" -e 's/[\\"?]/\\&/g' \
	-e 's/^/"/' -e 's/$$/\\n"/' $<; echo ';'; } > $@
$(B)/poller/agent_text.o: $(B)/poller/agent_text.c $(B)/flags
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

TESTS += $(B)/poller/reader_test $(B)/poller/deliver_test \
	$(B)/poller/session_test
$(B)/poller/reader_test: $(B)/poller/reader_test.o $(B)/poller/reader.o \
	$(B)/wire.a
$(B)/poller/deliver_test: $(B)/poller/deliver_test.o $(B)/poller/deliver.o \
	$(B)/wire.a
# It runs the poller itself.
$(B)/poller/session_test: $(B)/poller/session_test.o $(B)/imsg.a \
	$(B)/wire.a $(B)/privsep/path.o $(B)/poller/poller

FUZZERS += $(B)/poller/reader_fuzz $(B)/poller/poller_fuzz
$(B)/poller/reader_fuzz: $(B)/poller.fuzz.a $(B)/wire.fuzz.a
$(B)/poller/poller_fuzz: $(B)/regress/fuzz.fuzz.o $(B)/poller.fuzz.a \
	$(B)/poller/agent_text.o $(B)/privsep.fuzz.a $(B)/imsg.fuzz.a \
	$(B)/wire.fuzz.a
$(B)/poller/poller_fuzz: LDLIBS += $(FUZZ_LIBS)
