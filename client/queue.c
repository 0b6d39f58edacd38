#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/entry.h"
#include "client/file.h"
#include "client/history.h"
#include "client/names.h"
#include "client/queue.h"
#include "client/say.h"
#include "client/show.h"
#include "client/text.h"
#include "client/wait.h"

#define COMMAND_SHOWN 60
#define LEFT_S	      3600 /* what is older belongs to nobody */

static size_t
count(int dir, const char *suffix)
{
	struct names l;
	size_t n;

	if (names_read(&l, dir, suffix, names_id) == -1)
		return (0);
	n = l.n;
	names_free(&l);
	return (n);
}

void
queue_count(const struct home *h, struct counts *c)
{
	c->pending = count(h->pending, ".auth");
	c->running = count(h->running, ".auth");
	c->results = count(h->results, ".exit");
}

int
cmd_queue_status(const struct home *h, const struct args *a)
{
	struct counts c;

	(void)a;
	queue_count(h, &c);
	printf("pending %zu\nrunning %zu\nresults %zu\n", c.pending, c.running,
	    c.results);
	return (show_end() == 0 ? 0 : EXIT_OTHER);
}

void
queue_show_command(const struct home *h, const char *id)
{
	char text[COMMAND_SHOWN], out[COMMAND_SHOWN + 1];
	uint64_t len;
	ssize_t n;
	int fd = entry_open(h, id, PART_COMMAND, &len);

	/* Another program's client (version 1) has it in the queue only. */
	if (fd == -1)
		fd = file_open(h->pending, id, "", &len);
	if (fd == -1)
		fd = file_open(h->running, id, "", &len);
	n = fd == -1 ? 0 : pread(fd, text, sizeof(text), 0);
	if (fd != -1)
		close(fd);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text_escape(out, sizeof(out), text, n > 0 ? (size_t)n : 0);
	puts(out);
}

static int
list(const struct home *h, int dir, const char *suffix, const char *state)
{
	struct names l;
	size_t i;

	if (names_read(&l, dir, suffix, names_id) == -1) {
		say_errno("queue");
		return (-1);
	}
	for (i = 0; i < l.n; i++) {
		printf("%s  %-8s %s ", l.v[i], state,
		    entry_detached(h, l.v[i]) ? "detached" : "        ");
		queue_show_command(h, l.v[i]);
	}
	names_free(&l);
	return (0);
}

int
cmd_queue_list(const struct home *h, const struct args *a)
{
	int result;

	(void)a;
	result = list(h, h->results, ".exit", "ended");
	result |= list(h, h->running, ".auth", "running");
	result |= list(h, h->pending, ".auth", "pending");
	result |= show_end();
	return (result == 0 ? 0 : EXIT_OTHER);
}

static bool
any(const char *name, size_t len)
{
	(void)name;
	return (len > 0);
}

/* The id of a file of the queue: what stands before its first dot. */
static void
id_of(const char *name, char id[ID_MAX + 1])
{
	if (name[0] == '.')
		name++;
	snprintf(id, ID_MAX + 1, "%.*s", (int)strcspn(name, "."), name);
}

/* No request, no result that lacks nothing, and nobody is at work on it. */
static bool
is_left(const struct home *h, int dir, const char *name)
{
	struct stat st;
	char id[ID_MAX + 1];

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    S_ISDIR(st.st_mode) || time(NULL) - st.st_mtime < LEFT_S)
		return (false);
	id_of(name, id);
	if (name[0] == '.' || !names_id(id, strlen(id)))
		return (true);
	return (!file_exists(h->pending, id, ".auth") &&
	    !file_exists(h->running, id, ".auth") && !history_awaited(h, id));
}

static size_t
clean(const struct home *h, int dir)
{
	struct names l;
	size_t i, n = 0;

	if (names_read(&l, dir, "", any) == -1)
		return (0);
	for (i = 0; i < l.n; i++) {
		if (is_left(h, dir, l.v[i]) && unlinkat(dir, l.v[i], 0) == 0)
			n++;
	}
	names_free(&l);
	return (n);
}

/* Results that no client of ours asked for, of version 1 mostly. */
static size_t
clean_results(const struct home *h)
{
	struct names l;
	struct stat st;
	char name[NAME_SIZE];
	size_t i, n = 0;

	if (names_read(&l, h->results, ".exit", names_id) == -1)
		return (0);
	for (i = 0; i < l.n; i++) {
		file_name(name, "", l.v[i], ".exit");
		if (!file_exists(h->clients, l.v[i], "") &&
		    fstatat(h->results, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    time(NULL) - st.st_mtime >= LEFT_S &&
		    history_store(h, l.v[i]) == 0)
			n++;
	}
	names_free(&l);
	return (n);
}

int
cmd_queue_clean(const struct home *h, const struct args *a)
{
	size_t removed, moved;

	(void)a;
	history_sweep(h);
	moved = clean_results(h);
	removed = clean(h, h->pending) + clean(h, h->results);
	audit_line(h, "QUEUE-CLEAN removed=%zu", removed);
	printf("%zu files removed, %zu results moved to history\n", removed,
	    moved);
	return (show_end() == 0 ? 0 : EXIT_OTHER);
}

static int
debug(int dir, const char *folder)
{
	/* An LF in a name would make a line of its own. */
	char shown[4 * NAME_MAX + 1];
	struct names l;
	struct stat st;
	size_t i;

	if (names_read(&l, dir, "", any) == -1) {
		say_errno("queue/%s", folder);
		return (-1);
	}
	for (i = 0; i < l.n; i++) {
		if (strcmp(l.v[i], ".") == 0 || strcmp(l.v[i], "..") == 0 ||
		    fstatat(dir, l.v[i], &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		text_escape(shown, sizeof(shown), l.v[i], strlen(l.v[i]));
		printf("%06o %5u %9" PRId64 " B %8" PRId64 " s  %s/%s\n",
		    st.st_mode, (unsigned)st.st_uid, (int64_t)st.st_size,
		    (int64_t)(time(NULL) - st.st_mtime), folder, shown);
	}
	names_free(&l);
	return (0);
}

int
cmd_queue_debug(const struct home *h, const struct args *a)
{
	int result;

	(void)a;
	puts("  mode   uid      size        age  file");
	result = debug(h->pending, "pending");
	result |= debug(h->running, "running");
	result |= debug(h->results, "results");
	result |= debug(h->clients, "clients");
	result |= show_end();
	return (result == 0 ? 0 : EXIT_OTHER);
}
