# The test bed: what regress/bed installs beside the programs under test, and
# what the shell tests read.
BED_PROGS := $(B)/regress/vm $(B)/regress/supervise $(B)/regress/qvm-run \
	$(B)/regress/qrexec-client $(B)/regress/big_log \
	$(B)/regress/clockrun $(B)/regress/decide $(B)/regress/stopwatch \
	$(B)/regress/forbid $(B)/regress/rows $(B)/regress/puppet
$(B)/regress/vm: $(B)/regress/vm.o $(B)/regress/vm_mount.o \
	$(B)/regress/vm_agent.o $(B)/regress/relay.o
$(B)/regress/supervise: $(B)/regress/supervise.o
$(B)/regress/clockrun: $(B)/regress/clockrun.o
$(B)/regress/stopwatch: $(B)/regress/stopwatch.o
$(B)/regress/qvm-run: $(B)/regress/qvm_run.o $(B)/regress/relay.o
$(B)/regress/qrexec-client: $(B)/regress/qrexec_client.o $(B)/regress/relay.o
$(B)/regress/big_log: $(B)/regress/big_log.o $(B)/audit.a $(B)/crypto.a
$(B)/regress/big_log: LDLIBS += -lbearssl
$(B)/regress/decide: $(B)/regress/decide.o $(B)/policy.a $(B)/wire.a
$(B)/regress/forbid: $(B)/regress/forbid.o $(B)/regress/start.o \
	$(B)/regress/tracee.o $(B)/privsep.a $(B)/imsg.a
$(B)/regress/rows: $(B)/regress/rows.o $(B)/privsep.a
$(B)/regress/forbid: LDLIBS += -lseccomp -lcap-ng
$(B)/regress/puppet: $(B)/regress/puppet.o $(B)/poller/qvmrun.o \
	$(B)/poller/agent_text.o $(B)/privsep.a $(B)/imsg.a $(B)/wire.a
$(B)/regress/puppet: LDLIBS += -lseccomp -lcap-ng
$(BED_PROGS):
	$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %.a,$^) $(LDLIBS)

install-bed: $(BED_PROGS)
	$(INSTALL) -d -m 0755 $(DESTDIR)/usr/bin $(DESTDIR)/usr/libexec/bed
	$(INSTALL) -m 0755 $(B)/regress/qvm-run $(B)/regress/qrexec-client \
		regress/qvm-prefs $(DESTDIR)/usr/bin
	$(INSTALL) -m 0755 $(B)/regress/vm $(B)/regress/supervise \
		$(B)/regress/clockrun $(B)/regress/stopwatch \
		regress/bed-check regress/log-verify $(DESTDIR)/usr/libexec/bed
	$(INSTALL) -m 0644 regress/sealed_log.py regress/log_manual.py \
		$(DESTDIR)/usr/libexec/bed
# What `bed up` copies.
bed-root: all $(BED_PROGS)
	rm -rf $(B)/bed-root
	+$(MAKE) --no-print-directory PREFIX=/usr DESTDIR='$(abspath $(B))/bed-root' \
		install-bed install-dom0 install-vm
.PHONY: install-bed bed-root

# lib.sh knows the tree and how it was built: tests run from elsewhere.
$(B)/regress/lib.sh: regress/lib.sh $(B)/flags
	@mkdir -p $(@D)
	{ printf ': "$${BUILD:=%s}"\nTREE=%s\nSANITIZE=%s\n' \
		'$(abspath $(B))' '$(CURDIR)' '$(SANITIZE)'; cat $<; } > $@
$(patsubst %.sh,$(B)/%,$(wildcard regress/*_test.sh)): $(BED_PROGS) \
	$(B)/regress/lib.sh

# All of what the tests take samples of: hours.  Root only.
crash powercut: tests
	BUILD='$(abspath $(B))' regress/every $@
.PHONY: crash powercut
