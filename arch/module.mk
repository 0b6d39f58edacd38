# make arch: the client's package for Arch, in $(B)/arch.  A package has in it where
# it was built: that is /mnt/build, in a mount namespace, wherever $(B) is.  makepkg
# does not run as root, so root is user 1000 in a user namespace meanwhile.
# Elsewhere (where makepkg is no package of pacman's) what the build requires is not
# looked up.
ARCH := $(abspath $(B))/arch
ARCH_NAME = qvm-remote-vm-$(VERSION)-$(shell cat rel)
ARCH_FOREIGN = $(if $(shell pacman -Q pacman 2>/dev/null),,--nodeps)
ARCH_ROOM = unshare --map-root-user --mount sh -euc 'mount -t tmpfs none /mnt && \
	mkdir /mnt/build && mount --bind "$$1" /mnt/build && shift && \
	cd /mnt/build && exec unshare --map-user=1000 --map-group=1000 "$$@"' sh

arch:
	rm -rf $(ARCH)
	mkdir -p $(ARCH)/arch
	cp arch/qvm-remote-vm.install $(ARCH)/arch
	script/source $(ARCH)/$(ARCH_NAME).tar.gz
	sed 's/@VERSION@/$(VERSION)/; s/@REL@/$(shell cat rel)/' arch/PKGBUILD.in \
		>$(ARCH)/PKGBUILD
	epoch=$$(script/epoch) && $(ARCH_ROOM) $(ARCH) \
		env -i PATH="$$PATH" LC_ALL=C SOURCE_DATE_EPOCH="$$epoch" \
		PKGEXT=.pkg.tar.zst makepkg --nocolor $(ARCH_FOREIGN) \
		>$(ARCH)/log 2>&1 || { cat $(ARCH)/log >&2; exit 1; }
	rm -rf $(ARCH)/src $(ARCH)/pkg
.PHONY: arch
