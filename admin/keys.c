#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"

struct row {
	const char *vm;
	bool next;		 /* of a rotation */
	const char *fingerprint; /* NULL: its key does not hold */
	const char *key_problem;
	const char *uuid; /* NULL: bound to the name alone */
	bool v1;	  /* its policy allows version 1 */
	const char *policy_problem;
};

static void
print_row(const struct row *r)
{
	printf("%-16s  %-16s  %-36s  ", r->vm,
	    r->fingerprint != NULL ? r->fingerprint : "-",
	    r->uuid != NULL		    ? r->uuid
		: r->policy_problem != NULL ? "-"
					    : "name only");
	if (r->next)
		printf("next key; ");
	if (r->key_problem != NULL)
		printf("key: %s; ", r->key_problem);
	if (r->policy_problem != NULL)
		printf("policy: %s\n", r->policy_problem);
	else
		printf("policy ok%s\n", r->v1 ? ", version 1 too" : "");
}

static void
print_field(const char *name, const char *value)
{
	printf("\"%s\":", name);
	if (value != NULL)
		print_json(value);
	else
		printf("null");
}

static void
print_row_json(const struct row *r)
{
	putchar('{');
	print_field("vm", r->vm);
	printf(",\"next\":%s,", r->next ? "true" : "false");
	print_field("fingerprint", r->fingerprint);
	putchar(',');
	print_field("key_problem", r->key_problem);
	putchar(',');
	print_field("uuid", r->uuid);
	putchar(',');
	print_field("auth",
	    r->policy_problem != NULL ? NULL
		: r->v1		      ? "v1"
				      : "v2");
	putchar(',');
	print_field("policy_problem", r->policy_problem);
	printf("}\n");
}

static void
show(int dir, const struct keyfile *list, size_t count, size_t self, bool json)
{
	struct derived_keys derived;
	struct row row = {.vm = list[self].vm, .next = list[self].next};
	struct policy policy;
	char err[512];
	int got;

	row.key_problem = keyfile_fault(list, count, self);
	if (list[self].problem == NULL) {
		derive_keys(list[self].key, &derived);
		row.fingerprint = derived.fingerprint;
	}
	got = policy_read(dir, list[self].vm, NULL, &policy, err, sizeof(err));
	row.v1 = got == 1 && policy.auth_v1;
	if (got == 1 && policy.uuid[0] != '\0')
		row.uuid = policy.uuid;
	else if (got == 0)
		row.policy_problem = "there is none";
	else if (got == -1)
		row.policy_problem = err;
	if (json)
		print_row_json(&row);
	else
		print_row(&row);
	explicit_bzero(&derived, sizeof(derived));
}

int
command_keys(int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct keyfile *list;
	bool json = false;
	size_t i, count;
	int c, dir;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			option_error(argv);
		json = true;
	}
	if (optind < argc)
		usage_error("keys: too many words");
	dir = keys_folder(false);
	if (dir == -1)
		return 0;
	list = keyfiles_read(dir, &count);
	for (i = 0; i < count; i++)
		show(dir, list, count, i, json);
	keyfiles_free(list, count);
	finish_output();
	return 0;
}
