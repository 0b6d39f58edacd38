#include "policy/policy.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "wire/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Whatever a file says, only VMs' names are in the list, and none twice. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct remote_conf c;
	unsigned int i, k;
	char err[128];

	conf_default(&c);
	if (conf_parse("f", (const char *)data, size, &c, err, sizeof(err)) ==
	    -1) {
		assert(strncmp(err, "f:", 2) == 0);
		for (i = 0; err[i] != '\0'; i++)
			assert(err[i] >= 0x20 && err[i] <= 0x7e);
		return 0;
	}
	assert(c.vm_count <= VMS_MAX && (c.vms_set || c.vm_count == 0));
	assert(c.vm_user[0] != '\0');
	for (i = 0; i < c.vm_count; i++) {
		assert(vm_name_valid(c.vms[i], strlen(c.vms[i])));
		for (k = 0; k < i; k++)
			assert(strcmp(c.vms[i], c.vms[k]) != 0);
	}
	return 0;
}
