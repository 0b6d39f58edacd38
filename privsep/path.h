#ifndef PRIVSEP_PATH_H
#define PRIVSEP_PATH_H

#include <stddef.h>

/*
 * Where everything is.  --root DIR stands before each of them; nothing else
 * moves them.
 */
#define PATH_ETC       "/etc/qubes"
#define PATH_CONF      "/etc/qubes/remote.conf"
#define PATH_KEYS      "/etc/qubes/remote.d"
#define PATH_LOG       "/var/log/qvm-remote"
#define PATH_OUTPUT    "/var/log/qvm-remote/output"
#define PATH_COPY      "/var/log/qubes/qvm-remote.log"
#define PATH_JOURNAL   "/run/systemd/journal/socket"
#define PATH_SPOOL     "/var/lib/qvm-remote/spool"
#define PATH_RUN       "/run/qvm-remote"
#define PATH_WORK      "/run/qvm-remote/work"
#define PATH_EMPTY     "/run/qvm-remote/empty"
#define PATH_WEB_EMPTY "/run/qvm-remote-webui"
#define PATH_CONTROL   "control" /* in PATH_RUN */
#define PATH_CGROUP    "/run/qvm-remote/cgroup"
#define PATH_QUBES_RUN "/run/qubes"
#define PATH_QVM_RUN   "/usr/bin/qvm-run"
#define PATH_QREXEC    "/usr/bin/qrexec-client"
#define PATH_LIBEXEC   PREFIX "/libexec/qvm-remote"

#define USER_POLLER   "qvm-remote-poll"
#define USER_VERIFIER "qvm-remote-key"
#define USER_LOG      "qvm-remote-log"
#define USER_WEB      "qvm-remote-web"

/* root || path into out; -1 with ENAMETOOLONG when it does not fit. */
int path_join(char *out, size_t size, const char *root, const char *path);

#endif
