#ifndef EXECUTOR_CGROUP_H
#define EXECUTOR_CGROUP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Control groups, version 2.  A command's is BASE/command.<seq>; a cgroup is
 * passed around as a descriptor of its folder.
 */

/*
 * Opens BASE, shows by making one that cgroups can be made there, and ends
 * what an earlier life has left.  Fatal on failure, with what to do.
 */
void cgroup_init(const char *base);

/*
 * A new, empty cgroup: its folder, or -1.  tasks, memory (bytes): 0 where the
 * policy names none; then tasks are limited where they can be.
 */
int cgroup_make(uint64_t seq, uint32_t tasks, uint64_t memory);
/* Sets its limits, 0 where the policy names none: 0, or -1. */
int cgroup_confine(int dir, uint32_t tasks, uint64_t memory);
/* LIMIT_* that those in it have run into. */
uint32_t cgroup_limits(int dir);
/* Whether the process is in it, or below it. */
bool cgroup_has(pid_t, uint64_t seq);
/* SIGTERM to each process in it and below it. */
void cgroup_term(int dir, uint64_t seq);
/* SIGKILL to all, in one step: what forks meanwhile dies too. */
void cgroup_kill(int dir);
/* A descriptor that is EPOLLPRI when `populated` changes, or -1. */
int cgroup_events(int dir);
/* Whether a process is in it or below it; true, too, if that is unknown. */
int cgroup_populated(int events);
/* Removes it and the ones that the command made below: 0, or -1. */
int cgroup_remove(uint64_t seq);

/*
 * Kills all that is in the cgroups under BASE whose names begin so, waits
 * until they are empty, at most ms in all, and removes them.
 */
void cgroup_end_all(const char *prefix, int ms);

#endif
