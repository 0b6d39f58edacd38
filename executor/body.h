#ifndef EXECUTOR_BODY_H
#define EXECUTOR_BODY_H

/*
 * What was signed is what runs: *fd becomes an open of our own of a memfd that
 * nobody can change any more.  0, or the errno.
 */
int body_open(int *fd);
/*
 * The words of a body that is executed without a shell, until the next call.
 * 0, or the errno.
 */
int body_split(int body, char *const **argv);

#endif
