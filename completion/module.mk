# Completions of bash, zsh and fish: a table for each program, which rows.awk
# reads, in a file for each shell.
COMPLETED = qvm-remote qvm-remote-dom0 qvm-remote-webui
COMPLETIONS := $(foreach s,bash zsh fish,$(COMPLETED:%=$(B)/completion/%.$(s)))
all: $(COMPLETIONS)

# What there is in the VM (requests) or dom0 (VMs): well-formed names alone.
COMPLETE_IDS = sh -c "cd ~/.qvm-remote \&\& ls queue/* history/*" \
	2>/dev/null | grep -oE "^[0-9]{8}-[0-9]{6}-[0-9]+-[0-9a-f]{8}" | sort -u
COMPLETE_VMS = sh -c "qvm-ls --raw-list; ls /etc/qubes/remote.d" 2>/dev/null | \
	sed "s/[.]key.*//; s/[.]conf.*//" | \
	grep -xE "[A-Za-z][A-Za-z0-9_.-]*" | grep -vx dom0 | sort -u

define completion-rule
$(B)/completion/%.$(1): completion/% completion/$(1).in completion/rows.awk \
		completion/module.mk
	@mkdir -p $$(@D)
	awk -v end='$(2)' -f completion/rows.awk $$< > $$@.rows
	sed -e '/@ROWS@/{r $$@.rows' -e 'd}' -e 's/@PROGRAM@/$$(*F)/g' \
		-e 's/@FUNCTION@/$$(subst -,_,$$(*F))/g' \
		-e 's;@IDS@;$$(subst ;,\;,$$(COMPLETE_IDS));' \
		-e 's;@VMS@;$$(subst ;,\;,$$(COMPLETE_VMS));' completion/$(1).in > $$@
endef
$(foreach s,bash zsh,$(eval $(call completion-rule,$(s),)))
# A list of several lines is one line there.
$(eval $(call completion-rule,fish, \\))

# install-completion-PROGRAM: where each shell looks; Debian's zsh, not there.
ZSH ?= site-functions
install-completion-%: $(B)/completion/%.bash $(B)/completion/%.zsh \
		$(B)/completion/%.fish
	$(INSTALL) -D -m 0644 $(B)/completion/$*.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$*
	$(INSTALL) -D -m 0644 $(B)/completion/$*.zsh \
		$(DESTDIR)$(PREFIX)/share/zsh/$(ZSH)/_$*
	$(INSTALL) -D -m 0644 $(B)/completion/$*.fish \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$*.fish
