# One VM's session; the only process that reads what a VM sends.
LIBS += poller
poller_OMIT := poller/poller.c

PROGS += $(B)/poller/poller
$(B)/poller/poller: $(B)/poller/poller.o $(B)/poller.a $(B)/privsep.a \
	$(B)/imsg.a $(B)/wire.a
$(B)/poller/poller: LDLIBS += -lseccomp -lcap-ng
