#include "policy/policy.h"

#include <atf-c.h>
#include <stdio.h>
#include <string.h>

static struct remote_conf c;
static char err[256];

static int
parse(const char *text)
{
	conf_default(&c);
	return conf_parse("remote.conf", text, strlen(text), &c, err,
	    sizeof(err));
}

/* The list as words. */
static const char *
vms(void)
{
	static char text[VMS_MAX * (VM_NAME_MAX + 1) + 1];
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < c.vm_count; i++) {
		strncat(text, i > 0 ? " " : "", 2);
		strncat(text, c.vms[i], VM_NAME_MAX);
	}
	return text;
}

ATF_TC_WITHOUT_HEAD(without_a_file_all_vms_are_served);
ATF_TC_BODY(without_a_file_all_vms_are_served, tc)
{
	ATF_CHECK_EQ(0, parse(""));
	ATF_CHECK(!c.vms_set);
	ATF_CHECK_EQ(0, c.vm_count);
	ATF_CHECK_STREQ("user", c.vm_user);
	ATF_CHECK_STREQ("", c.dom0_user);
	ATF_CHECK_EQ(TRANSPORT_QVM_RUN, c.transport);
}

ATF_TC_WITHOUT_HEAD(the_variables_are_read);
ATF_TC_BODY(the_variables_are_read, tc)
{
	ATF_CHECK_EQ_MSG(0,
	    parse("# comment\n\n"
		  "QVM_REMOTE_VMS=\"work  home\tvault work\"\n"
		  " QVM_REMOTE_VM_USER = 'jo-1'\n"
		  "QVM_REMOTE_DOM0_USER=admin"),
	    "%s", err);
	ATF_CHECK(c.vms_set);
	ATF_CHECK_STREQ("work home vault", vms());
	ATF_CHECK_STREQ("jo-1", c.vm_user);
	ATF_CHECK_STREQ("admin", c.dom0_user);
	ATF_CHECK_EQ(0, parse("QVM_REMOTE_VM=work home\n"));
	ATF_CHECK_STREQ("work home", vms());
}

ATF_TC_WITHOUT_HEAD(either_transport_can_be_named);
ATF_TC_BODY(either_transport_can_be_named, tc)
{
	ATF_CHECK_EQ(0, parse("QVM_REMOTE_TRANSPORT = 'qrexec-client'\n"));
	ATF_CHECK_EQ(TRANSPORT_QREXEC_CLIENT, c.transport);
	ATF_CHECK_EQ(0,
	    conf_set(&c, "QVM_REMOTE_TRANSPORT", "qvm-run", err, sizeof(err)));
	ATF_CHECK_EQ(TRANSPORT_QVM_RUN, c.transport);
	ATF_CHECK_EQ(-1, parse("QVM_REMOTE_TRANSPORT=ssh\n"));
	ATF_CHECK_STREQ("remote.conf:1: transport `ssh`: must be qvm-run or "
			"qrexec-client",
	    err);
}

/* What is printed is what can be written. */
ATF_TC_WITHOUT_HEAD(what_is_kept_of_the_log_is_days_and_a_size);
ATF_TC_BODY(what_is_kept_of_the_log_is_days_and_a_size, tc)
{
	static const struct {
		const char *value, *printed;
		unsigned int days;
		uint64_t bytes;
	} rows[] = {{"all", "all", 0, 0}, {"90d", "90d", 90, 0},
	    {"4G", "4G", 0, UINT64_C(4) << 30}, {"1M", "1M", 0, 1 << 20},
	    {"4G  30d", "30d 4G", 30, UINT64_C(4) << 30},
	    {"36500d 1048576G", "36500d 1048576G", 36500, UINT64_C(1) << 50}};
	static const char *const wrong[] = {"0d", "36501d", "1048577G", "0M",
	    "90", "d", "90 d", "90days", "4K", "1d 2d", "1G 2M", "all 1d",
	    "-1d", "01d", "1.5G", "90D", "4GB"};
	char text[CONF_RETAIN_MAX];
	size_t i;

	ATF_CHECK_EQ(0, parse(""));
	ATF_CHECK_STREQ("all", conf_retain_print(&c, text));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ_MSG(0,
		    conf_set(&c, "QVM_REMOTE_RETAIN", rows[i].value, err,
			sizeof(err)),
		    "%s", err);
		ATF_CHECK_EQ(rows[i].days, c.retain_days);
		ATF_CHECK_EQ(rows[i].bytes, c.retain_bytes);
		ATF_CHECK_STREQ(rows[i].printed, conf_retain_print(&c, text));
	}
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ATF_CHECK_EQ_MSG(-1,
		    conf_set(&c, "QVM_REMOTE_RETAIN", wrong[i], err,
			sizeof(err)),
		    "%s", wrong[i]);
	ATF_CHECK_EQ(-1, parse("QVM_REMOTE_RETAIN='90'\n"));
	ATF_CHECK_STREQ("remote.conf:1: retain `90`: must be all, days as in "
			"90d, a size as in 4G, or both with a blank between",
	    err);
}

ATF_TC_WITHOUT_HEAD(set_and_empty_serves_none);
ATF_TC_BODY(set_and_empty_serves_none, tc)
{
	static const char *const rows[] = {"QVM_REMOTE_VMS=\n",
	    "QVM_REMOTE_VMS=\"\"", "QUBES_REMOTE_VM=\n",
	    "QVM_REMOTE_VMS=\nQUBES_REMOTE_VMS=work\n",
	    "QUBES_REMOTE_VMS=work\nQVM_REMOTE_VMS=' '\n"};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ATF_CHECK_EQ_MSG(0, parse(rows[i]), "%s", err);
		ATF_CHECK_MSG(c.vms_set, "row %zu", i);
		ATF_CHECK_EQ_MSG(0, c.vm_count, "row %zu", i);
	}
}

static const char *const lists[] = {"QVM_REMOTE_VMS", "QUBES_REMOTE_VMS",
    "QVM_REMOTE_VM", "QUBES_REMOTE_VM"};

/* Of two in one source the first counts, whichever is read first. */
ATF_TC_WITHOUT_HEAD(the_first_of_the_names_counts);
ATF_TC_BODY(the_first_of_the_names_counts, tc)
{
	char text[128];
	size_t i, k;

	for (i = 0; i < 4; i++) {
		for (k = 0; k < 4; k++) {
			if (i == k)
				continue;
			snprintf(text, sizeof(text), "%s=vm%zu\n%s=vm%zu\n",
			    lists[i], i, lists[k], k);
			ATF_CHECK_EQ(0, parse(text));
			snprintf(text, sizeof(text), "vm%zu", i < k ? i : k);
			ATF_CHECK_STREQ(text, vms());
		}
	}
	ATF_CHECK_EQ(0,
	    parse("QUBES_REMOTE_VM_USER=old\nQVM_REMOTE_VM_USER=new\n"));
	ATF_CHECK_STREQ("new", c.vm_user);
	ATF_CHECK_EQ(0,
	    parse("QVM_REMOTE_VM_USER=new\nQUBES_REMOTE_VM_USER=old\n"));
	ATF_CHECK_STREQ("new", c.vm_user);
}

ATF_TC_WITHOUT_HEAD(the_environment_stands_above_the_file);
ATF_TC_BODY(the_environment_stands_above_the_file, tc)
{
	ATF_CHECK_EQ(0, parse("QVM_REMOTE_VMS=file\nQVM_REMOTE_VM_USER=f\n"));
	ATF_CHECK_EQ(0,
	    conf_set(&c, "QUBES_REMOTE_VM", "old", err, sizeof(err)));
	ATF_CHECK_STREQ("old", vms());
	ATF_CHECK_EQ(0,
	    conf_set(&c, "QVM_REMOTE_VM", "newer", err, sizeof(err)));
	ATF_CHECK_STREQ("newer", vms());
	ATF_CHECK_EQ(0,
	    conf_set(&c, "QUBES_REMOTE_VM", "old", err, sizeof(err)));
	ATF_CHECK_STREQ("newer", vms());
	ATF_CHECK_EQ(0, conf_set(&c, "QVM_REMOTE_VMS", "", err, sizeof(err)));
	ATF_CHECK(c.vms_set && c.vm_count == 0);
	ATF_CHECK_EQ(0,
	    conf_set(&c, "QUBES_REMOTE_VM_USER", "e", err, sizeof(err)));
	ATF_CHECK_STREQ("e", c.vm_user);
}

ATF_TC_WITHOUT_HEAD(the_option_stands_above_all);
ATF_TC_BODY(the_option_stands_above_all, tc)
{
	ATF_CHECK_EQ(0, parse("QVM_REMOTE_VMS=file\n"));
	ATF_CHECK_EQ(0,
	    conf_set(&c, "QVM_REMOTE_VMS", "environment", err, sizeof(err)));
	ATF_CHECK_EQ(0, conf_set_vms(&c, "work home ", err, sizeof(err)));
	ATF_CHECK_STREQ("work home", vms());
	ATF_CHECK_EQ(-1, conf_set_vms(&c, "../x", err, sizeof(err)));
	ATF_CHECK(strstr(err, "--vm: ") == err);
}

ATF_TC_WITHOUT_HEAD(what_is_wrong_is_named_with_its_line);
ATF_TC_BODY(what_is_wrong_is_named_with_its_line, tc)
{
	static const char *const rows[] = {"QVM_REMOTE_VMS=../x\n",
	    "QVM_REMOTE_VMS=work dom0\n", "QVM_REMOTE_VMS=\"work\n",
	    "QVM_REMOTE_VMS=work'\n", "QVM_REMOTE_VMS=$(x)\n",
	    "QVM_REMOTE_VMS=work#x\n", "QVM_REMOTE_VMS=wo\\rk\n",
	    "QVM_REMOTE_VMS=\"'work'\"\n", "QVM_REMOTE_VMS=a;b\n",
	    "QVM_REMOTE_VM_USER=\n", "QVM_REMOTE_VM_USER=two users\n",
	    "QVM_REMOTE_VM_USER=-x\n", "QVM_REMOTE_VM_USER=../x\n",
	    "QVM_REMOTE_VM_USER=abcdefghijklmnopqrstuvwxyzabcdef\n",
	    "QVM_REMOTE_DOM0_USER=1\n", "QVM_REMOTE_TRANSPORT=\n",
	    "QVM_REMOTE_TRANSPORT=qvm-run x\n", "QVM_REMOTE_RETAIN=\n",
	    "PATH=/bin\n", "qvm_remote_vms=work\n", "QVM_REMOTE_VMS\n",
	    "export QVM_REMOTE_VMS=work\n", "QVM_REMOTE_VMS=work\x1b\n",
	    "QVM_REMOTE_VMS=work\r\n"};
	char text[128];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "# first\n%s", rows[i]);
		ATF_CHECK_EQ_MSG(-1, parse(text), "row %zu", i);
		ATF_CHECK_MSG(strstr(err, "remote.conf:2: ") == err,
		    "row %zu: %s", i, err);
	}
	ATF_CHECK_EQ(-1, parse("QVM_REMOTE_VM=a\nQVM_REMOTE_VM=a\n"));
	ATF_CHECK(strstr(err, "remote.conf:2: ") == err &&
	    strstr(err, "line 1") != NULL);
	/* One that does not count must be right, too. */
	ATF_CHECK_EQ(-1, parse("QVM_REMOTE_VMS=a\nQUBES_REMOTE_VM=../x\n"));
	ATF_CHECK_EQ(-1,
	    conf_set(&c, "QVM_REMOTE_VM_USER", "a b", err, sizeof(err)));
	ATF_CHECK(strstr(err, "environment: ") == err);
}

ATF_TC_WITHOUT_HEAD(so_many_vms_and_no_more);
ATF_TC_BODY(so_many_vms_and_no_more, tc)
{
	char text[4096];
	int i, n, count;

	for (count = VMS_MAX; count <= VMS_MAX + 1; count++) {
		n = snprintf(text, sizeof(text), "QVM_REMOTE_VMS=");
		for (i = 0; i < count; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
			    "vm%d ", i);
		ATF_CHECK_EQ(count == VMS_MAX ? 0 : -1, parse(text));
	}
}

/* NAME:LINE of what has set it. */
static const char *
source(enum conf_group group)
{
	static char text[64];
	const struct conf_source *s = &c.source[group];

	snprintf(text, sizeof(text), "%s:%u", s->name == NULL ? "-" : s->name,
	    s->line);
	return text;
}

ATF_TC_WITHOUT_HEAD(what_has_set_each_is_known);
ATF_TC_BODY(what_has_set_each_is_known, tc)
{
	ATF_CHECK_EQ(0,
	    parse("QVM_REMOTE_VM=a\n\nQUBES_REMOTE_VMS=b\n"
		  "QUBES_REMOTE_VM_USER=u\n"));
	ATF_CHECK_STREQ("QUBES_REMOTE_VMS:3", source(CONF_LIST));
	ATF_CHECK_STREQ("QUBES_REMOTE_VM_USER:4", source(CONF_VM_USER));
	ATF_CHECK_STREQ("-:0", source(CONF_DOM0_USER));
	ATF_CHECK_STREQ("-:0", source(CONF_TRANSPORT));
	ATF_CHECK_EQ(0, conf_set(&c, "QVM_REMOTE_VM", "x", err, sizeof(err)));
	ATF_CHECK_STREQ("QVM_REMOTE_VM:0", source(CONF_LIST));
	ATF_CHECK_STREQ("QUBES_REMOTE_VM_USER:4", source(CONF_VM_USER));
	ATF_CHECK_EQ(0, conf_set_vms(&c, "y", err, sizeof(err)));
	ATF_CHECK_STREQ("--vm:0", source(CONF_LIST));
}

ATF_TC_WITHOUT_HEAD(every_variable_can_be_named);
ATF_TC_BODY(every_variable_can_be_named, tc)
{
	enum conf_group group, last = CONF_LIST;
	const char *name, *value;
	unsigned int i;

	conf_default(&c);
	for (i = 0; (name = conf_variable(i, &group)) != NULL; i++) {
		ATF_CHECK(group == last || group == last + 1);
		last = group;
		value = group == CONF_TRANSPORT
		    ? conf_transport_name(TRANSPORT_QREXEC_CLIENT)
		    : group == CONF_RETAIN ? "1d"
					   : "x";
		ATF_CHECK_EQ_MSG(0, conf_set(&c, name, value, err, sizeof(err)),
		    "%s", err);
	}
	ATF_CHECK_EQ(9, i);
	ATF_CHECK_EQ(TRANSPORT_QREXEC_CLIENT, c.transport);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, without_a_file_all_vms_are_served);
	ATF_TP_ADD_TC(tp, the_variables_are_read);
	ATF_TP_ADD_TC(tp, either_transport_can_be_named);
	ATF_TP_ADD_TC(tp, what_is_kept_of_the_log_is_days_and_a_size);
	ATF_TP_ADD_TC(tp, set_and_empty_serves_none);
	ATF_TP_ADD_TC(tp, the_first_of_the_names_counts);
	ATF_TP_ADD_TC(tp, the_environment_stands_above_the_file);
	ATF_TP_ADD_TC(tp, the_option_stands_above_all);
	ATF_TP_ADD_TC(tp, what_is_wrong_is_named_with_its_line);
	ATF_TP_ADD_TC(tp, so_many_vms_and_no_more);
	ATF_TP_ADD_TC(tp, what_has_set_each_is_known);
	ATF_TP_ADD_TC(tp, every_variable_can_be_named);
	return atf_no_error();
}
