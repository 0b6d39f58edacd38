#ifndef ADMIN_STUBS_H
#define ADMIN_STUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "audit/audit.h"

/*
 * What `log erase` leaves in the place of a record: its hash and mac, and which
 * record erased it.
 */
#define STUB	     "erased"
#define STUB_OF_HEAD "snapshot-erased"
bool is_stub(const struct line_head *);
/*
 * Writes the stub of a record, whose line has len bytes: 0, or -1 where the
 * sink failed.  event is one of the two.
 */
int stub_write(const struct line_head *, const char *event, uint64_t by,
    uint64_t len, int (*sink)(void *, const void *, size_t), void *arg);
/* Whether a record is one of what goes with the VM. */
bool stub_is_of(const struct line_head *, const char *line, size_t len,
    const char *vm);

/*
 * Records that are named by stubs before them, at a time: some 200 MiB of
 * memory, which only a log that was made for it asks for.
 */
#define ERASURES_MAX (1u << 20)

/*
 * log verify: stubs, in order, each until the record that erased it.  NULL, or
 * what is wrong.  length: of the line that was there.
 */
const char *stubs_take(const struct line_head *, const char *line, size_t len,
    uint64_t *length);
/* Such a record.  Before `oldest` all was pruned; notes go to words. */
const char *stubs_erased_by(const struct line_head *, const char *line,
    size_t len, uint64_t oldest, FILE *words);
uint64_t stubs_count(void);
/* Those that nothing counts: part of what their record names was pruned. */
struct stubs_uncounted {
	uint64_t count, first, last;
};
const struct stubs_uncounted *stubs_uncounted(void);
/* The first that no record has erased; 0: there is none. */
uint64_t stubs_unexplained(void);

#endif
