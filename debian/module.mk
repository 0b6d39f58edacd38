# make deb: the source and its packages for Debian, in $(B)/deb.  Elsewhere
# (where debhelper is no package of dpkg's) what the build requires is not looked
# up.
DEB := $(abspath $(B))/deb
DEB_FOREIGN = $(if $(shell dpkg-query -W debhelper 2>/dev/null),,-d)

deb:
	rm -rf $(DEB)
	mkdir -p $(DEB)
	script/source $(DEB)/qvm-remote_$(VERSION).orig.tar.gz
	umask 022 && tar -xzf $(DEB)/qvm-remote_$(VERSION).orig.tar.gz -C $(DEB)
	umask 022 && epoch=$$(script/epoch) && cd $(DEB)/qvm-remote-$(VERSION) && \
		env -u MAKEFLAGS SOURCE_DATE_EPOCH="$$epoch" \
		dpkg-buildpackage -us -uc -Jauto $(DEB_FOREIGN) >$(DEB)/log 2>&1 || \
		{ cat $(DEB)/log >&2; exit 1; }
	rm -rf $(DEB)/qvm-remote-$(VERSION)
.PHONY: deb
