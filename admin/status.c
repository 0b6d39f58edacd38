#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/control.h"
#include "admin/log.h"
#include "imsg/imsg.h"
#include "privsep/path.h"

/* status */

static bool json, all_served = true;

/* Whom the parent does not serve; the verifier may have a row of them, too. */
static struct msg_served unserved[3 * VMS_MAX];
static size_t unserved_count;

/* 0: this kernel has none. */
static long
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : abi;
}

static void
sandbox_words(char *out, size_t size, uint32_t sandbox, bool deny_list)
{
	if ((sandbox & SANDBOX_SECCOMP) == 0)
		(void)snprintf(out, size, "none");
	else if (deny_list)
		(void)snprintf(out, size, "seccomp deny-list");
	else if ((sandbox & SANDBOX_LANDLOCK) == 0)
		(void)snprintf(out, size, "seccomp, no landlock");
	else
		(void)snprintf(out, size, "seccomp, landlock ABI %ld",
		    landlock_abi());
}

/* What stands behind key in a file of a process's; "" where it has gone. */
static void
proc_value(pid_t pid, const char *file, const char *key, char *out, size_t size)
{
	char path[64], line[PATH_MAX + 64];
	size_t len = strlen(key);
	FILE *f;

	out[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (out[0] == '\0' && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, key, len) == 0)
			(void)snprintf(out, size, "%s",
			    line + len + strspn(line + len, " \t"));
	}
	(void)fclose(f);
}

static void
show_process(struct imsg *m)
{
	char sandbox[64], memory[32], cgroup[PATH_MAX], name[64];
	const char *last;
	struct msg_process p;

	control_payload(m, &p, sizeof(p));
	p.name[sizeof(p.name) - 1] = '\0';
	sandbox_words(sandbox, sizeof(sandbox), p.sandbox,
	    strcmp(p.name, "parent") == 0 || strcmp(p.name, "executor") == 0);
	proc_value(p.pid, "status", "VmRSS:", memory, sizeof(memory));
	proc_value(p.pid, "cgroup", "0::", cgroup, sizeof(cgroup));
	if (!json) {
		last = strrchr(cgroup, '/');
		last = last == NULL ? "none" : last + 1;
		escape(name, sizeof(name), last, strlen(last));
		printf("%-24s %8d %6ld KiB  %s; cgroup %s\n", p.name,
		    (int)p.pid, strtol(memory, NULL, 10), sandbox, name);
		return;
	}
	printf("{\"process\":");
	print_json(p.name);
	printf(",\"pid\":%d,\"memory\":%ld,\"sandbox\":", (int)p.pid,
	    strtol(memory, NULL, 10) * 1024);
	print_json(sandbox);
	printf(",\"cgroup\":");
	print_json(cgroup);
	printf("}\n");
}

/* How full it is: the daemon's own reserve counts as free. */
static void
show_disk(void)
{
	char path[PATH_MAX];
	uint64_t size, left;
	struct statvfs v;

	at_root(path, PATH_LOG);
	if (statvfs(path, &v) == -1)
		fail_errno("%s", path);
	size = (uint64_t)v.f_blocks * v.f_frsize;
	left = (uint64_t)v.f_bavail * v.f_frsize;
	if (json)
		printf("{\"disk\":\"%s\",\"size\":%" PRIu64 ",\"free\":%" PRIu64
		       "}\n",
		    PATH_LOG, size, left);
	else
		printf("log's disk: %" PRIu64 " of %" PRIu64 " MiB free\n",
		    left >> 20, size >> 20);
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
		       ",\"pruned\":%" PRIu64 ",\"used\":%" PRIu64
		       ",\"size\":%" PRIu64
		       ",\"seed_seen\":%s,\"disk_low\":%s}\n",
		    name, l.run, l.seq, l.pruned, l.used, l.size,
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
	if (l.pruned != 0)
		printf("pruned: records 1 to %" PRIu64 "\n", l.pruned);
	if (l.disk_low)
		printf("the log's or the spool's disk has only its reserve: "
		       "nothing new is taken; free some space\n");
}

static const char *
mode_name(const struct msg_status_vm *v)
{
	return v->served ? policy_mode_name((enum policy_mode)v->mode) : "none";
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
		control_print_time(v->session_us);
		printf(" (%s)", v->program);
	}
	printf("; %u running, %u waiting, %u not delivered\n", v->running,
	    v->waiting, v->owed);
	if (v->log_day_limit == 0) /* the verifier does not know it */
		return;
	if (v->last_us != 0) {
		printf("    last request ");
		control_print_time(v->last_us);
		printf(", %s\n", v->last_id);
	}
	printf("    policy %s; %" PRIu64 " refused", mode_name(v), v->refused);
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
	control_print_time(v->key_ahead * 1000000);
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
	printf(",\"policy\":\"%s\",\"refused\":%" PRIu64 ",\"key\":",
	    mode_name(v), v->refused);
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
	else if (m->hdr.type == IMSG_STATUS_LOG) {
		show_log(m);
		show_disk();
	} else if (m->hdr.type == IMSG_STATUS_VM)
		show_vm(m);
}

void
status_show(bool as_json)
{
	int fd = control_connect();

	json = as_json;
	if (fd == -1)
		exit(control_absent());
	control_ask(fd, IMSG_STATUS, NULL, 0, show_status);
	show_unserved();
}

int
command_status(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	bool as_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			option_error(argv);
		as_json = true;
	}
	if (optind < argc)
		usage_error("status: too many words");
	status_show(as_json);
	finish_output();
	return all_served ? 0 : 1;
}
