#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parent/parent.h"

#define UUID "5ece8235-8f77-41ad-9884-688cbad7f323"

/* As a VM's qrexec daemon leaves them. */
static void
make_socket(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", name);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&sa, sizeof(sa)));
	ATF_REQUIRE_EQ(0, close(fd));
}

static void
make_link(const char *to, const char *name)
{
	ATF_REQUIRE_EQ(0, symlink(to, name));
}

ATF_TC_WITHOUT_HEAD(a_vm_without_a_socket_is_absent);
ATF_TC_BODY(a_vm_without_a_socket_is_absent, tc)
{
	int fd;

	ATF_CHECK_EQ(VM_ABSENT, watch_presence(".", "work", ""));
	ATF_CHECK_EQ(VM_ABSENT, watch_presence("./nowhere", "work", ""));
	make_link("qrexec.5", "qrexec.work");
	ATF_CHECK_EQ(VM_ABSENT, watch_presence(".", "work", ""));
	/* What is no socket is nobody's. */
	fd = open("qrexec.5", O_WRONLY | O_CREAT, 0600);
	ATF_REQUIRE(fd != -1 && close(fd) == 0);
	ATF_CHECK_EQ(VM_ABSENT, watch_presence(".", "work", ""));
}

ATF_TC_WITHOUT_HEAD(without_a_uuid_the_name_is_enough);
ATF_TC_BODY(without_a_uuid_the_name_is_enough, tc)
{
	make_socket("qrexec.5");
	make_link("qrexec.5", "qrexec.work");
	ATF_CHECK_EQ(VM_PRESENT, watch_presence(".", "work", ""));
	ATF_CHECK_EQ(VM_ABSENT, watch_presence(".", "wor", ""));
}

ATF_TC_WITHOUT_HEAD(the_uuid_must_lead_to_the_same_socket);
ATF_TC_BODY(the_uuid_must_lead_to_the_same_socket, tc)
{
	make_socket("qrexec.5");
	make_socket("qrexec.6");
	make_link("qrexec.5", "qrexec.work");
	ATF_CHECK_EQ(VM_OTHER, watch_presence(".", "work", UUID));
	make_link("qrexec.6", "qrexec.uuid:" UUID);
	ATF_CHECK_EQ(VM_OTHER, watch_presence(".", "work", UUID));
	ATF_REQUIRE_EQ(0, unlink("qrexec.uuid:" UUID));
	make_link("qrexec.5", "qrexec.uuid:" UUID);
	ATF_CHECK_EQ(VM_PRESENT, watch_presence(".", "work", UUID));
	ATF_REQUIRE_EQ(0, unlink("qrexec.work"));
	ATF_CHECK_EQ(VM_ABSENT, watch_presence(".", "work", UUID));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, a_vm_without_a_socket_is_absent);
	ATF_TP_ADD_TC(tp, without_a_uuid_the_name_is_enough);
	ATF_TP_ADD_TC(tp, the_uuid_must_lead_to_the_same_socket);
	return atf_no_error();
}
