#include "verifier/verifier.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "privsep/log.h"

/*
 * The copies of the log that people and tools read: a file in the classic form
 * `[time] CATEGORY text`, and journald.  The truth is the log: nothing waits
 * for a copy, and a line that cannot be written is dropped.  Lines wait here
 * until what they tell is on disk.
 */

#define LINES_MAX  512 /* a turn of the loop */
#define TEXT_MAX   1024
#define CMD_MAX	   200 /* bytes of a command */
#define OUT_LINES  3   /* of an output's beginning */
#define PRI_ERR	   3
#define PRI_NOTICE 5
#define PRI_INFO   6

struct line {
	int64_t time_us;
	int priority;
	const char *category;
	char vm[VM_NAME_MAX + 1], id[ID_MAX + 1]; /* or "" */
	const char *message, *status;		  /* or NULL */
	char text[TEXT_MAX]; /* printable: escaped where it was put in */
};
static struct line lines[LINES_MAX];
static unsigned line_count, dropped;

static struct place {
	const char *name;
	int fd;
	bool failed;   /* and that has been said */
	bool half;     /* the file ends within a line */
	unsigned lost; /* lines that did not get there */
} places[] = {
    [COPY_FILE] = {.name = "the readable log", .fd = -1},
    [COPY_JOURNAL] = {.name = "journald", .fd = -1},
};

void
copy_take(uint32_t to, int fd)
{
	struct place *p = &places[to];

	if (p->fd != -1)
		close(p->fd);
	p->fd = fd;
	p->failed = p->half = false;
}

/* NULL: there is no place for it. */
static struct line *__attribute__((format(printf, 5, 6)))
add(const char *category, int priority, const char *vm, const char *id,
    const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct line *l;
	va_list ap;

	if (line_count == LINES_MAX) {
		dropped++;
		return (NULL);
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	l = &lines[line_count++];
	memset(l, 0, sizeof(*l));
	l->time_us = now_realtime_us();
	l->priority = priority;
	l->category = category;
	(void)snprintf(l->vm, sizeof(l->vm), "%s", vm);
	(void)snprintf(l->id, sizeof(l->id), "%s", id);
	memcpy(l->text, text, sizeof(l->text));
	return (l);
}

/* The one line that stands for a record. */
static void
stands_for(struct line *l, const char *event, const char *status)
{
	if (l == NULL)
		return;
	l->message = message_id(event);
	l->status = status;
}

static struct line *
add_of(const struct request *r, const char *category, int priority,
    const char *text)
{
	return (add(category, priority, r->vm->name, r->answer.id,
	    "vm=%s id=%s%s%s", r->vm->name, r->answer.id,
	    text[0] != '\0' ? " " : "", text));
}

static void
command_of(const struct request *r, char *out, size_t size)
{
	static const char name[] = "cmd=";
	const size_t used = sizeof(name) - 1;
	char raw[CMD_MAX];
	ssize_t n = 0;

	if (r->body_fd != -1)
		n = pread(r->body_fd, raw, sizeof(raw), 0);
	if (n > 0 && raw[n - 1] == '\n')
		n--;
	memcpy(out, name, used);
	log_escape(out + used, size - used, raw, n > 0 ? (size_t)n : 0);
}

void
copy_intent(const struct request *r)
{
	char text[TEXT_MAX];

	command_of(r, text, sizeof(text));
	add_of(r, "AUTH-OK", PRI_INFO, "");
	add_of(r, "EXEC", PRI_NOTICE, "");
	stands_for(add_of(r, "CMD", PRI_NOTICE, text), "intent", NULL);
}

/* The first lines of an output, and whether something is missing of it. */
static void
add_output(const struct request *r, const char *category, const char *name,
    const char *head, size_t len, const struct receipt_stream *s)
{
	char text[TEXT_MAX];
	const char *lf;
	unsigned n;
	size_t k;

	for (n = 0; n < OUT_LINES && len > 0; n++) {
		lf = memchr(head, '\n', len);
		k = lf != NULL ? (size_t)(lf - head) : len;
		log_escape(text, sizeof(text), head, k);
		add_of(r, category, PRI_INFO, text);
		k += lf != NULL ? 1 : 0;
		head += k;
		len -= k;
	}
	if (s->kept == s->written)
		return;
	(void)snprintf(text, sizeof(text), "stream=%s kept=%llu written=%llu",
	    name, (unsigned long long)s->kept, (unsigned long long)s->written);
	add_of(r, "TRUNC", PRI_NOTICE, text);
}

static struct line *
add_done(const struct request *r, const char *category, int priority)
{
	const struct receipt *a = &r->answer;
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text), "exit=%u duration=%lldms%s%s",
	    (unsigned)a->exit, (long long)(a->ended_us - a->started_us) / 1000,
	    a->reason[0] != '\0' ? " reason=" : "", a->reason);
	return (add_of(r, category, priority, text));
}

static struct line *
add_reason(const struct request *r, const char *category, int priority)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text), "reason=%s", r->answer.reason);
	return (add_of(r, category, priority, text));
}

static struct line *
add_dry(const struct request *r)
{
	char text[TEXT_MAX];

	command_of(r, text, sizeof(text));
	return (add_of(r, "DRY", PRI_NOTICE, text));
}

/* How it ended: the last line of it. */
static struct line *
add_end(const struct request *r)
{
	const struct receipt *a = &r->answer;
	char text[TEXT_MAX];

	switch (a->status) {
	case RECEIPT_EXITED:
		return (add_done(r, a->exit == 0 ? "DONE" : "DONE-FAIL",
		    a->exit == 0 ? PRI_INFO : PRI_NOTICE));
	case RECEIPT_TIMEOUT:
		(void)snprintf(text, sizeof(text), "after=%llds",
		    (long long)(a->ended_us - a->started_us) / 1000000);
		add_of(r, "TIMEOUT", PRI_ERR, text);
		return (add_done(r, "DONE-FAIL", PRI_NOTICE));
	case RECEIPT_SIGNALED:
	case RECEIPT_CANCELLED:
		return (add_done(r, "DONE-FAIL", PRI_NOTICE));
	case RECEIPT_CHECKED:
		return (add_of(r, "INFO", PRI_INFO,
		    token_kind_name(r->token.kind)));
	case RECEIPT_DRY_RUN:
		return (add_dry(r));
	case RECEIPT_INTERRUPTED:
		return (add_reason(r, "ERROR", PRI_ERR));
	default:
		return (add_reason(r, "REJECT", PRI_NOTICE));
	}
}

void
copy_result(const struct request *r, const struct msg_ended *e)
{
	const struct receipt *a = &r->answer;

	if (e != NULL) {
		add_output(r, "OUT", "stdout", e->out_head, e->out_head_len,
		    &a->out);
		add_output(r, "ERR", "stderr", e->err_head, e->err_head_len,
		    &a->err);
	}
	stands_for(add_end(r), "result", receipt_status_name(a->status));
}

void
copy_refused(const struct request *r)
{
	const char *category = "REJECT";
	int priority = PRI_NOTICE;

	if (r->token.key[0] == '\0' || r->answer.status == RECEIPT_REPLAYED) {
		category = r->token.key[0] == '\0' ? "AUTH-FAIL" : "AUTH-DENY";
		priority = PRI_ERR;
	}
	stands_for(add_reason(r, category, priority), "refused",
	    receipt_status_name(r->answer.status));
}

void
copy_event(const char *vm, const char *id, const char *event, const char *text)
{
	bool bad = strcmp(event, "violation") == 0;

	stands_for(add(bad ? "ERROR" : "INFO", bad ? PRI_ERR : PRI_INFO, vm, id,
		       "%s%s%s%s%s%s%s", event, vm[0] != '\0' ? " vm=" : "", vm,
		       id[0] != '\0' ? " id=" : "", id,
		       text[0] != '\0' ? " " : "", text),
	    event, NULL);
}

void
copy_person(const char *vm, const char *id, const char *event, const char *who)
{
	char text[VM_NAME_MAX + sizeof("who=")];

	(void)snprintf(text, sizeof(text), "who=%s", who);
	copy_event(vm, id, event, text);
}

/* A full disk takes a part of a line: the next one begins anew. */
static bool
write_file(struct place *p, const struct line *l)
{
	time_t seconds = (time_t)(l->time_us / 1000000);
	char time[32], out[TEXT_MAX + 64];
	struct tm tm;
	ssize_t done;
	int n;

	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return (false);
	n = snprintf(out, sizeof(out), "%s[%s] %s %s\n", p->half ? "\n" : "",
	    time, l->category, l->text);
	if (n < 0 || (size_t)n >= sizeof(out))
		return (false);
	done = write(p->fd, out, (size_t)n);
	if (done > 0)
		p->half = out[done - 1] != '\n';
	if (done >= 0 && done < n)
		errno = ENOSPC;
	return (done == n);
}

/* A field of an entry, where it has a value. */
static void
put_field(char *out, size_t size, const char *name, const char *value)
{
	size_t used = strlen(out);

	if (value != NULL && value[0] != '\0')
		(void)snprintf(out + used, size - used, "%s=%s\n", name, value);
}

/* journald's native protocol: a field a line; nothing here has a newline. */
static bool
write_journal(const struct place *p, const struct line *l)
{
	char out[TEXT_MAX + 512];
	size_t len;

	(void)snprintf(out, sizeof(out),
	    "MESSAGE=%s %s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=qvm-remote\n"
	    "QVM_REMOTE_EVENT=%s\n",
	    l->category, l->text, l->priority, l->category);
	put_field(out, sizeof(out), "QVM_REMOTE_VM", l->vm);
	put_field(out, sizeof(out), "QVM_REMOTE_ID", l->id);
	put_field(out, sizeof(out), "QVM_REMOTE_STATUS", l->status);
	put_field(out, sizeof(out), "MESSAGE_ID", l->message);
	len = strlen(out);
	return (out[len - 1] == '\n' && write(p->fd, out, len) == (ssize_t)len);
}

static bool
write_line(struct place *p, const struct line *l)
{
	bool there =
	    p == &places[COPY_FILE] ? write_file(p, l) : write_journal(p, l);

	if (!there && !p->failed)
		log_warn("%s cannot be written: %s", p->name, strerror(errno));
	p->failed = !there;
	return (there);
}

/* What is missing is said where it is. */
static bool
write_lost(struct place *p)
{
	struct line l = {.time_us = now_realtime_us(),
	    .priority = PRI_ERR,
	    .category = "ERROR"};

	if (p->lost == 0)
		return (true);
	(void)snprintf(l.text, sizeof(l.text), "%u lines are missing here",
	    p->lost);
	if (!write_line(p, &l))
		return (false);
	p->lost = 0;
	return (true);
}

static void
flush_to(struct place *p)
{
	unsigned i = 0;

	if (p->fd == -1)
		return;
	if (write_lost(p)) {
		while (i < line_count && write_line(p, &lines[i]))
			i++;
	}
	p->lost += line_count - i + dropped;
}

void
copy_flush(void)
{
	if (line_count == 0)
		return;
	flush_to(&places[COPY_FILE]);
	flush_to(&places[COPY_JOURNAL]);
	line_count = dropped = 0;
}
