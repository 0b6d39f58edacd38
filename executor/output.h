#ifndef EXECUTOR_OUTPUT_H
#define EXECUTOR_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The folder of kept outputs: OUTPUT/<VM>/<seq>.out, .err and .time, by the
 * VM and the sequence number of the command's intent.
 */
enum output_file {
	OUTPUT_OUT,
	OUTPUT_ERR,
	OUTPUT_TIME,
	OUTPUT_FILES
};

/* Opens the folder; fatal on failure. */
void output_init(const char *root);
/*
 * Makes a command's files, each with room for all that may come into it:
 * their descriptors; 0.  -1 with errno: nothing is left of them.
 */
int output_make(const char *vm, uint64_t seq, uint64_t limit,
    int fd[OUTPUT_FILES]);
/* stream is 1 or 2.  Its own open, read-only; or -1. */
int output_open(const char *vm, uint64_t seq, unsigned int stream);
/* What cannot be removed is logged. */
void output_remove(const char *vm, uint64_t seq);
/*
 * In a process of its own: the room that they do not need is given back, their
 * time is this one, and all is on disk.  0, or -1.
 */
int output_sync(const char *vm, const int fd[OUTPUT_FILES], int64_t ended_us);

/*
 * Of the commands that have this number or a later one all files are removed:
 * the log does not know them.  Room that a crash has left reserved is given
 * back.
 */
void output_sweep(uint64_t from);
/*
 * Removes what ended before then (Unix seconds; 0: nothing), and counts what
 * is left but for that of commands that are not over: its bytes on the disk,
 * and when the oldest of it ended (0: there is none).
 */
void output_look(const char *vm, int64_t before, uint64_t *bytes,
    int64_t *oldest);

#endif
