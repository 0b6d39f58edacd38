/* The tables as data. */
#include <atf-c.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>

#include "privsep/syscalls.h"

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

static const struct syscall_table *const tables[] = {&syscalls_base,
    &syscalls_poller, &syscalls_verifier, &syscalls_web, &syscalls_reader,
    &syscalls_deny};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

#ifdef __x86_64__
/* What other architectures and libcs call; everything else exists here. */
static const char *const absent[] = {"timerfd_settime64", "fstat64",
    "fstatat64", "fcntl64", "ftruncate64", "mmap2", "clock_gettime64",
    "fstatfs64", "vm86", "vm86old"};

static bool
may_be_absent(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (strcmp(absent[i], name) == 0)
			return true;
	return false;
}

BODY_CASE(every_name_is_a_system_call_or_known_to_be_absent)
{
	const char *name;
	size_t t, i;
	int nr;

	for (t = 0; t < TABLES; t++)
		for (i = 0; i < tables[t]->len; i++) {
			name = tables[t]->rows[i].name;
			nr = seccomp_syscall_resolve_name(name);
			ATF_REQUIRE_MSG(nr != __NR_SCMP_ERROR,
			    "%s: no such call", name);
			ATF_REQUIRE_MSG((nr < 0) == may_be_absent(name),
			    "%s is %d", name, nr);
		}
}
#endif

BODY_CASE(every_row_has_its_reason)
{
	size_t t, i;

	for (t = 0; t < TABLES; t++)
		for (i = 0; i < tables[t]->len; i++) {
			ATF_REQUIRE(tables[t]->rows[i].why != NULL);
			ATF_REQUIRE(tables[t]->rows[i].why[0] != '\0');
		}
}

static bool
same(const struct syscall_row *x, const struct syscall_row *y)
{
	return strcmp(x->name, y->name) == 0 && x->mask == y->mask &&
	    x->arg == y->arg && x->value == y->value;
}

/* Whether one process may have both: web's reader has a table alone. */
static bool
go_together(const struct syscall_table *x, const struct syscall_table *y)
{
	return x == y || x == &syscalls_deny || y == &syscalls_deny ||
	    (x == &syscalls_base && y != &syscalls_reader);
}

/* A role's own rows may widen a filtered one of the base, and no other. */
BODY_CASE(no_row_is_said_twice)
{
	size_t t, i, u, j;

	for (t = 0; t < TABLES; t++)
		for (i = 0; i < tables[t]->len; i++)
			for (u = 0; u <= t; u++)
				for (j = 0; j < (u == t ? i : tables[u]->len);
				     j++)
					ATF_REQUIRE_MSG(!go_together(tables[u],
							    tables[t]) ||
						!same(&tables[t]->rows[i],
						    &tables[u]->rows[j]),
					    "%s", tables[t]->rows[i].name);
}

BODY_CASE(a_deny_list_denies)
{
	size_t i;

	for (i = 0; i < syscalls_deny.len; i++)
		ATF_REQUIRE(syscalls_deny.rows[i].error == EPERM ||
		    syscalls_deny.rows[i].error == ENOSYS);
}

ATF_TP_ADD_TCS(tp)
{
#ifdef __x86_64__
	ATF_TP_ADD_TC(tp, every_name_is_a_system_call_or_known_to_be_absent);
#endif
	ATF_TP_ADD_TC(tp, every_row_has_its_reason);
	ATF_TP_ADD_TC(tp, no_row_is_said_twice);
	ATF_TP_ADD_TC(tp, a_deny_list_denies);
	return atf_no_error();
}
