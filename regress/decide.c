#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/dom0.h"
#include "policy/policy.h"

/*
 * decide FILE: reads a policy, then bodies on standard input, and prints what
 * becomes of each: a line of `deny LINE` or `ask LINE`, or `run LINE PATH` and
 * the words in hex, each behind a dot.  A body stands behind a `+` if it has
 * input and a `-` if not, its length in decimal, and an LF.
 */

static const struct policy_env env = {.find = dom0_find};
static struct policy p;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "decide: %s\n", what);
	exit(1);
}

static void
load(const char *file)
{
	static char text[65536];
	char err[256];
	size_t n;
	FILE *f = fopen(file, "r");

	if (f == NULL)
		fail("the policy cannot be opened");
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (policy_load(file, text, n, &env, &p, err, sizeof(err)) == -1)
		fail(err);
}

static void
print(const struct policy_decision *d, const char *word)
{
	int i;

	printf("%s %u", policy_verdict(d), d->line);
	if (d->run)
		printf(" %s", d->path);
	for (i = 0; i < d->argc; i++, word++) {
		printf(" .");
		for (; *word != '\0'; word++)
			printf("%02x", (unsigned int)(unsigned char)*word);
	}
	putchar('\n');
}

int
main(int argc, char **argv)
{
	static char body[65536], words[POLICY_COMMAND_MAX + 1], line[32];
	struct policy_decision d;
	size_t len;

	if (argc != 2)
		fail("usage: decide FILE");
	load(argv[1]);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		len = strtoul(line + 1, NULL, 10);
		if (len > sizeof(body) || fread(body, 1, len, stdin) != len)
			fail("a body is too long, or cut");
		policy_decide(&p, &env, body, len, line[0] == '+', words,
		    sizeof(words), &d);
		print(&d, words);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
