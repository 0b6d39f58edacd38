/* Every rule of the table and of the packets, over real socketpairs. */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg/imsg.h"

static const struct {
	uint32_t from, to, state;
	size_t size;
	bool fd;
} table[] = {
#define X(name, from, to, state, payload, fd) \
	{from, to, state, sizeof(struct payload), fd},
    IMSG_TABLE(X)
#undef X
};

static struct imsg_end a, b; /* a sends, b receives */
static struct imsg m;
static const char *why;
static unsigned char zeros[IMSG_MAX * 2];

static int
count_fds(void)
{
	DIR *dir;
	int n = 0;

	dir = opendir("/proc/self/fd");
	ATF_REQUIRE(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int
some_fd(void)
{
	int fd;

	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(fd != -1);
	return fd;
}

static void
open_pair(enum role from, enum role to, uint32_t state)
{
	int fds[2];

	ATF_REQUIRE_EQ(0, imsg_pair(fds));
	imsg_open(&a, fds[0], from, to, ST_ANY);
	imsg_open(&b, fds[1], to, from, state);
}

static void
close_pair(void)
{
	close(a.fd);
	close(b.fd);
}

/* A packet as no imsg_send() makes it: nfds in ncmsgs control messages. */
static void
send_raw(const void *p, size_t len, size_t nfds, size_t ncmsgs)
{
	union {
		struct cmsghdr align;
		char buf[256];
	} control;
	struct iovec iov = {(void *)(uintptr_t)p, len};
	struct msghdr msg;
	struct cmsghdr *cmsg;
	int fds[8];
	size_t i, each;

	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	for (i = 0; i < nfds; i++)
		fds[i] = some_fd();
	if (nfds > 0) {
		each = nfds / ncmsgs;
		msg.msg_control = control.buf;
		msg.msg_controllen = ncmsgs * CMSG_SPACE(each * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		for (i = 0; i < ncmsgs; i++) {
			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(each * sizeof(int));
			memcpy(CMSG_DATA(cmsg), fds + i * each,
			    each * sizeof(int));
			cmsg = CMSG_NXTHDR(&msg, cmsg);
		}
	}
	ATF_REQUIRE_EQ((ssize_t)len, sendmsg(a.fd, &msg, 0));
	for (i = 0; i < nfds; i++)
		close(fds[i]);
}

static const void *
packet(uint16_t type, size_t stated)
{
	struct imsg_hdr hdr;

	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.len = (uint16_t)(sizeof(hdr) + stated);
	hdr.id = 7;
	memcpy(zeros, &hdr, sizeof(hdr));
	return zeros;
}

static void
send_typed(uint16_t type, size_t payload, size_t nfds)
{
	send_raw(packet(type, payload), sizeof(struct imsg_hdr) + payload, nfds,
	    1);
}

/* What was sent is refused, for this reason, and leaves no descriptor. */
static void
refused(const char *reason)
{
	int before = count_fds();

	ATF_REQUIRE_EQ(IMSG_REFUSED, imsg_recv(&b, &m, &why));
	ATF_REQUIRE_MSG(strstr(why, reason) != NULL, "%s: not for %s", why,
	    reason);
	ATF_REQUIRE_EQ(-1, m.fd);
	ATF_REQUIRE_EQ(before, count_fds());
}

static enum role
first_role(uint32_t set)
{
	return (enum role)__builtin_ctz(set);
}

static void
open_row(size_t i, uint32_t state)
{
	open_pair(first_role(table[i].from), first_role(table[i].to), state);
}

#define BODY_CASE(name)            \
	ATF_TC_WITHOUT_HEAD(name); \
	ATF_TC_BODY(name, tc)

/* Each role of from to each of to, in each single state. */
static void
accept_row(size_t i, enum role from, enum role to, uint32_t state)
{
	int fd = table[i].fd ? some_fd() : -1, before;

	open_pair(from, to, state);
	ATF_REQUIRE_EQ(0,
	    imsg_send(&a, (enum imsg_type)i, 42, zeros, table[i].size, fd));
	if (fd != -1)
		close(fd);
	before = count_fds();
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&b, &m, &why));
	ATF_REQUIRE_EQ(i, m.hdr.type);
	ATF_REQUIRE_EQ(42, m.hdr.id);
	ATF_REQUIRE_EQ((uint32_t)getpid(), m.hdr.pid);
	ATF_REQUIRE_EQ(table[i].fd, m.fd != -1);
	if (m.fd != -1)
		ATF_REQUIRE_EQ(FD_CLOEXEC, fcntl(m.fd, F_GETFD));
	imsg_free(&m);
	ATF_REQUIRE_EQ(before, count_fds());
	close_pair();
}

BODY_CASE(every_row_is_accepted_in_its_states)
{
	uint32_t from, to, state;
	size_t i;

	for (i = 0; i < IMSG_COUNT; i++)
		for (from = 0; from < ROLE_COUNT; from++)
			for (to = 0; to < ROLE_COUNT; to++)
				for (state = 1; state <= ST_STOPPING;
				     state *= 2)
					if ((table[i].from & 1u << from) != 0 &&
					    (table[i].to & 1u << to) != 0 &&
					    (table[i].state & state) != 0)
						accept_row(i, from, to, state);
}

BODY_CASE(every_row_is_refused_in_other_states)
{
	uint32_t state;
	size_t i;

	for (i = 0; i < IMSG_COUNT; i++)
		for (state = 1; state <= ST_STOPPING; state *= 2) {
			if ((table[i].state & state) != 0)
				continue;
			open_row(i, state);
			send_typed((uint16_t)i, table[i].size, table[i].fd);
			refused("not in this state");
			close_pair();
		}
}

BODY_CASE(every_row_is_refused_from_and_to_other_roles)
{
	uint32_t from, to;
	size_t i;

	for (i = 0; i < IMSG_COUNT; i++)
		for (from = 0; from < ROLE_COUNT; from++)
			for (to = 0; to < ROLE_COUNT; to++) {
				bool f = (table[i].from & 1u << from) != 0;
				bool t = (table[i].to & 1u << to) != 0;

				if (f && t)
					continue;
				open_pair(from, to, table[i].state);
				send_typed((uint16_t)i, table[i].size,
				    table[i].fd);
				refused(f ? "not to this role"
					  : "not from this role");
				close_pair();
			}
}

BODY_CASE(every_row_is_refused_with_another_size)
{
	size_t i;

	for (i = 0; i < IMSG_COUNT; i++) {
		open_row(i, table[i].state);
		send_typed((uint16_t)i, table[i].size + 1, table[i].fd);
		refused("wrong size");
		if (table[i].size > 0) {
			send_typed((uint16_t)i, table[i].size - 1, table[i].fd);
			refused("wrong size");
		}
		close_pair();
	}
}

BODY_CASE(every_row_is_refused_with_the_other_number_of_descriptors)
{
	size_t i;

	for (i = 0; i < IMSG_COUNT; i++) {
		open_row(i, table[i].state);
		send_typed((uint16_t)i, table[i].size, !table[i].fd);
		refused(table[i].fd ? "without its descriptor"
				    : "with a descriptor");
		close_pair();
	}
}

BODY_CASE(two_descriptors_are_refused_and_closed)
{
	size_t ncmsgs, size = sizeof(struct msg_seq);

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	for (ncmsgs = 1; ncmsgs <= 2; ncmsgs++) {
		send_raw(packet(IMSG_RUN_INPUT, size),
		    sizeof(struct imsg_hdr) + size, 2, ncmsgs);
		refused("more than one descriptor");
	}
	send_typed(IMSG_RUN_INPUT, size, 8);
	refused("more than one descriptor");
	close_pair();
}

/* The kernel has no number left for it: what was lost must not pass. */
BODY_CASE(a_descriptor_that_got_lost_is_refused)
{
	int fds[1024], n = 0, before;

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	send_typed(IMSG_RUN_INPUT, sizeof(struct msg_seq), 1);
	before = count_fds();
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64}));
	while (n < 1024 && (fds[n] = dup(0)) != -1)
		n++;
	ATF_REQUIRE_EQ(IMSG_REFUSED, imsg_recv(&b, &m, &why));
	while (n > 0)
		close(fds[--n]);
	ATF_REQUIRE_EQ(before, count_fds());
}

BODY_CASE(a_packet_that_is_too_large_is_refused)
{
	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	send_raw(packet(IMSG_RUN, IMSG_MAX - sizeof(struct imsg_hdr)), IMSG_MAX,
	    1, 1);
	refused("wrong size");
	send_raw(packet(IMSG_RUN, IMSG_MAX - sizeof(struct imsg_hdr)),
	    IMSG_MAX + 1, 1, 1);
	refused("larger than a message may be");
	close_pair();
}

BODY_CASE(a_packet_shorter_than_a_header_is_refused)
{
	size_t len;

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	for (len = 1; len < sizeof(struct imsg_hdr); len++) {
		send_raw(packet(IMSG_RUN, 0), len, 1, 1);
		refused("shorter than a header");
	}
	close_pair();
}

BODY_CASE(a_length_that_is_not_the_packets_is_refused)
{
	size_t size = sizeof(struct msg_seq);

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	send_raw(packet(IMSG_KILL, size + 1), sizeof(struct imsg_hdr) + size, 0,
	    0);
	refused("its length is not the packet's");
	send_raw(packet(IMSG_KILL, size), sizeof(struct imsg_hdr) + size + 1, 0,
	    0);
	refused("its length is not the packet's");
	close_pair();
}

BODY_CASE(an_unknown_type_is_refused)
{
	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	send_typed(IMSG_COUNT, 0, 0);
	refused("unknown type");
	send_typed(0xffff, 0, 1);
	refused("unknown type");
	close_pair();
}

BODY_CASE(an_empty_packet_is_the_end)
{
	int before;

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	send_raw("", 0, 0, 0);
	ATF_REQUIRE_EQ(IMSG_EOF, imsg_recv(&b, &m, &why));
	send_raw("", 0, 1, 1);
	before = count_fds();
	ATF_REQUIRE_EQ(IMSG_EOF, imsg_recv(&b, &m, &why));
	ATF_REQUIRE_EQ(before, count_fds());
	close_pair();
}

BODY_CASE(the_last_words_of_a_peer_that_did_not_read_are_heard)
{
	struct msg_seq seq = {.seq = 9};

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	ATF_REQUIRE_EQ(IMSG_AGAIN, imsg_recv(&b, &m, &why));
	ATF_REQUIRE_EQ(1, write(b.fd, "x", 1)); /* never read: ECONNRESET */
	ATF_REQUIRE_EQ(0, imsg_send(&a, IMSG_KILL, 0, &seq, sizeof(seq), -1));
	close(a.fd);
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&b, &m, &why));
	ATF_REQUIRE_EQ(IMSG_KILL, m.hdr.type);
	ATF_REQUIRE_EQ(IMSG_EOF, imsg_recv(&b, &m, &why));
	ATF_REQUIRE_EQ(-1,
	    imsg_send(&b, IMSG_STARTED, 0, zeros, sizeof(struct msg_started),
		-1));
	ATF_REQUIRE_EQ(EPIPE, errno);
}

BODY_CASE(a_full_channel_is_again_and_takes_more_once_read)
{
	size_t n = 0, got = 0;

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	while (
	    imsg_send(&a, IMSG_KILL, 0, zeros, sizeof(struct msg_seq), -1) == 0)
		n++;
	ATF_REQUIRE_EQ(EAGAIN, errno);
	ATF_REQUIRE(!a.no_room);
	ATF_REQUIRE(n > 16);
	while (imsg_recv(&b, &m, &why) == IMSG_OK)
		got++;
	ATF_REQUIRE_EQ(n, got);
	ATF_REQUIRE_EQ(0,
	    imsg_send(&a, IMSG_KILL, 0, zeros, sizeof(struct msg_seq), -1));
	close_pair();
}

/* As a user without CAP_SYS_RESOURCE, which the sandboxed roles are. */
static void __attribute__((noreturn)) send_until_kernel_has_no_room(int fd)
{
	int fds[64][2], i;

	if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){160, 160}) == -1 ||
	    (geteuid() == 0 && setresuid(65533, 65533, 65533) == -1))
		_exit(2);
	for (i = 0; i < 64; i++) {
		if (imsg_pair(fds[i]) == -1)
			_exit(3);
		imsg_open(&a, fds[i][0], ROLE_VERIFIER, ROLE_EXECUTOR, ST_ANY);
		while (imsg_send(&a, IMSG_RUN_INPUT, 0, zeros,
			   sizeof(struct msg_seq), fd) == 0)
			continue;
		if (a.no_room || errno != EAGAIN)
			_exit(a.no_room && errno == EAGAIN ? 0 : 4);
	}
	_exit(5);
}

BODY_CASE(too_many_descriptors_in_flight_are_again)
{
	int fd = some_fd(), status;
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0)
		send_until_kernel_has_no_room(fd);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE_EQ(0, status);
}

static void
send_wrong(enum imsg_type type, size_t len, int fd)
{
	int status;
	pid_t pid;

	pid = fork();
	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		imsg_send(&a, type, 0, zeros, len, fd);
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

BODY_CASE(sending_what_the_table_forbids_aborts)
{
	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	send_wrong(IMSG_STARTED, sizeof(struct msg_started), -1);
	send_wrong(IMSG_KILL, sizeof(struct msg_seq) - 1, -1);
	send_wrong(IMSG_KILL, sizeof(struct msg_seq), a.fd);
	send_wrong(IMSG_RUN, sizeof(struct msg_run), -1);
	send_wrong(IMSG_COUNT, 0, -1);
	send_wrong(IMSG_KILL, (size_t)UINT16_MAX + 1 + sizeof(struct msg_seq),
	    -1);
	close_pair();
}

BODY_CASE(readers_are_sticky_and_must_use_every_byte)
{
	struct msg_sizes out, in = {1, 2, 3};
	uint64_t v;

	open_pair(ROLE_EXECUTOR, ROLE_VERIFIER, ST_SERVING);
	ATF_REQUIRE_EQ(0, imsg_send(&a, IMSG_GROWN, 0, &in, sizeof(in), -1));
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&b, &m, &why));
	imsg_get(&m, &v, sizeof(v));
	ATF_REQUIRE_EQ(1, v);
	imsg_get(&m, &v, sizeof(v));
	ATF_REQUIRE_EQ(2, v);
	ATF_REQUIRE_EQ(-1, imsg_end_check(&m));
	imsg_get(&m, &v, sizeof(v));
	ATF_REQUIRE_EQ(3, v);
	ATF_REQUIRE_EQ(0, imsg_end_check(&m));
	imsg_get(&m, &v, 1);
	ATF_REQUIRE_EQ(-1, imsg_end_check(&m));
	m.bad = false;
	ATF_REQUIRE_EQ(0, imsg_payload(&m, &out, sizeof(out)));
	ATF_REQUIRE_EQ(0, memcmp(&in, &out, sizeof(in)));
	ATF_REQUIRE_EQ(-1, imsg_payload(&m, &out, sizeof(out) - 1));
	m.bad = false;
	ATF_REQUIRE_EQ(-1, imsg_payload(&m, zeros, sizeof(out) + 1));
	m.off = 0;
	imsg_get(&m, &v, sizeof(v));
	ATF_REQUIRE_EQ_MSG(0, v, "a bad message gave something");
	close_pair();
}

BODY_CASE(a_text_is_ended_and_printable)
{
	char text[4] = "abc";

	ATF_REQUIRE(imsg_text_ok(text, sizeof(text)));
	ATF_REQUIRE(!imsg_text_ok(text, sizeof(text) - 1));
	text[1] = '\x1f';
	ATF_REQUIRE(!imsg_text_ok(text, sizeof(text)));
	text[1] = '\x7f';
	ATF_REQUIRE(!imsg_text_ok(text, sizeof(text)));
	text[1] = (char)0x80;
	ATF_REQUIRE(!imsg_text_ok(text, sizeof(text)));
	text[0] = '\0';
	ATF_REQUIRE(imsg_text_ok(text, sizeof(text)));
}

BODY_CASE(a_taken_descriptor_is_the_takers)
{
	struct stat st;
	int fd = some_fd(), got;

	open_pair(ROLE_VERIFIER, ROLE_EXECUTOR, ST_SERVING);
	ATF_REQUIRE_EQ(0,
	    imsg_send(&a, IMSG_RUN_INPUT, 0, zeros, sizeof(struct msg_seq),
		fd));
	ATF_REQUIRE_EQ_MSG(0, close(fd), "sending took it");
	ATF_REQUIRE_EQ(IMSG_OK, imsg_recv(&b, &m, &why));
	got = imsg_take_fd(&m);
	imsg_free(&m);
	ATF_REQUIRE_EQ(0, fstat(got, &st));
	ATF_REQUIRE(S_ISCHR(st.st_mode));
	ATF_REQUIRE_EQ(-1, imsg_take_fd(&m));
	close(got);
	close_pair();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_row_is_accepted_in_its_states);
	ATF_TP_ADD_TC(tp, every_row_is_refused_in_other_states);
	ATF_TP_ADD_TC(tp, every_row_is_refused_from_and_to_other_roles);
	ATF_TP_ADD_TC(tp, every_row_is_refused_with_another_size);
	ATF_TP_ADD_TC(tp,
	    every_row_is_refused_with_the_other_number_of_descriptors);
	ATF_TP_ADD_TC(tp, two_descriptors_are_refused_and_closed);
	ATF_TP_ADD_TC(tp, a_descriptor_that_got_lost_is_refused);
	ATF_TP_ADD_TC(tp, a_packet_that_is_too_large_is_refused);
	ATF_TP_ADD_TC(tp, a_packet_shorter_than_a_header_is_refused);
	ATF_TP_ADD_TC(tp, a_length_that_is_not_the_packets_is_refused);
	ATF_TP_ADD_TC(tp, an_unknown_type_is_refused);
	ATF_TP_ADD_TC(tp, an_empty_packet_is_the_end);
	ATF_TP_ADD_TC(tp, the_last_words_of_a_peer_that_did_not_read_are_heard);
	ATF_TP_ADD_TC(tp, a_full_channel_is_again_and_takes_more_once_read);
	ATF_TP_ADD_TC(tp, too_many_descriptors_in_flight_are_again);
	ATF_TP_ADD_TC(tp, sending_what_the_table_forbids_aborts);
	ATF_TP_ADD_TC(tp, readers_are_sticky_and_must_use_every_byte);
	ATF_TP_ADD_TC(tp, a_text_is_ended_and_printable);
	ATF_TP_ADD_TC(tp, a_taken_descriptor_is_the_takers);
	return atf_no_error();
}
