# make doc: the figures, from their sources.  Each says in its last comment what
# it was drawn from; what draws is not needed to build or to read.
FIGURES = $(patsubst %.dot,%.svg,$(wildcard doc/*.dot))

doc: $(FIGURES)
$(FIGURES): doc/%.svg: doc/%.dot FORCE
	@command -v dot >/dev/null || { echo 'make doc: dot is missing:' \
		'install graphviz' >&2; exit 1; }
	dot -Tsvg $< >$@.new
	printf '<!-- %s  %s -->\n' "$$(sha256sum <$< | cut -c 1-64)" $< >>$@.new
	mv $@.new $@
.PHONY: doc
