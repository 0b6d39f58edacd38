# The units, and what systemd makes of users and folders.
$(B)/systemd/%.service: systemd/%.service.in $(B)/flags
	@mkdir -p $(@D)
	sed 's,@PREFIX@,$(PREFIX),' $< > $@

UNITS = $(B)/systemd/qvm-remote-dom0.service \
	$(B)/systemd/qvm-remote-compress.service \
	systemd/qvm-remote-compress.timer

install-systemd: $(UNITS)
	$(INSTALL) -d -m 0755 $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/lib/systemd/catalog \
		$(DESTDIR)$(PREFIX)/lib/systemd/system-preset \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	$(INSTALL) -m 0644 $(UNITS) $(DESTDIR)$(PREFIX)/lib/systemd/system
	$(INSTALL) -m 0644 systemd/qvm-remote.catalog \
		$(DESTDIR)$(PREFIX)/lib/systemd/catalog
	$(INSTALL) -m 0644 systemd/qvm-remote-dom0.preset \
		$(DESTDIR)$(PREFIX)/lib/systemd/system-preset/zz-qvm-remote-dom0.preset
	$(INSTALL) -m 0644 systemd/qvm-remote-dom0.sysusers \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/qvm-remote-dom0.conf
	$(INSTALL) -m 0644 systemd/qvm-remote-dom0.tmpfiles \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/qvm-remote-dom0.conf
.PHONY: install-systemd
