#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "privsep/path.h"
#include "wire/id.h"

#define PREFIX_UUID "qrexec.uuid:"
#define PATH_PREFS  "/usr/bin/qvm-prefs"
#define PREFS_MS    10000

/*
 * Of a running VM: the link qrexec.uuid:UUID that leads to the same socket as
 * qrexec.VM.  Two that do are none.
 */
static bool
uuid_of_links(int folder, const struct stat *vm, char uuid[UUID_LEN + 1])
{
	const char *name;
	struct dirent *e;
	struct stat st;
	unsigned int found = 0;
	DIR *d;

	d = fdopendir(folder);
	if (d == NULL)
		fail_errno("%s", PATH_QUBES_RUN);
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX_UUID, strlen(PREFIX_UUID)) != 0)
			continue;
		name = e->d_name + strlen(PREFIX_UUID);
		if (!uuid_valid(name, strlen(name)) ||
		    fstatat(folder, e->d_name, &st, 0) == -1 ||
		    st.st_dev != vm->st_dev || st.st_ino != vm->st_ino)
			continue;
		memcpy(uuid, name, UUID_LEN + 1);
		found++;
	}
	if (errno != 0)
		fail_errno("%s", PATH_QUBES_RUN);
	closedir(d);
	return found == 1;
}

static bool
uuid_of_running(const char *vm, char uuid[UUID_LEN + 1])
{
	char path[PATH_MAX], name[sizeof("qrexec.") + VM_NAME_MAX];
	struct stat st;
	int folder;

	at_root(path, PATH_QUBES_RUN);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder == -1)
		return false;
	snprintf(name, sizeof(name), "qrexec.%s", vm);
	if (fstatat(folder, name, &st, 0) == -1 || !S_ISSOCK(st.st_mode)) {
		close(folder);
		return false;
	}
	return uuid_of_links(folder, &st, uuid);
}

static void __attribute__((noreturn))
exec_prefs(const char *path, const char *vm, const char *property, int out)
{
	static char program[] = "qvm-prefs";
	static char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale[] = "LC_ALL=C";
	char *const env[] = {search, locale, NULL};
	char name[VM_NAME_MAX + 1], what[16];
	char *const argv[] = {program, name, what, NULL};
	int null;

	snprintf(name, sizeof(name), "%s", vm);
	snprintf(what, sizeof(what), "%s", property);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1 && dup2(null, 0) == 0 && dup2(out, 1) == 1 &&
	    dup2(null, 2) == 2)
		execve(path, argv, env);
	_exit(127);
}

/* At most size bytes until the end of the pipe, or until then. */
static size_t
read_answer(int fd, char *buf, size_t size, int64_t until)
{
	int64_t left;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	ssize_t n;

	while (used < size && (left = until - now_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, buf + used, size - used);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return used;
		used += (size_t)n;
	}
	return 0;
}

/* 0: it has ended, with success, by then; it is killed otherwise. */
static int
end_prefs(pid_t pid, int64_t until)
{
	struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0),
	    .events = POLLIN};
	int64_t left;
	int status;

	if (p.fd == -1)
		fail_errno("a process");
	while ((left = until - now_ms()) > 0 && poll(&p, 1, (int)left) == -1)
		;
	if (left <= 0 || p.revents == 0)
		kill(pid, SIGKILL);
	close(p.fd);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			fail_errno("a process");
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static size_t
run_prefs(const char *vm, const char *property, char *buf, size_t size)
{
	char path[PATH_MAX];
	int64_t until;
	size_t used;
	int fds[2];
	pid_t pid;

	at_root(path, PATH_PREFS);
	if (access(path, X_OK) == -1)
		return 0;
	if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		fail_errno("%s", path);
	if (pid == 0)
		exec_prefs(path, vm, property, fds[1]);
	close(fds[1]);
	until = now_ms() + PREFS_MS;
	used = read_answer(fds[0], buf, size, until);
	close(fds[0]);
	return end_prefs(pid, used > 0 ? until : 0) == 0 ? used : 0;
}

bool
vm_uuid(const char *vm, char uuid[UUID_LEN + 1])
{
	char answer[UUID_LEN + 2];
	size_t len;

	if (uuid_of_running(vm, uuid))
		return true;
	/* What was found and did not count. */
	uuid[0] = '\0';
	len = run_prefs(vm, "uuid", answer, sizeof(answer));
	if (len == UUID_LEN + 1 && answer[UUID_LEN] == '\n')
		len--;
	if (len != UUID_LEN || !uuid_valid(answer, len))
		return false;
	memcpy(uuid, answer, UUID_LEN);
	uuid[UUID_LEN] = '\0';
	return true;
}

bool
vm_label(const char *vm, char label[LABEL_MAX + 1])
{
	char answer[LABEL_MAX + 1];
	size_t i, len = run_prefs(vm, "label", answer, sizeof(answer));

	if (len < 2 || answer[len - 1] != '\n')
		return false;
	answer[--len] = '\0';
	for (i = 0; i < len; i++) {
		if (!(answer[i] >= 'a' && answer[i] <= 'z') &&
		    !(answer[i] >= '0' && answer[i] <= '9') &&
		    answer[i] != '-' && answer[i] != '_')
			return false;
	}
	memcpy(label, answer, len + 1);
	return true;
}
