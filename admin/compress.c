#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/pack.h"
#include "admin/replace.h"

/*
 * log compress: closed segments but the newest two, the oldest first.  One is
 * removed when what takes its place was read back and is on disk.  The daemon
 * may prune meanwhile: what it has removed stays removed.
 */

static void
compress(int folder, const struct segment *s)
{
	char name[AUDIT_PACKED_NAME_LEN + 1];
	struct stat st, now;
	int fd, error;

	if (fstat(s->fd, &st) == -1)
		replace_failed(folder, s, "reading it", errno);
	fd = replace_create(folder, s, &st);
	error = pack(s->fd, fd);
	if (error != 0)
		replace_failed(folder, s, "packing", error);
	error = pack_check(s->fd, fd);
	if (error != 0)
		replace_failed(folder, s, "reading it back", error);
	replace_sync(folder, fd, s, &st);
	if (fstat(fd, &now) == -1)
		replace_failed(folder, s, "reading it back", errno);
	close(fd);
	if (!replace_segment(folder, s, true))
		return;
	packed_name(name, s->first);
	printf("%s: %jd KiB, now %jd KiB\n", name, (intmax_t)st.st_size / 1024,
	    (intmax_t)now.st_size / 1024);
	finish_output();
}

int
command_log_compress(int argc, char **argv)
{
	struct log log = {.lock = -1};
	int folder;
	size_t i;

	(void)argv;
	if (argc > 1)
		usage_error("log compress: too many words");
	folder = replace_begin();
	segments_open(&log, folder, 0);
	for (i = 0; i + 2 < log.count; i++) {
		if (!log.segments[i].packed)
			compress(folder, &log.segments[i]);
	}
	return 0;
}
