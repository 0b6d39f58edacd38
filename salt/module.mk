# The formula for Qubes' Salt, where dom0's other ones are.
FORMULA = $(DESTDIR)/srv/formulas/base/qvm-remote-formula

install-salt:
	$(INSTALL) -d -m 0755 $(FORMULA)/qvm-remote
	$(INSTALL) -m 0644 salt/FORMULA salt/README.md salt/pillar.example \
		$(FORMULA)
	$(INSTALL) -m 0644 $(wildcard salt/qvm-remote/*) $(FORMULA)/qvm-remote
	$(INSTALL) -D -m 0644 salt/minion.d/formula-qvm-remote.conf \
		$(DESTDIR)$(SYSCONFDIR)/salt/minion.d/formula-qvm-remote.conf
.PHONY: install-salt
