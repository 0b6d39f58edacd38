#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Foreign bytes on a terminal, page by page: nothing but printable ASCII and
 * our own colour, each row of them behind a mark of ours.  Fatal on failure.
 */

/* Takes the terminal; what was typed before is thrown away. */
void page_open(void);
/* Gives it back; what was typed and not read is thrown away. */
void page_close(void);
/* One row of ours, in a colour of the terminal (0: none); it fits. */
void page_row(const char *, int colour);
/*
 * Bytes in rows of the terminal's width: the first begins with mark, the
 * others with a mark that no line of them can begin with.  lines: an LF ends
 * one, and each begins with its number instead.
 */
void page_bytes(const char *mark, const void *, size_t, bool lines);
/*
 * Once all has been shown, and a second more: what is typed then, without its
 * LF.  False: whoever reads has left before, or said nothing.
 */
bool page_question(const char *question, char *answer, size_t size);

#endif
