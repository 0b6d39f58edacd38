#ifndef REGRESS_VM_H
#define REGRESS_VM_H

/* A simulated VM: what the launcher hands to the process that becomes it. */

enum vm_tree {
	TREE_BED,
	TREE_HOME,
	TREE_ETC, /* passwd and what follows: files of the VM */
	TREE_DEV = TREE_ETC + 5,
	TREE_COUNT = TREE_DEV + 6
};

struct vm {
	const char *bed; /* absolute */
	const char *name;
	const char *uuid; /* "-": none, as with an older qrexec */
	unsigned int xid;
	unsigned int uidbase; /* outside: the VM's uid and gid 0 */
	int listener;	      /* qrexec.XID */
	int tree[TREE_COUNT]; /* detached mounts */
};

/* Before the VM's namespaces: opens what will be mounted.  Exits on failure. */
void vm_trees_open(struct vm *);
/* Within them: everything read-only, and what is the VM's own over it. */
void vm_mount(struct vm *);

/* The VM's pid 1: qrexec's agent.  Does not return. */
void vm_agent(struct vm *) __attribute__((noreturn));

/* A user of the VM: ids, environment, HOME.  0, or -1 for none such. */
int vm_become(const char *bed, const char *user);

#endif
