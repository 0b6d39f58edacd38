#include <sys/prctl.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "imsg/messages.h"
#include "privsep/log.h"
#include "privsep/sandbox.h"
#include "privsep/seccomp.h"
#include "privsep/syscalls.h"

static const struct {
	const char *name;
	const struct syscall_table *base, *table;
} roles[] = {
    {"poller", &syscalls_base, &syscalls_poller},
    {"verifier", &syscalls_base, &syscalls_verifier},
    {"web", &syscalls_base, &syscalls_web},
    {"reader", &syscalls_reader, NULL},
};

static void __attribute__((noreturn)) fail(int rc, const char *what)
{
	errno = -rc;
	fatal("seccomp: %s", what);
}

static void
add_row(scmp_filter_ctx ctx, const struct syscall_row *row)
{
	uint32_t action = SCMP_ACT_ALLOW;
	struct scmp_arg_cmp cmp;
	int nr, rc;

	nr = seccomp_syscall_resolve_name(row->name);
	if (nr < 0) /* not on this architecture, or newer than the library */
		return;
	if (row->error != 0)
		action = SCMP_ACT_ERRNO((uint16_t)row->error);
	cmp = SCMP_CMP64(row->arg, SCMP_CMP_MASKED_EQ, row->mask, row->value);
	rc = seccomp_rule_add_array(ctx, action, nr, row->mask == 0 ? 0 : 1,
	    &cmp);
	if (rc != 0)
		fail(rc, row->name);
}

static void
add_table(scmp_filter_ctx ctx, const struct syscall_table *table)
{
	size_t i;

	for (i = 0; i < table->len; i++)
		add_row(ctx, &table->rows[i]);
}

static scmp_filter_ctx
new_filter(uint32_t action)
{
	scmp_filter_ctx ctx;
	int rc;

	ctx = seccomp_init(action);
	if (ctx == NULL)
		fatalx("seccomp: no filter");
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	if (rc != 0)
		fail(rc, "foreign ABIs");
	/* no-new-privileges is the caller's business */
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (rc != 0)
		fail(rc, "no-new-privileges");
	return ctx;
}

static void
load(scmp_filter_ctx ctx)
{
	int rc;

	rc = seccomp_load(ctx);
	if (rc != 0)
		fail(rc, "load");
	seccomp_release(ctx);
	if (prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER)
		fatalx("seccomp: the filter is not in force");
}

void
seccomp_enter(const char *name)
{
	scmp_filter_ctx ctx;
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].name, name) != 0)
			continue;
		ctx = new_filter(SCMP_ACT_KILL_PROCESS);
		add_table(ctx, roles[i].base);
		if (roles[i].table != NULL)
			add_table(ctx, roles[i].table);
		load(ctx);
		return;
	}
	fatalx("seccomp: no table for %s", name);
}

uint32_t
sandbox_deny_list(void)
{
	scmp_filter_ctx ctx;
	int before;

	before = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	if (before != 0)
		log_warn("no-new-privileges is set: sudo will not work");
	ctx = new_filter(SCMP_ACT_ALLOW);
	add_table(ctx, &syscalls_deny);
	load(ctx);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != before)
		fatalx("seccomp: no-new-privileges came with the filter");
	return SANDBOX_SECCOMP;
}
