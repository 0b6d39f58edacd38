#ifndef EXECUTOR_TREE_H
#define EXECUTOR_TREE_H

/*
 * Removes all that is in a folder, not the folder.  Follows no link, crosses
 * no mount, and needs neither memory nor descriptors that grow with the depth
 * of the tree.  0; -1 with errno where something could not be removed.
 */
int tree_empty(int dir);

#endif
