#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "audit/text.h"
#include "webui/page.h"
#include "webui/webui.h"

/*
 * The page in one file, with the requests that it would ask for.  Its style and
 * its script are in it, and the policy that it carries allows these two by their
 * digests: whatever else a record may hold does not run.
 */

static const char style_link[] =
    "<link rel=\"stylesheet\" href=\"/page.css\">\n";
static const char script_link[] = "<script src=\"/page.js\" defer></script>\n";

static void
print_base64(const uint8_t digest[SHA256_LEN])
{
	char four[4];
	size_t i;

	for (i = 0; i < SHA256_LEN; i += 3) {
		base64_encode(four, digest + i,
		    SHA256_LEN - i < 3 ? SHA256_LEN - i : 3);
		printf("%.4s", four);
	}
}

static void
print_source(const char *directive, const char *text)
{
	uint8_t digest[SHA256_LEN];

	sha256(text, strlen(text), digest);
	printf("; %s 'sha256-", directive);
	print_base64(digest);
	putchar('\'');
}

static void
print_policy(void)
{
	printf("<meta http-equiv=\"Content-Security-Policy\" content=\""
	       "default-src 'none'; base-uri 'none'; form-action 'none'");
	print_source("style-src", page_css);
	print_source("script-src", page_js);
	/* Where the page matches patterns. */
	printf("; worker-src blob:\">\n<style>%s</style>\n", page_css);
}

/* In a script element `<` may begin its end; in JSON it stands in strings alone. */
static ssize_t
write_json(void *page, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] == '<')
			fputs("\\u003c", page);
		else
			putc(data[i], page);
	}
	return ferror(page) ? 0 : (ssize_t)len;
}

static void
print_requests(const struct log *log, const struct filter *f)
{
	struct requests found;
	size_t i;

	requests_find(log, f, &found);
	printf("{\"newest\":%ju,\"more\":%s,\"rows\":[",
	    (uintmax_t)log_newest(log), found.more ? "true" : "false");
	for (i = 0; i < found.count; i++) {
		fputs(i > 0 ? ",\n" : "\n", stdout);
		row_print(log, &found.list[i]);
	}
	fputs("],\"requests\":[", stdout);
	for (i = 0; i < found.count; i++) {
		fputs(i > 0 ? ",\n" : "\n", stdout);
		row_print_records(log, &found.list[i]);
	}
	fputs("]}\n", stdout);
}

/* What is printed by the same calls that answer a browser, as data of the page. */
static void
print_data(const struct log *log, const struct filter *f)
{
	static const cookie_io_functions_t io = {.write = write_json};
	FILE *page = stdout, *data = fopencookie(page, "w", io);

	if (data == NULL)
		fail_errno("the page's data");
	stdout = data;
	print_requests(log, f);
	finish_output();
	stdout = page;
	fclose(data);
}

static void __attribute__((noreturn)) write_page(int out, struct filter *f)
{
	const char *style = strstr(page_html, style_link);
	const char *script = strstr(page_html, script_link);
	static struct log log;

	log_open(&log);
	if (dup2(out, STDOUT_FILENO) == -1)
		fail_errno("the page");
	if (style == NULL || script == NULL || script < style)
		fail("the page is not what it was made for");
	printf("%.*s", (int)(style - page_html), page_html);
	print_policy();
	style += strlen(style_link);
	printf("%.*s<script type=\"application/json\" id=\"data\">",
	    (int)(script - style), style);
	print_data(&log, f);
	printf("</script>\n<script>%s</script>\n%s", page_js,
	    script + strlen(script_link));
	finish_output();
	exit(0);
}

/* Its end, as waitpid(2) says it; a signal that is to end us, negated, ends it. */
static int
await_end(pid_t pid, const sigset_t *signals)
{
	int status, signo, ended_by = 0;
	pid_t ended;

	while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
		if (sigwait(signals, &signo) != 0)
			fail("signals");
		if (signo == SIGCHLD)
			continue;
		ended_by = signo;
		if (kill(pid, SIGKILL) == -1)
			fail_errno("kill");
	}
	if (ended == -1)
		fail_errno("waitpid");
	return ended_by != 0 ? -ended_by : status;
}

static void
block_signals(sigset_t *signals, sigset_t *before)
{
	static const int all[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	size_t i;

	sigemptyset(signals);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		sigaddset(signals, all[i]);
	if (sigprocmask(SIG_BLOCK, signals, before) == -1)
		fail_errno("signals");
}

/* What writes it may read the log and no more; what is not whole is removed. */
void
export_write(const char *path, struct filter *f)
{
	sigset_t signals, before;
	int out, status;
	pid_t pid;

	block_signals(&signals, &before);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (out == -1)
		fail_errno("%s", path);
	pid = fork();
	if (pid == -1)
		fail_errno("a process that reads the log");
	if (pid == 0) {
		if (sigprocmask(SIG_SETMASK, &before, NULL) == -1)
			fail_errno("signals");
		write_page(out, f);
	}
	status = await_end(pid, &signals);
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (unlink(path) == -1)
		fail_errno("%s", path);
	exit(status < 0 ? 128 - status : 1);
}
