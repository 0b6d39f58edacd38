#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/keeper.h"
#include "privsep/channel.h"
#include "privsep/log.h"
#include "privsep/path.h"
#include "privsep/sandbox.h"
#include "webui/request.h"
#include "webui/webui.h"

/*
 * reader: what reads the log for the web view.
 * Fed by:  web (queries); the keeper (segments, the copy); inotify; the log
 * Feeds:   web (answers)
 * May:     read the log's open segments, fork      May not: open, connect, exec
 */

#define AT_A_TIME  4
#define CPU_S	   3 /* a process's: a pattern may need more than there is */
#define WALL_MS	   30000
#define MEMORY_MAX (768ul * 1024 * 1024)
#define ANSWER_MAX (64ul * 1024 * 1024)
#define NEWS_MS	   100	  /* between two that the log has grown */
#define VERIFY_MS  600000 /* between two verifications */

enum query_state {
	QUERY_FREE,
	QUERY_WAITS,
	QUERY_RUNS,
	QUERY_ENDED
};
struct query {
	enum query_state state;
	uint32_t id;
	struct msg_web_query asked;
	struct msg_web_answer answer;
	pid_t pid;
	int fd; /* of the answer */
	struct timer wall;
};

static struct {
	struct log log;
	struct channel web;
	struct query queries[VISITS_MAX];
	unsigned running;
	bool news;
	struct timer news_timer;
	struct event log_ev[2];
	struct verified verified;
	pid_t verifier;
	int verifier_fd;
	int64_t verified_ms;
} r;

static void
limit(int resource, rlim_t value)
{
	struct rlimit lim = {.rlim_cur = value, .rlim_max = value};

	if (setrlimit(resource, &lim) == -1)
		fail_errno("limits");
}

static int
answer_file(void)
{
	int fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		fail_errno("an answer");
	return fd;
}

/* A process that prints into fd, and has nothing but the log: 0 in it. */
static pid_t
begin_process(int fd)
{
	pid_t pid = fork();

	if (pid == -1)
		fail_errno("a process for a query");
	if (pid != 0)
		return pid;
	if (dup2(fd, STDOUT_FILENO) == -1)
		fail_errno("an answer");
	close(r.web.end.fd);
	limit(RLIMIT_AS, MEMORY_MAX);
	return 0;
}

static void __attribute__((noreturn)) answer_query(const struct query *q)
{
	unsigned int status;

	limit(RLIMIT_CPU, CPU_S);
	limit(RLIMIT_FSIZE, ANSWER_MAX);
	status = query_answer(&q->asked, &r.log, keeper_copy, &r.verified);
	finish_output();
	_exit(status == 200 ? 0 : status == 404 ? 4 : 3);
}

static void
too_long(struct timer *t)
{
	const struct query *q = t->arg;

	kill(q->pid, SIGKILL);
}

static void
begin_query(struct query *q)
{
	q->fd = answer_file();
	q->pid = begin_process(q->fd);
	if (q->pid == 0)
		answer_query(q);
	q->state = QUERY_RUNS;
	r.running++;
	timer_start(&q->wall, CLOCK_MONOTONIC, WALL_MS, too_long, q);
}

static void
begin_queries(void)
{
	size_t i;

	for (i = 0; i < VISITS_MAX && r.running < AT_A_TIME; i++)
		if (r.queries[i].state == QUERY_WAITS)
			begin_query(&r.queries[i]);
}

/* log verify, aside: its words are kept. */
static void
begin_verify(void)
{
	r.verifier_fd = answer_file();
	r.verifier = begin_process(r.verifier_fd);
	if (r.verifier != 0)
		return;
	if (setpriority(PRIO_PROCESS, 0, 19) == -1)
		fail_errno("priority");
	_exit(log_verify(&r.log));
}

/* What a process said that was ended, in place of what it had printed. */
static void
say_instead(struct query *q, unsigned int status, const char *why)
{
	q->answer.status = status;
	if (ftruncate(q->fd, 0) == -1 ||
	    pwrite(q->fd, why, strlen(why), 0) != (ssize_t)strlen(why))
		fail_errno("an answer");
}

static void
judge(struct query *q, int status)
{
	q->answer.status = 200;
	if (WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
		say_instead(q, 503,
		    "it takes too long: a simpler pattern, or a shorter time");
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		say_instead(q, 503, "the answer is too large: a shorter time");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		q->answer.status = 400;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		q->answer.status = 404;
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		say_instead(q, 500,
		    "the log could not be read: see where qvm-remote-webui was "
		    "started");
}

static void
end_query(struct query *q, int status)
{
	struct stat st;

	timer_stop(&q->wall);
	r.running--;
	judge(q, status);
	if (fstat(q->fd, &st) == -1 ||
	    fcntl(q->fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1)
		fail_errno("an answer");
	q->answer.length = (uint64_t)st.st_size;
	q->state = QUERY_ENDED;
}

/* Its last lines: what is proven stands at its end. */
static void
keep_words(char *text, size_t size, int fd)
{
	struct stat st;
	off_t from = 0;
	char *lf;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		fail_errno("what log verify said");
	if (st.st_size >= (off_t)size)
		from = st.st_size - (off_t)size + 1;
	n = pread(fd, text, size - 1, from);
	if (n < 0)
		fail_errno("what log verify said");
	text[n] = '\0';
	lf = from > 0 ? strchr(text, '\n') : NULL;
	if (lf != NULL)
		memmove(text, lf + 1, strlen(lf + 1) + 1);
}

static void
end_verify(int status)
{
	keep_words(r.verified.text, sizeof(r.verified.text), r.verifier_fd);
	close(r.verifier_fd);
	r.verified.time_us = now_realtime_us();
	r.verified.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	r.verified_ms = now_monotonic_ms();
	r.verifier = 0;
	r.news = true;
}

static void
reap(int signo)
{
	int status;
	pid_t pid;
	size_t i;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r.verifier)
			end_verify(status);
		for (i = 0; i < VISITS_MAX; i++)
			if (r.queries[i].state == QUERY_RUNS &&
			    r.queries[i].pid == pid)
				end_query(&r.queries[i], status);
	}
	begin_queries();
	channel_wake(&r.web);
}

/* What has grown since is verified when somebody looks. */
static void
verify_again(void)
{
	if (r.verifier == 0 && r.log.count > 0 &&
	    (r.verified.time_us == 0 ||
		now_monotonic_ms() - r.verified_ms >= VERIFY_MS))
		begin_verify();
}

static void
take_query(uint32_t id, const struct msg_web_query *asked)
{
	size_t i;

	for (i = 0; i < VISITS_MAX && r.queries[i].state != QUERY_FREE;)
		i++;
	if (i == VISITS_MAX)
		fatalx("web: more queries than it has visits");
	r.queries[i].state = QUERY_WAITS;
	r.queries[i].id = id;
	r.queries[i].asked = *asked;
	if (asked->what == WEB_STATE)
		verify_again();
	begin_queries();
}

static void
dispatch(struct channel *c, struct imsg *m)
{
	struct msg_web_query asked;
	struct msg_log said;

	(void)c;
	if (m->hdr.type == IMSG_WEB_QUERY) {
		if (imsg_payload(m, &asked, sizeof(asked)) == -1 ||
		    !query_valid(&asked))
			fatalx("web: no query");
		take_query(m->hdr.id, &asked);
		return;
	}
	if (m->hdr.type == IMSG_LOG) {
		if (imsg_payload(m, &said, sizeof(said)) == -1)
			fatalx("web: no line");
		log_relay("web", said.level, said.text);
	}
}

static void
closed(struct channel *c, const char *why)
{
	(void)c;
	fatalx("web: %s", why != NULL ? why : "it has ended");
}

static void
pump(struct channel *c)
{
	struct query *q;

	if (r.news && channel_send(c, IMSG_WEB_NEWS, 0, NULL, 0, -1) == -1)
		return;
	r.news = false;
	for (q = r.queries; q < r.queries + VISITS_MAX; q++) {
		if (q->state != QUERY_ENDED)
			continue;
		if (channel_send(c, IMSG_WEB_ANSWER, q->id, &q->answer,
			sizeof(q->answer), q->fd) == -1)
			return;
		close(q->fd);
		q->state = QUERY_FREE;
	}
}

static void
tell_news(struct timer *t)
{
	(void)t;
	r.news = true;
	channel_wake(&r.web);
}

static void
log_grew(struct event *ev, uint32_t revents)
{
	(void)ev;
	(void)revents;
	if (!keeper_take(&r.log))
		exit(0);
	if (!r.news_timer.set)
		timer_start(&r.news_timer, CLOCK_MONOTONIC, NEWS_MS, tell_news,
		    NULL);
}

static void __attribute__((noreturn)) run_web(int channel)
{
	static char title[] = "qvm-remote: web";
	char *const argv[] = {title, NULL}, *const envp[] = {NULL};
	char path[PATH_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;

	at_root(path, PATH_LIBEXEC "/web");
	event_child_signals();
	for (i = 0; i < 3; i++)
		if (dup2(null, i) == -1)
			_exit(126);
	if (channel == 3 ? fcntl(3, F_SETFD, 0) == -1 : dup2(channel, 3) == -1)
		_exit(126);
	execve(path, argv, envp);
	_exit(126);
}

/* The HTTP process gets the socket and its secrets, and is ready. */
static void
start_web(int listener, const struct msg_web_secrets *secrets)
{
	struct msg_settings settings = {.verbose = 0};
	struct imsg m;
	int ends[2];
	pid_t pid;

	if (imsg_pair(ends) == -1 || (pid = fork()) == -1)
		fail_errno("the HTTP process");
	if (pid == 0)
		run_web(ends[1]);
	close(ends[1]);
	r.web.dispatch = dispatch;
	r.web.closed = closed;
	r.web.pump = pump;
	channel_open(&r.web, ends[0], ROLE_PARENT, ROLE_WEB, ST_SETUP, "web");
	snprintf(settings.root, sizeof(settings.root), "%s", root);
	if (channel_send(&r.web, IMSG_SETTINGS, 0, &settings, sizeof(settings),
		-1) == -1 ||
	    channel_send(&r.web, IMSG_WEB_SOCKET, 0, secrets, sizeof(*secrets),
		listener) == -1)
		fail("the HTTP process ended at once");
	close(listener);
	for (;;) {
		channel_await(&r.web, &m);
		if (m.hdr.type == IMSG_READY)
			break;
		dispatch(&r.web, &m);
		imsg_free(&m);
	}
	imsg_set_state(&r.web.end, ST_SERVING);
}

static void
make_secret(char out[64])
{
	uint8_t bytes[32];
	char hex[65];

	random_bytes(bytes, sizeof(bytes));
	hex_print(hex, bytes, sizeof(bytes));
	memcpy(out, hex, 64);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(hex, sizeof(hex));
}

/* A folder of root's that is empty and stays so: both processes' root. */
static void
make_folder(char path[PATH_MAX])
{
	at_root(path, PATH_WEB_EMPTY);
	if (mkdir(path, 0555) == -1 && errno != EEXIST)
		fail_errno("%s", path);
}

static void
enter_sandbox(const char *folder)
{
	struct sandbox box = {.name = "reader",
	    .user = USER_LOG,
	    .chroot = folder,
	    .fsize = RLIM_INFINITY,
	    .nproc = 256};
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		fail_errno("limits");
	box.nofile = files.rlim_max;
	sandbox_enter(&box);
}

static void
print_address(const struct options *o, struct msg_web_secrets *secrets)
{
	if (o->socket != NULL)
		printf("http://localhost/?token=%.64s\n", secrets->token);
	else
		printf("http://127.0.0.1:%" PRIu64 "/?token=%.64s\n", o->port,
		    secrets->token);
	finish_output();
	explicit_bzero(secrets, sizeof(*secrets));
}

void
reader_run(const struct options *o)
{
	struct msg_web_secrets secrets = {
	    .port = o->socket != NULL ? 0 : o->port};
	char folder[PATH_MAX];
	int listener, fds[2], i;

	make_folder(folder);
	listener =
	    o->socket != NULL ? listen_path(o->socket) : listen_tcp(o->port);
	log_init("reader", false, NULL);
	keeper_start(NULL, KEEP_ALL);
	log_take(&r.log);
	event_init();
	event_signal(SIGCHLD, reap);
	make_secret(secrets.token);
	make_secret(secrets.cookie);
	start_web(listener, &secrets);
	keeper_fds(fds);
	for (i = 0; i < 2; i++)
		event_add(&r.log_ev[i], fds[i], EPOLLIN, log_grew, NULL);
	enter_sandbox(folder);
	verify_again();
	print_address(o, &secrets);
	event_loop(NULL);
	exit(0);
}
