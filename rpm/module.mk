# make rpm BEARSSL=bearssl-0.6.tar.gz: source and binary packages, in $(B)/rpm.
# BEARSSL=system links the library that is installed here, and makes no source
# package.  RPM_FLAGS are rpmbuild's for the binary ones, as --without check.
RPM := $(abspath $(B))/rpm
RPM_SOURCES := $(RPM)/SOURCES
RPM_EPOCH = $(shell script/epoch)
# Where packages are not RPMs, nothing that the build requires is known by its
# name, and Fedora's macros are missing.
RPM_FOREIGN = $(if $(shell rpm -q systemd 2>/dev/null | grep '^systemd-'),,\
	--nodeps --load=$(CURDIR)/rpm/macros)
# Times and names of this machine are in no package.
RPM_REPRO = --define 'use_source_date_epoch_as_buildtime 1' \
	--define 'clamp_mtime_to_source_date_epoch 1' --define '_buildhost localhost'
# A source package has in it the spec as it is expanded here, with the folders and
# make's -j, and the owner and modes of its files.
RPM_SOURCE = --nodeps --define '_topdir .' --define '_tmppath .' \
	--define '_smp_mflags %{nil}' --define '_srcdefattr (0644,root,root)'
RPM_BUILD = cd $(RPM) && HOME=$(RPM) SOURCE_DATE_EPOCH=$(RPM_EPOCH) rpmbuild $(RPM_FOREIGN) \
	$(RPM_REPRO)
RPM_CHANGELOG = * $(shell LC_ALL=C date -u -d @$(RPM_EPOCH) '+%a %b %d %Y') \
	qvm-remote - $(VERSION)-$(shell cat rel)\n- CHANGES.md says what is new.

rpm:
	@[ -n '$(BEARSSL)' ] || { echo 'make rpm: say BEARSSL=FILE, the source' \
		'of BearSSL 0.6, or BEARSSL=system' >&2; exit 1; }
	@[ -n '$(RPM_EPOCH)' ]
	rm -rf $(RPM)
	mkdir -p $(RPM_SOURCES)
	script/source $(RPM_SOURCES)/qvm-remote-$(VERSION).tar.gz
	$(if $(filter system,$(BEARSSL)),,cp '$(BEARSSL)' \
		$(RPM_SOURCES)/bearssl-0.6.tar.gz)
	sed 's/@VERSION@/$(VERSION)/; s/@REL@/$(shell cat rel)/; s/@CHANGELOG@/$(RPM_CHANGELOG)/' \
		rpm/qvm-remote.spec.in >$(RPM)/qvm-remote.spec
	($(RPM_BUILD) $(RPM_FLAGS) --clean -bb \
		$(if $(filter system,$(BEARSSL)),--without bundled_bearssl) \
		--define '_topdir $(RPM)' --define '_tmppath $(RPM)' qvm-remote.spec \
		$(if $(filter system,$(BEARSSL)),,&& \
		$(RPM_BUILD) $(RPM_SOURCE) -bs qvm-remote.spec) \
		) >$(RPM)/log 2>&1 || { cat $(RPM)/log >&2; exit 1; }
	find $(RPM)/RPMS $(RPM)/SRPMS -name "*.rpm" -exec mv -t $(RPM) {} +
.PHONY: rpm
