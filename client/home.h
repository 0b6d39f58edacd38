#ifndef CLIENT_HOME_H
#define CLIENT_HOME_H

/* ~/.qvm-remote and the folders of the queue, open. */
struct home {
	int dir;
	int pending, running, results;
	int clients; /* <id>: the body, locked while its client lives */
	int history;
};

/*
 * Takes over ~/.qubes-remote where only that exists, makes what is missing.
 * 0, or -1 after saying why.
 */
int home_open(struct home *);

#endif
