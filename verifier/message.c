#include "verifier/verifier.h"

#include <string.h>

/*
 * What journald calls each event of the log: never another one once it was
 * given.  systemd/qvm-remote.catalog explains them.
 */
static const struct {
	const char *event, *id;
} messages[] = {
    {"start", "1a0001e2c10644bf842bf1322251eb86"},
    {"stop", "8fa5f6ab3ddf427f93e27cc2f787a7f1"},
    {"conf", "7d219ecb7855479085e9cd1cd14dbd1b"},
    {"clock", "f41f1a157b8642e287431e07a749c5d6"},
    {"clock-accept", "9871b3fa36514ba297e26343ef8802c4"},
    {"disk", "7903a320ff0f45d6afccb972f0874224"},
    {"served", "ac11c4c8ebd74fa1b9bcd54b1f3a6f47"},
    {"unserved", "798c0093f3ce4cc187ff7e564e3f45fa"},
    {"session", "efdde1af22de4b5f9af8a3d39a15b7ef"},
    {"session-end", "a8d0f566636840cba4f69c4d580c3e6e"},
    {"violation", "f5fd99308d384f4cb06cf47713237600"},
    {"silent", "70076e29755d4e9cb90cb780316cb731"},
    {"share", "5b33eeb614fe46668e45b7249af2e1a3"},
    {"intent", "ca03cb33c52842f0835c44a936183581"},
    {"result", "b1749a7ffc4a47bbba96e2a4a0553194"},
    {"refused", "8b5f39363c274da29bf2f910b939e8d3"},
    {"cancel", "ad8436fc65c64241bfa39207ace0193b"},
    {"asked", "049d5d8c69344a4c9fb43b72a6a83b93"},
    {"approved", "0236be98e8c240769be7a1b3f63eaf25"},
    {"denied", "56dd8721a8dc4b14882732096a42af81"},
    {"approval", "bf469f2ea2df46a89cb89921e8a1085f"},
    {"approval-revoke", "8a7020800b2d46088e355c2e441cdb6f"},
    {"kill", "48da0531428843c7913267c29ce241de"},
    {"authorize", "d89bf84026f348bd8526d5d4e7523c2e"},
    {"revoke", "b69a740b198649b689d91fa4cdf59a41"},
    {"rotate", "6ef228ddf1b54fc5a3e8b3c7f952838e"},
    {"rotate-finish", "447ba6287fa04cb7973180005e7a1679"},
    {"enable", "e01a685d69ad493daad7b232a7b54517"},
    {"disable", "2458f222aae44d58ac8f4bf8ee61b9d5"},
    {"pruned", "ed9d0ce99e5d46dca4bf7f0bb2c977f3"},
    {"erase", "a83dc7347c2246fbac5e54d15788c6aa"},
    {"outputs-removed", "747a9a9227284cbf8ec93be8bf7b9594"},
};

const char *
message_id(const char *event)
{
	size_t i;

	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (strcmp(messages[i].event, event) == 0)
			return (messages[i].id);
	}
	return (NULL);
}
