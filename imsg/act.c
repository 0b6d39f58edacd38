#include "imsg/act.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const events[] = {
    [ACT_AUTHORIZE] = "authorize",
    [ACT_REVOKE] = "revoke",
    [ACT_ROTATE] = "rotate",
    [ACT_ROTATE_FINISH] = "rotate-finish",
    [ACT_ENABLE] = "enable",
    [ACT_DISABLE] = "disable",
};
#define ACTS (sizeof(events) / sizeof(events[0]))

const char *
act_event(uint64_t act)
{
	return act < ACTS ? events[act] : NULL;
}

static bool
is_word(const char *text, size_t size)
{
	return imsg_text_ok(text, size) && text[0] != '\0' &&
	    strchr(text, ' ') == NULL;
}

static const char *
word(const char *text)
{
	return text[0] != '\0' ? text : "-";
}

int
act_print(char out[ACT_MAX], int64_t done_us, const struct msg_act *a)
{
	int n;

	if (act_event(a->act) == NULL || !is_word(a->who, sizeof(a->who)) ||
	    !is_word(a->tty, sizeof(a->tty)))
		return -1;
	n = snprintf(out, ACT_MAX, "\n%" PRId64 " %s %s %s %s %s\n", done_us,
	    events[a->act], word(a->vm), a->who, a->tty, word(a->fingerprint));
	return n > 0 && n < ACT_MAX ? n : -1;
}

/* The next word, with a NUL. */
static int
take(char **rest, char *out, size_t size)
{
	const char *text = strsep(rest, " ");
	size_t len = text == NULL ? 0 : strlen(text);

	if (len == 0 || len >= size)
		return -1;
	memcpy(out, text, len + 1);
	return 0;
}

static void
no_dash(char *text)
{
	if (strcmp(text, "-") == 0)
		text[0] = '\0';
}

static int
number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9'
	    ? 0
	    : -1;
}

int
act_parse(char *line, int64_t *done_us, struct msg_act *a)
{
	char done[24], event[24], *rest = line;

	memset(a, 0, sizeof(*a));
	if (take(&rest, done, sizeof(done)) == -1 ||
	    take(&rest, event, sizeof(event)) == -1 ||
	    take(&rest, a->vm, sizeof(a->vm)) == -1 ||
	    take(&rest, a->who, sizeof(a->who)) == -1 ||
	    take(&rest, a->tty, sizeof(a->tty)) == -1 ||
	    take(&rest, a->fingerprint, sizeof(a->fingerprint)) == -1 ||
	    rest != NULL || number(done, done_us) == -1)
		return -1;
	while (act_event(a->act) != NULL && strcmp(events[a->act], event) != 0)
		a->act++;
	no_dash(a->vm);
	no_dash(a->fingerprint);
	return act_event(a->act) != NULL ? 0 : -1;
}
