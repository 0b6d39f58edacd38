#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "admin/log.h"
#include "privsep/path.h"

/* What is asked of the running daemon, through its control socket. */

#define DEADLINE_MS 15000 /* another client may have its 5 s before us */

static int64_t
now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		fail_errno("clock");
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Where others wait in a full line, connect() would wait for ever. */
static int
control_socket(void)
{
	const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
	int fd;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == -1)
		fail_errno("control socket");
	return fd;
}

int
control_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int folder, fd;

	at_root(path, PATH_RUN);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder == -1 && errno == ENOENT)
		return -1;
	if (folder == -1)
		fail_errno("%s", path);
	fd = control_socket();
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path),
	    "/proc/self/fd/%d/%s", folder, PATH_CONTROL);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1) {
		if (errno == EAGAIN)
			fail("too many wait for the daemon: try again");
		if (errno != ENOENT && errno != ECONNREFUSED)
			fail_errno("%s/%s", path, PATH_CONTROL);
		close(fd);
		fd = -1;
	}
	close(folder);
	return fd;
}

static void
receive(struct imsg_end *end, struct imsg *m, int64_t deadline)
{
	struct pollfd p = {.fd = end->fd, .events = POLLIN};
	const char *why;
	int64_t left;

	for (;;) {
		left = deadline - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			fail("the daemon does not answer");
		switch (imsg_recv(end, m, &why)) {
		case IMSG_OK:
			return;
		case IMSG_AGAIN:
			break;
		case IMSG_EOF:
			fail("the daemon has closed the control socket");
		case IMSG_REFUSED:
			fail("the daemon's answer is none: %s", why);
		}
	}
}

void
control_ask(int fd, enum imsg_type command, const void *payload, size_t len,
    void (*fn)(struct imsg *))
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct imsg_end end;
	struct imsg m;
	bool done;

	imsg_open(&end, fd, ROLE_CONTROL, ROLE_PARENT, ST_SETUP);
	do {
		receive(&end, &m, deadline);
		done = m.hdr.type == IMSG_PROCESS_END;
		if (!done)
			fn(&m);
	} while (!done);
	imsg_open(&end, fd, ROLE_CONTROL, ROLE_VERIFIER, ST_SERVING);
	if (imsg_send(&end, command, 0, payload, len, -1) == -1)
		fail_errno("control socket");
	do {
		receive(&end, &m, deadline);
		done = m.hdr.type == IMSG_CONTROL_END;
		if (!done)
			fn(&m);
	} while (!done);
	close(fd);
}

static void
exchange(int fd, enum imsg_type command, void (*fn)(struct imsg *))
{
	control_ask(fd, command, NULL, 0, fn);
}

void
control_payload(struct imsg *m, void *out, size_t size)
{
	if (imsg_payload(m, out, size) == -1)
		fail("the daemon's answer is none");
}

static void
print_time(int64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	char text[32];
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		fail("a time that is none");
	fputs(text, stdout);
}

/* status */

static bool json, all_served = true;

/* Whom the parent does not serve; the verifier may have a row of them, too. */
static struct msg_served unserved[3 * VMS_MAX];
static size_t unserved_count;

static const char *
sandbox_words(uint32_t sandbox, bool deny_list)
{
	if (deny_list)
		return (sandbox & SANDBOX_SECCOMP) != 0 ? "seccomp deny-list"
							: "none";
	if ((sandbox & SANDBOX_SECCOMP) == 0)
		return "none";
	return (sandbox & SANDBOX_LANDLOCK) != 0 ? "seccomp, landlock"
						 : "seccomp, no landlock";
}

static void
show_process(struct imsg *m)
{
	struct msg_process p;
	const char *sandbox;

	control_payload(m, &p, sizeof(p));
	p.name[sizeof(p.name) - 1] = '\0';
	sandbox = sandbox_words(p.sandbox,
	    strcmp(p.name, "parent") == 0 || strcmp(p.name, "executor") == 0);
	if (!json) {
		printf("%-40s %8d  %s\n", p.name, (int)p.pid, sandbox);
		return;
	}
	printf("{\"process\":");
	print_json(p.name);
	printf(",\"pid\":%d,\"sandbox\":", (int)p.pid);
	print_json(sandbox);
	printf("}\n");
}

static void
show_log(struct imsg *m)
{
	struct msg_status_log l;
	char name[AUDIT_SEGMENT_NAME_LEN + 1];

	control_payload(m, &l, sizeof(l));
	segment_name(name, l.segment);
	if (json) {
		printf("{\"log\":\"%s\",\"run\":%" PRIu64 ",\"next\":%" PRIu64
		       ",\"used\":%" PRIu64 ",\"size\":%" PRIu64
		       ",\"seed_seen\":%s,\"disk_low\":%s}\n",
		    name, l.run, l.seq, l.used, l.size,
		    l.seed_seen ? "true" : "false",
		    l.disk_low ? "true" : "false");
		return;
	}
	printf("log: run %" PRIu64 ", next record %" PRIu64 ", %s: %" PRIu64
	       " of %" PRIu64 " KiB used; %s\n",
	    l.run, l.seq, name, l.used / 1024, l.size / 1024,
	    l.seed_seen ? "its seals can be checked with the key that was shown"
			: "its first seed was never shown: nobody can check "
			  "its seals (log init)");
	if (l.disk_low)
		printf("the log's or the spool's disk has only its reserve: "
		       "nothing new is taken; free some space\n");
}

static void
show_vm_words(const struct msg_status_vm *v)
{
	printf("VM %s: ", v->vm);
	if (!v->served)
		printf("not served: %s", v->why);
	else if (v->session_us == 0)
		printf("served, no session");
	else {
		printf("session since ");
		print_time(v->session_us);
		printf(" (%s)", v->program);
	}
	printf("; %u running, %u waiting, %u not delivered\n", v->running,
	    v->waiting, v->owed);
	if (v->log_day_limit == 0) /* the verifier does not know it */
		return;
	if (v->last_us != 0) {
		printf("    last request ");
		print_time(v->last_us);
		printf(", %s\n", v->last_id);
	}
	printf("    %" PRIu64 " refused", v->refused);
	if (v->fingerprint[0] != '\0')
		printf("; key %s%s", v->fingerprint,
		    v->auth_v1 ? ", for version 1 too" : "");
	if (v->next_fingerprint[0] != '\0')
		printf(", next key %s", v->next_fingerprint);
	printf("; %" PRIu64 " of %" PRIu64 " KiB of the log today\n",
	    v->log_day / 1024, v->log_day_limit / 1024);
	if (v->log_full == LOG_FULL_DAY)
		printf("    its share of the log is used up: nothing new is "
		       "taken before the next day (UTC)\n");
	else if (v->log_full == LOG_FULL_ALL)
		printf("    its share of the log is used up for good: move the "
		       "log's folder away while the daemon is stopped, and "
		       "begin a new log\n");
	if (v->key_ahead == 0)
		return;
	printf("    its key's tokens are refused up to ");
	print_time(v->key_ahead * 1000000);
	printf(": a clock was wrong (rotate the key), or keys of this time "
	       "fell out of dom0's memory (wait)\n");
}

static void
show_vm_json(const struct msg_status_vm *v)
{
	printf("{\"vm\":");
	print_json(v->vm);
	printf(",\"served\":%s,\"why\":", v->served ? "true" : "false");
	print_json(v->why);
	printf(",\"session\":%" PRId64 ",\"agent\":", v->session_us / 1000000);
	print_json(v->program);
	printf(",\"running\":%u,\"waiting\":%u,\"owed\":%u,\"last\":%" PRId64
	       ",\"last_id\":",
	    v->running, v->waiting, v->owed, v->last_us / 1000000);
	print_json(v->last_id);
	printf(",\"refused\":%" PRIu64 ",\"key\":", v->refused);
	print_json(v->fingerprint);
	printf(",\"next_key\":");
	print_json(v->next_fingerprint);
	printf(",\"auth\":\"%s\"", v->auth_v1 ? "v1" : "v2");
	printf(",\"log_full\":%s",
	    v->log_full != LOG_FULL_NOT ? "true" : "false");
	printf(",\"key_ahead\":%s,\"log_day\":%" PRIu64
	       ",\"log_day_limit\":%" PRIu64 "}\n",
	    v->key_ahead != 0 ? "true" : "false", v->log_day, v->log_day_limit);
}

static void
show_vm_row(const struct msg_status_vm *v)
{
	all_served = all_served && v->served;
	if (json)
		show_vm_json(v);
	else
		show_vm_words(v);
}

static void
note_unserved(struct imsg *m)
{
	struct msg_served s;

	control_payload(m, &s, sizeof(s));
	if (!imsg_text_ok(s.vm, sizeof(s.vm)) ||
	    !imsg_text_ok(s.reason, sizeof(s.reason)) ||
	    unserved_count == sizeof(unserved) / sizeof(unserved[0]))
		fail("the daemon's answer is none");
	unserved[unserved_count++] = s;
}

static void
set_unserved(struct msg_status_vm *v, struct msg_served *s)
{
	v->served = 0;
	memset(v->why, 0, sizeof(v->why));
	memcpy(v->why, s->reason, sizeof(s->reason));
	s->vm[0] = '\0'; /* it has its row */
}

static void
show_unserved(void)
{
	struct msg_status_vm v;
	size_t i;

	for (i = 0; i < unserved_count; i++) {
		if (unserved[i].vm[0] == '\0')
			continue;
		memset(&v, 0, sizeof(v));
		memcpy(v.vm, unserved[i].vm, sizeof(v.vm));
		set_unserved(&v, &unserved[i]);
		show_vm_row(&v);
	}
}

static void
show_vm(struct imsg *m)
{
	struct msg_status_vm v;
	size_t i;

	control_payload(m, &v, sizeof(v));
	if (!imsg_text_ok(v.vm, sizeof(v.vm)) ||
	    !imsg_text_ok(v.why, sizeof(v.why)) ||
	    !imsg_text_ok(v.program, sizeof(v.program)) ||
	    !imsg_text_ok(v.fingerprint, sizeof(v.fingerprint)) ||
	    !imsg_text_ok(v.next_fingerprint, sizeof(v.next_fingerprint)) ||
	    !imsg_text_ok(v.last_id, sizeof(v.last_id)))
		fail("the daemon's answer is none");
	for (i = 0; i < unserved_count; i++)
		if (strcmp(unserved[i].vm, v.vm) == 0)
			set_unserved(&v, &unserved[i]);
	show_vm_row(&v);
}

static void
show_status(struct imsg *m)
{
	if (m->hdr.type == IMSG_PROCESS)
		show_process(m);
	else if (m->hdr.type == IMSG_UNSERVED)
		note_unserved(m);
	else if (m->hdr.type == IMSG_STATUS_LOG)
		show_log(m);
	else if (m->hdr.type == IMSG_STATUS_VM)
		show_vm(m);
}

int
control_absent(void)
{
	fprintf(stderr, "qvm-remote-dom0: no daemon runs\n");
	return EXIT_NO_DAEMON;
}

void
status_show(void)
{
	int fd = control_connect();

	if (fd == -1)
		exit(control_absent());
	exchange(fd, IMSG_STATUS, show_status);
	show_unserved();
}

int
command_status(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			exit(EXIT_USAGE);
		json = true;
	}
	if (optind < argc)
		usage_error("status: too many words");
	status_show();
	finish_output();
	return all_served ? 0 : 1;
}

/* clock accept */

static void
show_clock(struct imsg *m)
{
	struct msg_clock c;

	if (m->hdr.type != IMSG_CLOCK)
		return;
	control_payload(m, &c, sizeof(c));
	if (!c.accepted)
		fail("clock accept: the log has no room for its record: now is "
		     "as it was; make room on the log's disk");
	printf("now is ");
	print_time(c.to_us);
	printf("; it was ");
	print_time(c.from_us);
	printf("\n");
}

int
command_clock(int argc, char **argv)
{
	int fd;

	if (argc != 2 || strcmp(argv[1], "accept") != 0)
		usage_error("clock: clock accept");
	fd = control_connect();
	if (fd == -1)
		return control_absent();
	exchange(fd, IMSG_CLOCK_ACCEPT, show_clock);
	finish_output();
	return 0;
}

/* log checkpoint */

static void
show_newest(struct imsg *m)
{
	struct msg_newest n;

	if (m->hdr.type != IMSG_NEWEST)
		return;
	control_payload(m, &n, sizeof(n));
	checkpoint_print(n.seq, n.time_us, n.hash);
}

bool
control_checkpoint(void)
{
	int fd;

	fd = control_connect();
	if (fd != -1)
		exchange(fd, IMSG_CHECKPOINT, show_newest);
	return fd != -1;
}
