#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/body.h"
#include "client/say.h"
#include "client/text.h"
#include "wire/frame.h"

/* At most max bytes of it, allocated: NULL after saying why. */
static void *
read_most(int fd, const char *name, size_t max, size_t *len)
{
	/* One byte more shows that there is too much. */
	size_t have = 0;
	char *bytes = malloc(max + 1);
	ssize_t n = -1;

	if (bytes == NULL) {
		say_errno("%s", name);
		return (NULL);
	}
	while (have <= max) {
		n = read(fd, bytes + have, max + 1 - have);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	*len = have;
	if (n != -1)
		return (bytes);
	say_errno("%s", name);
	free(bytes);
	return (NULL);
}

static bool
blank(const char *text, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	return (len == 0);
}

int
body_read(const struct options *o, void **body, size_t *len)
{
	const char *rule;

	if (o->argc == 0)
		*body = read_most(0, "standard input", BODY_MAX, len);
	else if ((o->given & GIVEN(OPT_NO_SHELL)) != 0)
		*body = text_quote(o->argc, o->argv, len);
	else
		*body = text_join(o->argc, o->argv, len);
	if (*body == NULL) {
		if (o->argc > 0)
			say_errno("command");
		return (-1);
	}
	/* dom0 would reject it for the same reason, in the same words. */
	rule = body_rule(*body, *len);
	/* Nothing would run: most likely a variable is not set. */
	if (rule == NULL && blank(*body, *len))
		rule = body_rule("", 0);
	if (rule == NULL)
		return (0);
	say_error("%s", rule);
	free(*body);
	*body = NULL;
	return (-1);
}

int
input_read(const struct options *o, void **input, size_t *len)
{
	int fd = 0;

	*input = NULL;
	*len = 0;
	if (o->input == NULL && (o->given & GIVEN(OPT_STDIN)) == 0)
		return (0);
	if (o->input != NULL &&
	    (fd = open(o->input, O_RDONLY | O_CLOEXEC)) == -1) {
		say_errno("--input: the file cannot be opened");
		return (-1);
	}
	*input = read_most(fd, o->input == NULL ? "standard input" : "--input",
	    INPUT_POLICY_MAX, len);
	if (o->input != NULL)
		close(fd);
	if (*input == NULL)
		return (-1);
	/* What this VM's policy allows of it, dom0 says. */
	if (*len <= INPUT_POLICY_MAX)
		return (0);
	say_error("the input is over 16 MiB, the most that a policy can allow");
	free(*input);
	*input = NULL;
	return (-1);
}
