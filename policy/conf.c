#include "policy/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policy/text.h"
#include "policy/value.h"
#include "wire/id.h"

static int
add_vm(struct text *t, struct remote_conf *c, const char *name, size_t len)
{
	unsigned int i;

	if (!vm_name_valid(name, len))
		return text_complain(t, "`%.*s` is no VM's name",
		    (int)(len > 40 ? 40 : len), name);
	for (i = 0; i < c->vm_count; i++) {
		if (strlen(c->vms[i]) == len &&
		    memcmp(c->vms[i], name, len) == 0)
			return 0;
	}
	if (c->vm_count == VMS_MAX)
		return text_complain(t, "more than %d VMs", VMS_MAX);
	memcpy(c->vms[c->vm_count], name, len);
	c->vms[c->vm_count++][len] = '\0';
	return 0;
}

#define BLANK " \t\n\r"

static int
set_list(struct text *t, struct remote_conf *c, const char *value)
{
	size_t len;

	c->vms_set = true;
	c->vm_count = 0;
	memset(c->vms, 0, sizeof(c->vms));
	for (;; value += len) {
		value += strspn(value, BLANK);
		len = strcspn(value, BLANK);
		if (len == 0)
			return 0;
		if (add_vm(t, c, value, len) == -1)
			return -1;
	}
}

static int
set_user(struct text *t, char out[VM_NAME_MAX + 1], const char *key,
    const char *value)
{
	if (!user_name_valid(value))
		return text_complain(t, "%s: `%.40s` is no user's name", key,
		    value);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

static const char *const transports[] = {
    [TRANSPORT_QVM_RUN] = "qvm-run",
    [TRANSPORT_QREXEC_CLIENT] = "qrexec-client",
};

const char *
conf_transport_name(enum transport transport)
{
	return transports[transport];
}

static int
set_transport(struct text *t, enum transport *out, const char *value)
{
	size_t i;

	for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (strcmp(transports[i], value) != 0)
			continue;
		*out = (enum transport)i;
		return 0;
	}
	return text_complain(t, "transport `%.40s`: must be %s or %s", value,
	    transports[TRANSPORT_QVM_RUN], transports[TRANSPORT_QREXEC_CLIENT]);
}

#define RETAIN_DAYS_MAX	 36500
#define RETAIN_BYTES_MAX (UINT64_C(1) << 50)
#define RETAIN_ALL	 "all"

/* A number alone could be meant as either. */
static bool
retain_word(struct remote_conf *c, const char *word)
{
	const char unit = word[strlen(word) - 1], *end;
	uint64_t n;

	if (unit == 'd') {
		if (c->retain_days != 0 ||
		    value_number(word, RETAIN_DAYS_MAX, &n, &end) == -1 ||
		    strcmp(end, "d") != 0)
			return false;
		c->retain_days = (uint32_t)n;
		return n != 0;
	}
	return (unit == 'M' || unit == 'G') && c->retain_bytes == 0 &&
	    value_size(word, RETAIN_BYTES_MAX, &c->retain_bytes) == 0 &&
	    c->retain_bytes != 0;
}

static int
set_retain(struct text *t, struct remote_conf *c, const char *value)
{
	char words[CONF_RETAIN_MAX], *rest = words, *word;

	c->retain_days = 0;
	c->retain_bytes = 0;
	if (strcmp(value, RETAIN_ALL) == 0)
		return 0;
	if (*value == '\0' || strlen(value) >= sizeof(words))
		goto bad;
	memcpy(words, value, strlen(value) + 1);
	while ((word = strsep(&rest, BLANK)) != NULL) {
		if (*word != '\0' && !retain_word(c, word))
			goto bad;
	}
	if (c->retain_days != 0 || c->retain_bytes != 0)
		return 0;
bad:
	return text_complain(t,
	    "retain `%.40s`: must be %s, days as in 90d, a size as in 4G, or "
	    "both with a blank between",
	    value, RETAIN_ALL);
}

const char *
conf_retain_print(const struct remote_conf *c, char out[CONF_RETAIN_MAX])
{
	char size[VALUE_SIZE_MAX] = "", days[16] = "";

	if (c->retain_days != 0)
		snprintf(days, sizeof(days), "%" PRIu32 "d", c->retain_days);
	if (c->retain_bytes != 0)
		value_size_print(c->retain_bytes, size);
	snprintf(out, CONF_RETAIN_MAX, "%s%s%s", days,
	    *days != '\0' && *size != '\0' ? " " : "", size);
	return *out != '\0' ? out : RETAIN_ALL;
}

/* In each group the order counts: the first that is set in a source. */
static const struct variable {
	const char *name;
	enum conf_group group;
} variables[] = {
    {"QVM_REMOTE_VMS", CONF_LIST},
    {"QUBES_REMOTE_VMS", CONF_LIST},
    {"QVM_REMOTE_VM", CONF_LIST},
    {"QUBES_REMOTE_VM", CONF_LIST},
    {"QVM_REMOTE_VM_USER", CONF_VM_USER},
    {"QUBES_REMOTE_VM_USER", CONF_VM_USER},
    {"QVM_REMOTE_DOM0_USER", CONF_DOM0_USER},
    {"QVM_REMOTE_TRANSPORT", CONF_TRANSPORT},
    {"QVM_REMOTE_RETAIN", CONF_RETAIN},
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

static unsigned int
variable(const char *key)
{
	unsigned int i;

	for (i = 0; i < VARIABLES; i++) {
		if (strcmp(variables[i].name, key) == 0)
			break;
	}
	return i;
}

const char *
conf_variable(unsigned int i, enum conf_group *group)
{
	if (i >= VARIABLES)
		return NULL;
	*group = variables[i].group;
	return variables[i].name;
}

/* What follows comes from another source, and stands above all so far. */
static void
next_source(struct remote_conf *c)
{
	size_t i;

	for (i = 0; i < CONF_GROUPS; i++)
		c->source[i].rank = VARIABLES;
}

static int
set(struct text *t, struct remote_conf *c, const char *key, const char *value)
{
	struct remote_conf unused;
	unsigned int i = variable(key);
	enum conf_group group;

	if (i == VARIABLES)
		return text_complain(t, "`%s` is no variable of ours", key);
	group = variables[i].group;
	/* What does not count must be right all the same. */
	if (i > c->source[group].rank)
		c = &unused;
	else
		c->source[group] =
		    (struct conf_source){variables[i].name, t->line, i};
	if (group == CONF_LIST)
		return set_list(t, c, value);
	if (group == CONF_TRANSPORT)
		return set_transport(t, &c->transport, value);
	if (group == CONF_RETAIN)
		return set_retain(t, c, value);
	return set_user(t, group == CONF_VM_USER ? c->vm_user : c->dom0_user,
	    key, value);
}

void
conf_default(struct remote_conf *c)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->vm_user, "user", sizeof("user"));
	next_source(c);
}

/* Takes the quotes off.  What else is not part of a name is refused as such. */
static void
unquote(char *value)
{
	size_t len = strlen(value);
	char quote = value[0];

	if (len >= 2 && (quote == '"' || quote == '\'') &&
	    value[len - 1] == quote) {
		memmove(value, value + 1, len - 2);
		value[len - 2] = '\0';
	}
}

int
conf_parse(const char *name, const char *data, size_t len,
    struct remote_conf *c, char *err, size_t errsize)
{
	struct text t = {.name = name,
	    .p = data,
	    .end = data + len,
	    .err = err,
	    .errsize = errsize};
	unsigned int i, lines[VARIABLES + 1] = {0};
	struct text_pair pair;
	int got;

	while ((got = text_next(&t, &pair)) == 1) {
		i = variable(pair.key);
		if (i < VARIABLES && lines[i] != 0) {
			return text_complain(&t, "%s again: line %u has it",
			    pair.key, lines[i]);
		}
		lines[i] = t.line;
		unquote(pair.value);
		if (set(&t, c, pair.key, pair.value) == -1)
			return -1;
	}
	next_source(c);
	return got;
}

int
conf_set(struct remote_conf *c, const char *key, const char *value, char *err,
    size_t errsize)
{
	struct text t = {.name = "environment", .err = err, .errsize = errsize};

	return set(&t, c, key, value);
}

int
conf_set_vms(struct remote_conf *c, const char *value, char *err,
    size_t errsize)
{
	struct text t = {.name = "--vm", .err = err, .errsize = errsize};

	c->source[CONF_LIST] = (struct conf_source){t.name, 0, 0};
	return set_list(&t, c, value);
}
