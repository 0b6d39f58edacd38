#include <string.h>

#include "client/idlist.h"

int
id_compare(const char *a, const char *b)
{
	bool ping_a = a[0] == 'p', ping_b = b[0] == 'p';

	if (ping_a != ping_b)
		return (ping_a ? -1 : 1);
	return (strcmp(a, b));
}

/* Where id is, or would be. */
static size_t
place(const struct idlist *l, const char *id)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (id_compare(l->ids[mid], id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (low);
}

bool
idlist_has(const struct idlist *l, const char *id)
{
	size_t i = place(l, id);

	return (i < l->n && strcmp(l->ids[i], id) == 0);
}

void
idlist_add(struct idlist *l, const char *id)
{
	size_t i = place(l, id), len = strnlen(id, ID_MAX);

	if (i < l->n && strcmp(l->ids[i], id) == 0)
		return;
	if (l->n == IDLIST_MAX) {
		l->more = true;
		if (i == IDLIST_MAX)
			return;
		l->n--;
	}
	memmove(l->ids[i + 1], l->ids[i], (l->n - i) * sizeof(l->ids[0]));
	memcpy(l->ids[i], id, len);
	l->ids[i][len] = '\0';
	l->n++;
}

void
idlist_remove(struct idlist *l, const char *id)
{
	size_t i = place(l, id);

	if (i == l->n || strcmp(l->ids[i], id) != 0)
		return;
	l->n--;
	memmove(l->ids[i], l->ids[i + 1], (l->n - i) * sizeof(l->ids[0]));
}

bool
idlist_take(struct idlist *l, char id[ID_MAX + 1])
{
	if (l->n == 0)
		return (false);
	memcpy(id, l->ids[0], ID_MAX + 1);
	l->n--;
	memmove(l->ids[0], l->ids[1], l->n * sizeof(l->ids[0]));
	return (true);
}
