#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A valid id is what its time, its pid and its eight digits print to; a valid
 * ping id, its two numbers; a valid name is a file's name and no other thing.
 */
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_id(const char *id)
{
	unsigned long long pid;
	char out[ID_MAX + 1];
	struct tm tm;

	id_time(id, &tm);
	pid = strtoull(id + 16, NULL, 10);
	if (pid > UINT32_MAX)
		return;
	id_print(out, &tm, (uint32_t)pid,
	    (uint32_t)strtoul(id + strlen(id) - 8, NULL, 16));
	if (strcmp(id, out) != 0)
		abort();
}

static void
check_ping(const char *id)
{
	char out[2 * ID_MAX];
	char *end;
	long long ns;

	ns = strtoll(id + 5, &end, 10);
	snprintf(out, sizeof(out), "ping-%lld%s", ns, end);
	if (strcmp(id, out) != 0 || id_ping_seconds(id) != ns / 1000000000)
		abort();
}

static void
check_name(const char *name, size_t len)
{
	/* NUL, slash, white space and dots that lead elsewhere. */
	if (len > VM_NAME_MAX || strlen(name) != len || name[0] == '.' ||
	    strpbrk(name, "/ \t\r\n") != NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	char copy[ID_MAX + 1] = "";

	if (len <= ID_MAX)
		memcpy(copy, data, len);
	if (id_valid(text, len))
		check_id(copy);
	if (id_valid_v1_ping(text, len))
		check_ping(copy);
	if (vm_name_valid(text, len))
		check_name(copy, len);
	if (uuid_valid(text, len) && strlen(copy) != UUID_LEN)
		abort();
	return (0);
}
