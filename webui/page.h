#ifndef WEBUI_PAGE_H
#define WEBUI_PAGE_H

/* page.html, page.css and page.js, as they are: the build makes page.o of them. */
extern const char page_html[], page_css[], page_js[];

#endif
