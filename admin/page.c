#include "admin/page.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "admin/admin.h"

#define MARK_WIDTH  10
#define COLUMNS_MIN 76 /* what page_row() is given fits */
#define ROWS_MIN    5
#define LATE_MS	    1000 /* who answers sooner has not read */
#define CTRL_C	    0x03
#define CTRL_D	    0x04
#define MORE	    "-- more: space or Return; q leaves it as it is --"

static struct {
	struct termios saved;
	sigset_t signals; /* that would leave the terminal as it is */
	int signal_fd;
	bool open, left;
	size_t rows, columns, used; /* used: rows of this page */
	char row[512];
	size_t len;
} page;

/* A pseudo-terminal may have no size. */
static void
measure(void)
{
	struct winsize size;

	page.rows = 24;
	page.columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0) {
		page.rows = size.ws_row;
		page.columns = size.ws_col;
	}
	if (page.columns > sizeof(page.row) - 1)
		page.columns = sizeof(page.row) - 1;
}

void
page_open(void)
{
	struct termios raw;

	measure();
	if (page.columns < COLUMNS_MIN || page.rows < ROWS_MIN)
		fail("the terminal is too small: %d columns and %d rows are "
		     "needed",
		    COLUMNS_MIN, ROWS_MIN);
	sigemptyset(&page.signals);
	sigaddset(&page.signals, SIGTERM);
	sigaddset(&page.signals, SIGHUP);
	page.signal_fd = signalfd(-1, &page.signals, SFD_CLOEXEC);
	if (page.signal_fd == -1 ||
	    tcgetattr(STDIN_FILENO, &page.saved) == -1 ||
	    sigprocmask(SIG_BLOCK, &page.signals, NULL) == -1)
		fail_errno("terminal");
	raw = page.saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == -1)
		fail_errno("terminal");
	page.open = true;
	page.left = false;
	page.used = 0;
}

void
page_close(void)
{
	if (!page.open)
		return;
	page.open = false;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &page.saved) == -1)
		warn("the terminal may not echo: `stty sane`");
	close(page.signal_fd);
	/* What came meanwhile acts here. */
	if (sigprocmask(SIG_UNBLOCK, &page.signals, NULL) == -1)
		fail_errno("signals");
}

/* A key, -1 when the time is over, CTRL_C when there are no more. */
static int
read_key(int ms)
{
	struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = page.signal_fd, .events = POLLIN}};
	unsigned char key;
	int n;

	n = poll(p, 2, ms);
	if (n == 0)
		return -1;
	if (n == -1 && errno == EINTR)
		return 0;
	if (n == -1 || p[1].revents != 0 || read(STDIN_FILENO, &key, 1) != 1)
		return CTRL_C;
	return key;
}

static bool
leaves(int key)
{
	return key == 'q' || key == CTRL_C || key == CTRL_D;
}

static void
turn(void)
{
	int key;

	printf("%s", MORE);
	finish_output();
	do
		key = read_key(-1);
	while (key != ' ' && key != '\r' && key != '\n' && !leaves(key));
	page.left = leaves(key);
	printf("\r%*s\r", (int)strlen(MORE), "");
	page.used = 0;
	measure();
}

/* The page is turned before the row that has no room on it. */
static bool
has_row(void)
{
	if (!page.left && page.used >= page.rows - 1)
		turn();
	page.used++;
	return !page.left;
}

void
page_row(const char *text, int colour)
{
	if (!has_row())
		return;
	if (colour != 0)
		printf("\033[1;%dm%s\033[0m\n", colour, text);
	else
		printf("%s\n", text);
}

static void
flush_row(void)
{
	page.row[page.len] = '\0';
	page_row(page.row, 0);
	page.len = 0;
}

static void
begin_row(const char *mark)
{
	page.len = (size_t)snprintf(page.row, sizeof(page.row), "%*.*s",
	    MARK_WIDTH, MARK_WIDTH, mark);
}

static void
put(const char *text)
{
	size_t len = strlen(text);

	if (page.len + len > page.columns) {
		flush_row();
		begin_row("+ | ");
	}
	memcpy(page.row + page.len, text, len);
	page.len += len;
}

/*
 * The bytes of one character, well-formed and as short as may be (RFC 3629);
 * 0: it is none.
 */
static size_t
utf8(const unsigned char *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t i, n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;

	if (*p < 0xc2 || *p > 0xf4 || n > len)
		return 0;
	*c = *p & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n;
}

/*
 * Whatever is not printable ASCII is spelled out: what cannot be seen, what
 * turns the direction, and what only looks like another letter.
 */
static size_t
put_character(const unsigned char *p, size_t len)
{
	static const char names[] = "t\tr\rn\n\\\\";
	char text[16] = {(char)*p};
	const char *name;
	size_t n = 1;
	uint32_t c;

	for (name = names; *name != '\0'; name += 2) {
		if ((unsigned char)name[1] == *p) {
			snprintf(text, sizeof(text), "\\%c", *name);
			put(text);
			return 1;
		}
	}
	if (*p < 0x20 || *p >= 0x7f) {
		n = utf8(p, len, &c);
		if (n == 0)
			snprintf(text, sizeof(text), "\\x%02x", *p);
		else
			snprintf(text, sizeof(text), "\\u{%x}", c);
	}
	put(text);
	return n == 0 ? 1 : n;
}

static void
begin_line(unsigned *line)
{
	char mark[16];

	snprintf(mark, sizeof(mark), "%u | ", ++*line);
	begin_row(mark);
}

void
page_bytes(const char *mark, const void *bytes, size_t len, bool lines)
{
	const unsigned char *p = bytes, *end = p + len;
	unsigned line = 0;

	if (lines)
		begin_line(&line);
	else
		begin_row(mark);
	while (p < end && !page.left) {
		if (!lines || *p != '\n') {
			p += put_character(p, (size_t)(end - p));
			continue;
		}
		flush_row();
		if (++p < end)
			begin_line(&line);
	}
	if (page.len > 0)
		flush_row();
}

/* From now on; keys do not shorten it. */
static void
wait_late(void)
{
	int64_t left, until = now_ms() + LATE_MS;

	while (!page.left && (left = until - now_ms()) > 0) {
		if (leaves(read_key((int)left)))
			page.left = true;
	}
}

bool
page_question(const char *question, char *answer, size_t size)
{
	ssize_t n;

	finish_output();
	wait_late();
	page_close();
	if (page.left)
		return false;
	fputs(question, stdout);
	finish_output();
	n = read(STDIN_FILENO, answer, size - 1);
	if (n <= 0)
		return false;
	/* A line that is longer is no answer, and no shell's either. */
	if (tcflush(STDIN_FILENO, TCIFLUSH) == -1)
		fail_errno("terminal");
	answer[n] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	return true;
}
