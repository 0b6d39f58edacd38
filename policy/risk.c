#include "policy/risk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy/pattern.h"
#include "policy/words.h"

/* They run what their arguments or their input say. */
static const char *const runners[] = {"ash", "at", "awk", "bash", "batch",
    "busybox", "chroot", "chrt", "crontab", "csh", "dash", "doas", "ed",
    "emacs", "env", "ex", "expect", "fish", "flock", "gawk", "gdb", "guile",
    "ionice", "ksh", "ld-linux-x86-64.so.2", "ld.so", "lua", "make", "mawk",
    "nano", "nice", "node", "nohup", "nsenter", "nvim", "parallel", "perl",
    "php", "pkexec", "python", "rbash", "ruby", "runuser", "rview", "rvim",
    "screen", "script", "sed", "setpriv", "setsid", "sh", "ssh", "stdbuf",
    "strace", "su", "sudo", "systemd-run", "taskset", "tclsh", "time",
    "timeout", "tmux", "unshare", "vi", "view", "vim", "vim.basic", "vim.tiny",
    "watch", "xargs", "zsh"};

/* They have options that run, write or delete. */
static const struct option {
	const char *command, *options;
} options[] = {
    {"chmod", "and arguments that open any file"},
    {"chown", "and arguments that give any file away"},
    {"cp", "and arguments that overwrite any file"},
    {"curl", "like -o and file://"},
    {"dd", "like of="},
    {"dnf", "like --installroot, and packages whose scripts run as root"},
    {"find", "like -exec, -delete and -fprintf"},
    {"git", "like -c and --exec-path"},
    {"install", "and arguments that overwrite any file"},
    {"journalctl", "like --vacuum-size and --root"},
    {"less", "and a prompt that runs commands"},
    {"ln", "and arguments that replace any file"},
    {"man", "like --pager"},
    {"mount", "and arguments that cover any folder"},
    {"mv", "and arguments that overwrite any file"},
    {"qubes-dom0-update", "like --action, and packages whose scripts run"},
    {"qubesctl", "and modules like cmd.run"},
    {"qvm-run", "and commands that any VM runs"},
    {"rpm", "like --eval and --pipe, and packages whose scripts run"},
    {"rsync", "like -e and --rsync-path"},
    {"sort", "like -o and --compress-program"},
    {"systemctl", "like link and edit, which make root run anything"},
    {"tar", "like --to-command and --checkpoint-action"},
    {"tee", "and arguments that overwrite any file"},
    {"unzip", "like -o and -d"},
    {"zip", "like -TT"},
};

static void __attribute__((format(printf, 4, 5)))
warn(const char *name, const struct policy_line *line,
    const struct policy_env *env, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%.128s:%u: ", name, line->line);
	va_start(ap, fmt);
	if (n > 0 && (size_t)n < sizeof(text) &&
	    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap) > 0) {
		text_printable(text);
		env->warn(env->arg, text);
	}
	va_end(ap);
}

/* Whether a pattern's command may be this one; python3.11 is, of python. */
static bool
is_command(const char *pattern, const char *command)
{
	static const char version[] = {'0', '1', '2', '3', '4', '5', '6', '7',
	    '8', '9', '.', WORD_STAR, '\0'};
	const char *base = strrchr(pattern, '/');
	size_t len = strlen(command);

	base = base == NULL ? pattern : base + 1;
	if (pattern_word(base, command))
		return true;
	return strncmp(base, command, len) == 0 &&
	    base[len + strspn(base + len, version)] == '\0';
}

static bool
warn_runner(const char *name, const struct policy *p,
    const struct policy_line *line, const struct policy_env *env)
{
	size_t i;

	for (i = 0; i < sizeof(runners) / sizeof(runners[0]); i++) {
		if (!is_command(pattern_command(p, line), runners[i]))
			continue;
		warn(name, line, env,
		    "this allows `%s`, which runs what its arguments or its "
		    "input say: as good as every command",
		    runners[i]);
		return true;
	}
	return false;
}

static void
warn_rest(const char *name, const struct policy *p,
    const struct policy_line *line, const struct policy_env *env)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!is_command(pattern_command(p, line), options[i].command))
			continue;
		warn(name, line, env,
		    "`**` allows every option of `%s`, %s: name the words "
		    "that are meant",
		    options[i].command, options[i].options);
		return;
	}
}

/* Whether two lines may be about one command. */
static bool
same_command(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || pattern_word(a, b) || pattern_word(b, a);
}

/* A line that denies some words of what a later one allows with any. */
static void
warn_deny(const char *name, const struct policy *p,
    const struct policy_line *line, const struct policy_env *env)
{
	const struct policy_line *later;

	for (later = line + 1; later < p->line + p->lines; later++) {
		if (!later->allow || !pattern_has_rest(p, later) ||
		    !same_command(pattern_command(p, later),
			pattern_command(p, line)))
			continue;
		warn(name, line, env,
		    "other words for the same, or one more, get by this to "
		    "line %u: end it with `**`",
		    later->line);
		return;
	}
}

void
risk_warn(const char *name, const struct policy *p,
    const struct policy_env *env)
{
	const struct policy_line *line;

	for (line = p->line; line < p->line + p->lines; line++) {
		if (line->allow) {
			if (!warn_runner(name, p, line, env) &&
			    pattern_has_rest(p, line))
				warn_rest(name, p, line, env);
		} else if (!pattern_has_rest(p, line)) {
			warn_deny(name, p, line, env);
		}
	}
}
