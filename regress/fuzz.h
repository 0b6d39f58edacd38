#ifndef REGRESS_FUZZ_H
#define REGRESS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imsg/imsg.h"

/*
 * What the fuzz targets share whose code is made for one life: each input has
 * a process of its own, which begins where the setup has ended, and whose
 * coverage comes back.  fuzz.c is its log.c and event.c: the clock is the
 * input's.  Linked with --wrap=exit: to end is no finding.
 */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct fuzz {
	const uint8_t *p;
	size_t left;
};
/* The next byte; 0 behind the end. */
uint8_t fuzz_byte(struct fuzz *);

/* Runs one input in a child: that it returns or exits is no finding. */
void fuzz_child(void (*run)(struct fuzz *), const uint8_t *, size_t);
/* In the child; and where to exit would be a finding. */
extern bool fuzz_runs, fuzz_ours;
/* What the child ends with; or NULL. */
extern void (*fuzz_end)(void);

/* The clocks, in ms since the setup: they stand still but for this. */
void fuzz_clock_add(int64_t ms);

/*
 * The event loop: step() once a turn, until it says that the input has ended;
 * after() as in event_loop().  Timers are due by the input's clock.
 */
void fuzz_loop(bool (*step)(void), void (*after)(void));

/* A file system of its own, in memory: a folder that no path leads to. */
int fuzz_disk(void);
/* A sealed memfd. */
int fuzz_memfd(const void *, size_t, bool sealed);

/* The other end of a role's channel. */
struct fuzz_peer {
	enum role me, role; /* role: the one under test */
	struct imsg_end end;
	/* Makes a packet of that type one that the role may take. */
	void (*fill)(struct fuzz_peer *, enum imsg_type, uint8_t arg,
	    struct imsg_hdr *, void *payload, int *fd);
	/* What the role says; a descriptor in it is closed afterwards. */
	void (*seen)(struct fuzz_peer *, struct imsg *);
	unsigned number; /* the target's */
};
/* The role's end of a new pair. */
int fuzz_peer_open(struct fuzz_peer *);
void fuzz_peer_close(struct fuzz_peer *);
/*
 * One packet: its type, an argument for fill(), and what is wrong with it
 * (descriptor, size, patches) come from the input.
 */
void fuzz_peer_send(struct fuzz_peer *, struct fuzz *);
/* One packet as it should be. */
void fuzz_peer_say(struct fuzz_peer *, enum imsg_type, uint8_t arg);
/* Takes all that the role has said. */
void fuzz_peer_drain(struct fuzz_peer *);

#endif
