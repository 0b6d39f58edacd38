# The log in a browser: qvm-remote-webui, which reads it, and web, which talks
# HTTP and reads no log.
PROGS += $(B)/webui/qvm-remote-webui $(B)/webui/web

WEB_OBJS := $(addprefix $(B)/webui/, connection.o answer.o events.o request.o \
	page.o)
$(B)/webui/web: $(B)/webui/web.o $(WEB_OBJS) $(B)/privsep.a $(B)/imsg.a \
	$(B)/crypto/hash.o
$(B)/webui/web: LDLIBS += -lmicrohttpd -lseccomp -lcap-ng -lbearssl

READER_OBJS := $(addprefix $(B)/webui/, reader.o listen.o query.o rows.o \
	stat.o export.o request.o page.o)
$(B)/webui/qvm-remote-webui: $(B)/webui/main.o $(READER_OBJS) $(B)/admin.a \
	$(B)/audit.a $(B)/policy.a $(B)/crypto.a $(B)/privsep.a $(B)/imsg.a \
	$(B)/wire.a
$(B)/webui/qvm-remote-webui: LDLIBS += -lseccomp -lcap-ng -lbearssl -lzstd

# The page's files as C: page_html, page_css, page_js.
WEB_PAGE := webui/page.html webui/page.css webui/page.js
$(B)/webui/page.c: $(WEB_PAGE) webui/module.mk
	@mkdir -p $(@D)
	for f in html css js; do \
		printf '#include "webui/page.h"\nconst char page_%s[] =\n' $$f; \
		sed -e 's/[\\"?]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' \
		webui/page.$$f; echo ';'; done > $@
$(B)/webui/page.o: $(B)/webui/page.c $(B)/flags
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

FUZZERS += $(B)/webui/http_fuzz
$(B)/webui/http_fuzz: $(B)/webui/request.fuzz.o $(B)/imsg/imsg.fuzz.o \
	$(B)/crypto/hash.fuzz.o
$(B)/webui/http_fuzz: LDLIBS += -lbearssl
