#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "admin/kept.h"
#include "admin/pack.h"
#include "admin/packed.h"
#include "admin/replace.h"
#include "admin/stubs.h"
#include "wire/id.h"

/*
 * log erase: the records of a VM that is not authorised any more.  The daemon
 * begins another segment, which does not name it, and records what goes; then
 * each closed segment is written anew.  After a crash it is gone on from.
 */

/* What the log has of the VM. */
struct found {
	uint64_t count, first, last; /* records */
	uint8_t sha256[SHA256_LEN];  /* of their hashes, in order */
	uint64_t by;   /* the newest record that erases it; 0: none */
	uint64_t left; /* of those before it, which it was to erase */
};

static struct msg_erased erased;

/* As nobody in particular; the log must be read to its end. */
static void
find(const char *vm, struct found *f)
{
	static struct reader reader;
	char of[VM_NAME_MAX + 2];
	struct line_head h;
	const char *line, *why;
	struct sha256 sha;
	struct log log;
	size_t i, len;

	log_open(&log);
	sha256_init(&sha);
	for (i = 0; i < log.count; i++) {
		reader_start(&reader, log.segments[i].fd, 0);
		while (reader_line(&reader, &line, &len) &&
		    line_parse(line, len, &h, &why) == 0) {
			if (strcmp(h.event, "erase") == 0 &&
			    line_str(line, len, "erased", of, sizeof(of)) > 0 &&
			    strcmp(of, vm) == 0) {
				f->by = h.seq;
				f->left = f->count;
			}
			if (!stub_is_of(&h, line, len, vm))
				continue;
			if (f->count++ == 0)
				f->first = h.seq;
			f->last = h.seq;
			sha256_update(&sha, h.hash, sizeof(h.hash));
		}
	}
	sha256_final(&sha, f->sha256);
}

/* In a process of its own, which has said why where it fails. */
static struct found
find_apart(const char *vm)
{
	struct found f = {.count = 0};
	int ends[2], status;
	ssize_t n;
	pid_t child;

	if (pipe(ends) == -1 || (child = fork()) == -1)
		fail_errno("a process that reads the log");
	if (child == 0) {
		find(vm, &f);
		if (write(ends[1], &f, sizeof(f)) != sizeof(f))
			fail_errno("log");
		_exit(0);
	}
	close(ends[1]);
	n = read(ends[0], &f, sizeof(f));
	close(ends[0]);
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			fail_errno("a process that reads the log");
	if (n != sizeof(f) || status != 0)
		exit(1);
	return f;
}

static void
take_erased(struct imsg *m)
{
	if (m->hdr.type == IMSG_ERASED)
		control_payload(m, &erased, sizeof(erased));
}

static void
check_erased(const char *vm)
{
	if (erased.outcome == ERASE_NO_ROOM)
		fail("the log has no room: make some on its disk");
	if (erased.outcome != ERASE_DONE)
		fail("the daemon still knows %s: `queue` shows what it is "
		     "owed; after that it takes a minute",
		    vm);
}

/* From here on no segment but closed ones names it. */
static void
begin_segment(const char *vm)
{
	struct msg_vm v = {.vm = ""};

	memcpy(v.vm, vm, strlen(vm));
	erased.outcome = ERASE_REFUSED;
	control_ask(control_or_end(), IMSG_ERASE_BEGIN, &v, sizeof(v),
	    take_erased);
	check_erased(vm);
}

/* Its number. */
static uint64_t
record(const char *vm, const struct found *f, uint64_t outputs)
{
	struct msg_erase e = {.count = f->count,
	    .first = f->first,
	    .last = f->last,
	    .outputs = outputs};

	memcpy(e.vm, vm, strlen(vm));
	memcpy(e.sha256, f->sha256, sizeof(e.sha256));
	person(e.who, e.tty);
	erased.outcome = ERASE_REFUSED;
	control_ask(control_or_end(), IMSG_ERASE, &e, sizeof(e), take_erased);
	check_erased(vm);
	return erased.seq;
}

static void
rewrite(int folder, const struct segment *s, const char *vm, uint64_t by)
{
	struct stat st;
	int fd, error;

	if (fstat(s->fd, &st) == -1)
		replace_failed(folder, s, "reading it", errno);
	fd = replace_create(folder, s, &st);
	error = pack_erase(s->fd, fd, vm, by);
	if (error == PACK_NOTHING) {
		replace_forget(folder, s);
		close(fd);
		return;
	}
	if (error != 0)
		replace_failed(folder, s, "writing it anew", error);
	replace_sync(folder, fd, s, &st);
	close(fd);
	(void)replace_segment(folder, s, false);
}

/* The newest is not: it has nothing of the VM. */
static void
rewrite_closed(int folder, const char *vm, uint64_t by)
{
	struct log log = {.lock = -1};
	size_t i;

	segments_open(&log, folder, 0);
	for (i = 0; i < log.count; i++) {
		if (log.segments[i].packed)
			packed_add(log.segments[i].fd, log.segments[i].first);
	}
	for (i = 0; i + 1 < log.count; i++)
		rewrite(folder, &log.segments[i], vm, by);
	for (i = 0; i < log.count; i++)
		close(log.segments[i].fd);
	packed_forget();
	free(log.segments);
	sync_folder(folder);
}

/* Who may ask for something again is not erased; the folder stays locked. */
static void
check_removed(const char *vm)
{
	static const char *const files[] = {".key", ".key.next", ".conf"};
	char name[KEYFILE_NAME_MAX];
	int dir = keys_folder(true);
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", vm, files[i]);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			fail("%s has a %s: revoke it, and remove %s", vm,
			    i == 2 ? "policy" : "key", name);
		if (errno != ENOENT)
			fail_errno("%s", name);
	}
}

static void
ask(const char *vm, uint64_t count, uint64_t outputs)
{
	char line[16];

	if (!isatty(STDIN_FILENO))
		fail("nothing is erased: this asks for a `yes` at a terminal, "
		     "and standard input is none (--yes does without)");
	fprintf(stderr,
	    "The log has %" PRIu64
	    " records of %s, and its kept outputs are %" PRIu64
	    " files.\nThey cannot be had back; that they were erased "
	    "stays, with the VM's name.\n\nType yes to erase them: ",
	    count, vm, outputs);
	if (fgets(line, sizeof(line), stdin) == NULL ||
	    strcmp(line, "yes\n") != 0)
		fail("nothing is erased");
}

/* The number of the record that says so. */
static uint64_t
erase_records(int folder, const char *vm, struct found f, uint64_t outputs)
{
	if (f.left == 0) {
		begin_segment(vm);
		f = find_apart(vm);
		if (f.count == 0)
			return 0;
		f.by = record(vm, &f, outputs);
		f.left = f.count;
	}
	rewrite_closed(folder, vm, f.by);
	printf("%" PRIu64 " records of %s are erased; record %" PRIu64
	       " says so.\n",
	    f.left, vm, f.by);
	return f.by;
}

static void
erase_all(int folder, const char *vm, struct found f, uint64_t outputs)
{
	uint64_t by = 0;

	while (f.count > 0) {
		by = erase_records(folder, vm, f, outputs);
		f = find_apart(vm);
	}
	if (by == 0 && outputs > 0)
		by = record(vm, &f, outputs);
	kept_erase(vm);
	if (outputs > 0)
		printf("%" PRIu64 " files of %s's kept outputs are removed; "
		       "record %" PRIu64 " says so.\n",
		    outputs, vm, by);
}

int
command_log_erase(int argc, char **argv)
{
	static const struct option options[] = {{"yes", no_argument, NULL, 'y'},
	    {NULL, 0, NULL, 0}};
	bool yes = false;
	uint64_t outputs;
	struct found f;
	const char *vm;
	int c, folder;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'y')
			option_error(argv);
		yes = true;
	}
	if (argc - optind != 1)
		usage_error("log erase: one VM");
	vm = argv[optind];
	if (!vm_name_valid(vm, strlen(vm)))
		fail("`%s` is no VM's name", vm);
	check_removed(vm);
	folder = replace_begin();
	f = find_apart(vm);
	/* Its records may have been pruned, or a crash come before these went. */
	outputs = kept_count(vm);
	if (f.count == 0 && outputs == 0)
		fail("the log has no record of %s", vm);
	if (!yes)
		ask(vm, f.count, outputs);
	erase_all(folder, vm, f, outputs);
	finish_output();
	return 0;
}
