/*
 * A start of the verifier on any log (regress/fuzz_log.h).  Whatever it leaves,
 * the next start can read.
 */
#define main verifier_main
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "verifier/verifier.c"
#undef main
/* To reserve a segment would take longer than all else. */
#define fallocate(fd, mode, from, len) ftruncate(fd, len)
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "verifier/journal.c"

#include <stdlib.h>

#include "regress/fuzz.h"
#include "regress/fuzz_log.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static void
start(void)
{
	journal_read(folder_fd, BOOT, restore_seen, restore_forget);
	begun = false;
	daemon_conf(false, -1);
	verifier_begin();
	journal_close();
}

static void
run(struct fuzz *in)
{
	/* To a channel that is not open: nobody reads it. */
	log_init("verifier", false, &parent);
	fuzz_log(folder_fd, in);
	start();
	/* What was made of it is our own now: an end would be a finding. */
	fuzz_ours = true;
	restore_forget();
	start();
}

static void
set_up(void)
{
	config_init();
	seal_init();
	if (memory_init() == -1)
		abort();
	folder_fd = fuzz_disk();
	pulse_init(folder_fd);
	restore_init(BOOT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (folder_fd == -1)
		set_up();
	fuzz_log_tidy(folder_fd);
	fuzz_child(run, data, size);
	return (0);
}
