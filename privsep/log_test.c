#include <sys/socket.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privsep/channel.h"
#include "privsep/log.h"
#include "privsep/path.h"

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

/* Standard error where every write is one packet. */
static int line_fd;

static void
catch_stderr(void)
{
	int fds[2];

	ATF_REQUIRE_EQ(0, imsg_pair(fds));
	ATF_REQUIRE_EQ(STDERR_FILENO, dup2(fds[1], STDERR_FILENO));
	line_fd = fds[0];
}

static void
is_line(const char *want)
{
	char line[4096];
	ssize_t n;

	n = recv(line_fd, line, sizeof(line) - 1, 0);
	ATF_REQUIRE_MSG(n > 0, "no line: %s", want);
	line[n] = '\0';
	ATF_REQUIRE_STREQ(want, line);
}

static void
no_line(void)
{
	char c;

	ATF_REQUIRE_EQ(-1, recv(line_fd, &c, 1, 0));
	ATF_REQUIRE_EQ(EAGAIN, errno);
}

BODY_CASE(every_byte_but_plain_ones_is_escaped)
{
	char out[8], want[8];
	unsigned char c;
	int i;

	for (i = 0; i <= 0xff; i++) {
		c = (unsigned char)i;
		log_escape(out, sizeof(out), &c, 1);
		if (i >= 0x20 && i <= 0x7e && i != '\\')
			snprintf(want, sizeof(want), "%c", i);
		else
			snprintf(want, sizeof(want), "\\x%02x", i);
		ATF_REQUIRE_STREQ(want, out);
	}
}

BODY_CASE(an_escape_is_not_cut_in_two)
{
	static const struct {
		size_t size;
		const char *want;
	} cuts[] = {{1, ""}, {2, "a"}, {3, "a"}, {5, "a"}, {6, "a\\x1b"},
	    {7, "a\\x1bb"}, {8, "a\\x1bb"}};
	char out[16];
	size_t i;

	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		memset(out, 'X', sizeof(out));
		log_escape(out, cuts[i].size, "a\033b", 3);
		ATF_REQUIRE_STREQ(cuts[i].want, out);
		ATF_REQUIRE_EQ('X', out[cuts[i].size]);
	}
}

BODY_CASE(the_parent_writes_a_line_in_one_write)
{
	catch_stderr();
	log_init("parent", false, NULL);
	log_info("vm %s says %s", "work", "a\r\nqvm-remote: forged\033[2J\\");
	is_line("qvm-remote: parent: vm work says "
		"a\\x0d\\x0aqvm-remote: forged\\x1b[2J\\x5c\n");
	log_warn("\xc3\xa9%c", 0x7f);
	is_line("qvm-remote: parent: \\xc3\\xa9\\x7f\n");
	no_line();
}

BODY_CASE(debugging_is_only_for_who_asked)
{
	catch_stderr();
	log_init("parent", false, NULL);
	log_debug("no");
	log_relay("poller [work]", LOG_LEVEL_DEBUG, "no");
	no_line();
	log_init("parent", true, NULL);
	log_debug("yes");
	is_line("qvm-remote: parent: yes\n");
	log_relay("poller [work]", LOG_LEVEL_DEBUG, "yes");
	is_line("qvm-remote: poller [work]: yes\n");
}

BODY_CASE(a_line_is_bounded)
{
	char big[8192], line[8192];
	ssize_t n;

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	catch_stderr();
	log_init("parent", false, NULL);
	log_info("%s", big);
	n = recv(line_fd, line, sizeof(line), 0);
	ATF_REQUIRE(n > 512 && n < 2048);
	ATF_REQUIRE_EQ('\n', line[n - 1]);
	no_line();
}

/* What a role sent is not trusted to be escaped, nor escaped a second time. */
BODY_CASE(a_relayed_line_is_escaped_once)
{
	char text[IMSG_TEXT_MAX];

	catch_stderr();
	log_init("parent", false, NULL);
	log_relay("verifier", LOG_LEVEL_INFO, "a\\x1bb\n\033\xff");
	is_line("qvm-remote: verifier: a\\x1bb\\x0a\\x1b\\xff\n");
	memset(text, 'x', sizeof(text)); /* no NUL */
	log_relay("verifier", LOG_LEVEL_INFO, text);
	ATF_REQUIRE_EQ((ssize_t)strlen("qvm-remote: verifier: \n") +
		IMSG_TEXT_MAX,
	    recv(line_fd, text, sizeof(text), MSG_TRUNC));
}

BODY_CASE(a_role_sends_its_lines_to_the_parent)
{
	static struct channel parent;
	struct imsg_end end;
	struct imsg m;
	struct msg_log msg;
	const char *why;
	char big[4096];
	int fds[2];

	catch_stderr();
	event_init();
	ATF_REQUIRE_EQ(0, imsg_pair(fds));
	channel_open(&parent, fds[0], ROLE_POLLER, ROLE_PARENT, ST_SETUP,
	    "parent");
	imsg_open(&end, fds[1], ROLE_PARENT, ROLE_POLLER, ST_SETUP);
	log_init("poller", false, &parent);
	errno = EBUSY;
	log_warn("a\n%d", 7);
	ATF_REQUIRE_EQ(EBUSY, errno);
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&end, &m, &why));
	ATF_REQUIRE_EQ(0, imsg_payload(&m, &msg, sizeof(msg)));
	ATF_REQUIRE_EQ(LOG_LEVEL_WARN, msg.level);
	ATF_REQUIRE_STREQ("a\\x0a7", msg.text);
	ATF_REQUIRE_EQ(0, msg.text[sizeof(msg.text) - 1]);
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&end, &m, &why));
	ATF_REQUIRE_EQ(0, imsg_payload(&m, &msg, sizeof(msg)));
	ATF_REQUIRE(imsg_text_ok(msg.text, sizeof(msg.text)));
	ATF_REQUIRE_EQ(508, strlen(msg.text));
	no_line();
	while (!parent.full) /* a parent that does not read costs no time */
		log_info("%s", big);
	log_info("lost");
	no_line();
}

BODY_CASE(fatal_ends_the_process_with_the_reason)
{
	int status, i;
	pid_t pid;

	catch_stderr();
	for (i = 0; i < 2; i++) {
		pid = fork();
		ATF_REQUIRE(pid != -1);
		if (pid == 0) {
			log_init("verifier", false, NULL);
			errno = ENOSPC;
			if (i == 0)
				fatal("log %d", 1);
			fatalx("log %d", 2);
		}
		ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
		ATF_REQUIRE_EQ(W_EXITCODE(1, 0), status);
	}
	is_line("qvm-remote: verifier: log 1: No space left on device\n");
	is_line("qvm-remote: verifier: log 2\n");
}

BODY_CASE(a_path_is_joined_or_does_not_fit)
{
	char out[8];

	ATF_REQUIRE_EQ(0, path_join(out, sizeof(out), "/a", "/bcde"));
	ATF_REQUIRE_STREQ("/a/bcde", out);
	ATF_REQUIRE_EQ(0, path_join(out, sizeof(out), "", "/b"));
	ATF_REQUIRE_STREQ("/b", out);
	ATF_REQUIRE_EQ(-1, path_join(out, sizeof(out), "/ab", "/bcde"));
	ATF_REQUIRE_EQ(ENAMETOOLONG, errno);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_byte_but_plain_ones_is_escaped);
	ATF_TP_ADD_TC(tp, an_escape_is_not_cut_in_two);
	ATF_TP_ADD_TC(tp, the_parent_writes_a_line_in_one_write);
	ATF_TP_ADD_TC(tp, debugging_is_only_for_who_asked);
	ATF_TP_ADD_TC(tp, a_line_is_bounded);
	ATF_TP_ADD_TC(tp, a_relayed_line_is_escaped_once);
	ATF_TP_ADD_TC(tp, a_role_sends_its_lines_to_the_parent);
	ATF_TP_ADD_TC(tp, fatal_ends_the_process_with_the_reason);
	ATF_TP_ADD_TC(tp, a_path_is_joined_or_does_not_fit);
	return atf_no_error();
}
