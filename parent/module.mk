# The parent starts, supervises and stops the others.
LIBS += parent
parent_OMIT := parent/parent.c

PROGS += $(B)/parent/parent
$(B)/parent/parent: $(B)/parent/parent.o $(B)/parent.a $(B)/privsep.a \
	$(B)/imsg.a $(B)/policy.a $(B)/wire.a
$(B)/parent/parent: LDLIBS += -lseccomp -lcap-ng
