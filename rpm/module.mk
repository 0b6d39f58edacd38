# make rpm BEARSSL=bearssl-0.6.tar.gz: both packages, in $(B)/rpm.  BEARSSL=system
# links the library that is installed here.
RPM := $(abspath $(B))/rpm
RPM_SOURCES := $(RPM)/SOURCES
RPM_TAR = tar -czf $(RPM_SOURCES)/qvm-remote-$(VERSION).tar.gz \
	--exclude=./.git --exclude=./build --exclude=./compile_commands.json \
	--transform='s,^\.,qvm-remote-$(VERSION),' \
	--sort=name --owner=0 --group=0 --numeric-owner .
# Where packages are not RPMs, nothing that the build requires is known by its
# name, and systemd's macros are missing.
RPM_FOREIGN = $(if $(shell rpm -q systemd 2>/dev/null | grep '^systemd-'),,\
	--nodeps --load=rpm/macros)

rpm:
	@[ -n '$(BEARSSL)' ] || { echo 'make rpm: say BEARSSL=FILE, the source' \
		'of BearSSL 0.6, or BEARSSL=system' >&2; exit 1; }
	rm -rf $(RPM)
	mkdir -p $(RPM_SOURCES)
	$(RPM_TAR)
	cp systemd/*.sysusers $(RPM_SOURCES)
	$(if $(filter system,$(BEARSSL)),,cp '$(BEARSSL)' \
		$(RPM_SOURCES)/bearssl-0.6.tar.gz)
	sed 's/@VERSION@/$(VERSION)/; s/@REL@/$(shell cat rel)/; /@CHANGELOG@/d' \
		rpm/qvm-remote.spec.in >$(RPM)/qvm-remote.spec
	rpmbuild -$(if $(filter system,$(BEARSSL)),bb --without \
		bundled_bearssl,ba) $(RPM_FOREIGN) --quiet \
		--define '_topdir $(RPM)' --define '_tmppath $(RPM)' $(RPM)/qvm-remote.spec
	find $(RPM)/RPMS $(RPM)/SRPMS -name "*.rpm" -exec mv -t $(RPM) {} +
.PHONY: rpm
