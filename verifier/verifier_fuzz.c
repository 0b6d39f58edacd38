/*
 * Packets into the verifier: from a parent, an executor, two pollers and a
 * client of the control socket, in any order, with whatever descriptors.  All
 * of the verifier is here, on a log of its own.  Whatever they say, nothing is
 * handed to the executor that was not signed, and nothing a second time.
 */
#define main verifier_main
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "verifier/verifier.c"
#undef main

#include <sys/mman.h>
#include <stdio.h>
#include <stdlib.h>

#include "regress/fuzz.h"

#define POLLERS	   2
#define KEYS	   4 /* two of each VM */
#define IDS	   8 /* of each key */
#define SEQS	   4
#define BODIES	   4
#define TOKEN_SPAN 60

static const char *const names[] = {"work", "vault", "other"};
static const char *const key_texts[KEYS] = {
    "3f0a9c51d2b4e6f80123456789abcdef0fedcba98765432108f6e4b2d159c0a3",
    "c51d2b4e6f80123456789abcdef0fedcba98765432108f6e4b2d159c0a33f0a9",
    "2b4e6f80123456789abcdef0fedcba98765432108f6e4b2d159c0a33f0a9c51d",
    "e6f80123456789abcdef0fedcba98765432108f6e4b2d159c0a33f0a9c51d2b4"};
static const char *const policies[] = {
    "mode = shell\nauth = v1\n",
    "mode = shell\njobs = 1\nrate = 2/m\n",
    "mode = allow\nallow = qvm-ls **\nallow-input = wc -c\nhide = yes\n",
    "mode = deny\n",
    "mode = shell\noutput-limit = 128M\nlog-limit = 1M\ninput-limit = 16M\n",
    "mode = nonsense\n",
    "mode = ask\nallow = qvm-ls **\n",
};
static const char commands[] = "\nqvm-ls\t/usr/bin/qvm-ls\nwc\t/usr/bin/wc\n";
static const char *const bodies[BODIES] = {"qvm-ls", "echo hello\nid\n",
    "wc -c", "an \033escape"};

static struct derived_keys keys[KEYS];
static struct fuzz *input;

/* What was signed, and what ran. */
static struct asked {
	bool asked, ran;
	int body; /* -1: any, in version 1 */
} asked[KEYS][IDS];
static struct msg_shown shown; /* last, to a person */
static uint64_t seqs[SEQS];
static unsigned seq_count;

static struct sender {
	struct fuzz_peer peer;
	unsigned body, input; /* sent last */
	uint32_t done;	      /* serial number of the newest DONE */
} from_parent, from_executor, from_poller[POLLERS], from_control;

static int64_t
now(void)
{
	return (now_realtime_us() / 1000000);
}

static void
id_of(char *id, unsigned key, unsigned n)
{
	(void)sprintf(id, "20270115-080000-%u-0000000%u", n + 1, key);
}

static bool
id_named(const char *id, unsigned *key, unsigned *n)
{
	char same[ID_MAX + 1];

	for (*key = 0; *key < KEYS; ++*key)
		for (*n = 0; *n < IDS; ++*n) {
			id_of(same, *key, *n);
			if (strcmp(id, same) == 0)
				return (true);
		}
	return (false);
}

/* Signs what has been filled in: the token's length. */
static size_t
sign(struct token *t, unsigned key, const char *id, char text[TOKEN_MAX])
{
	ssize_t n;

	memcpy(t->key, keys[key].fingerprint, sizeof(t->key));
	n = token_print(text, TOKEN_MAX, t);
	if (n == -1)
		abort();
	request_mac(keys[key].request, id, text, (size_t)n - TOKEN_MAC_LINE,
	    t->mac);
	return ((size_t)token_print(text, TOKEN_MAX, t));
}

/* Bits of arg: id, two; kind, two; the next key; input; queue; expired. */
static struct token
token_of(const struct sender *s, uint8_t arg)
{
	static const enum token_kind kinds[] = {TOKEN_RUN, TOKEN_RUN,
	    TOKEN_CHECK, TOKEN_PING};
	const char *body = bodies[s->body], *text = bodies[s->input];
	struct token t = {.kind = kinds[arg >> 2 & 3],
	    .issued = now() - ((arg & 0x80) != 0 ? 2 * TOKEN_SPAN : 0),
	    .timeout = (arg & 1) != 0 ? 10 : TOKEN_TIMEOUT_POLICY,
	    .queue = (arg & 0x40) != 0};

	t.expires = t.issued + TOKEN_SPAN;
	if (t.kind == TOKEN_PING)
		body = "";
	t.body_len = strlen(body);
	sha256(body, t.body_len, t.body_sha256);
	t.has_input = (arg & 0x20) != 0 && t.kind != TOKEN_PING;
	if (!t.has_input)
		text = "";
	t.input_len = strlen(text);
	sha256(text, t.input_len, t.input_sha256);
	return (t);
}

static size_t
sign_v1(unsigned key, const char *id, char text[TOKEN_MAX])
{
	uint8_t mac[SHA256_LEN];
	struct hmac hmac;

	hmac_init(&hmac, key_texts[key], SHA256_HEX);
	hmac_update(&hmac, id, strlen(id));
	hmac_final(&hmac, mac);
	hex_print(text, mac, sizeof(mac));
	return (SHA256_HEX);
}

static unsigned
key_of(const struct sender *s, uint8_t arg)
{
	return (2 * s->peer.number + ((arg & 0x10) != 0));
}

static void
fill_request(const struct sender *s, uint8_t arg, struct msg_request *q)
{
	struct token t = token_of(s, arg);
	unsigned key = key_of(s, arg), n = arg & 3;
	struct asked *a = &asked[key][n];

	id_of(q->id, key, n);
	q->clock = now();
	q->body_len = t.body_len;
	q->input_len = t.input_len;
	if (t.kind == TOKEN_RUN && (arg & 0x0c) == 4) {
		q->token_len = sign_v1(key, q->id, q->token);
		a->body = -1;
	} else {
		q->token_len = sign(&t, key, q->id, q->token);
		if (t.kind != TOKEN_RUN)
			return;
		/* Two tokens of one id: either may be the one that runs. */
		a->body =
		    a->asked && a->body != (int)s->body ? -1 : (int)s->body;
	}
	a->asked = true;
}

static void
fill_cancel(const struct sender *s, uint8_t arg, struct msg_cancel *c)
{
	struct token t = {.kind = TOKEN_CANCEL,
	    .issued = now(),
	    .expires = now() + TOKEN_SPAN,
	    .timeout = TOKEN_TIMEOUT_POLICY};
	unsigned key = key_of(s, arg);

	id_of(c->id, key, arg & 3);
	c->clock = now();
	sha256("", 0, t.body_sha256);
	sha256("", 0, t.input_sha256);
	c->token_len = sign(&t, key, c->id, c->token);
}

static void
fill_ended(uint8_t arg, struct msg_ended *e)
{
	e->seq = seqs[arg % SEQS];
	e->value = arg >> 5;
	e->how = arg >> 2 & 7;
	/* Some are longer than the message holds. */
	if (e->how == END_FAILED + 2)
		e->out_head_len = e->value * 256 + 1;
	else if (e->how == END_FAILED + 3)
		e->err_head_len = e->value * 256 + 1;
	if (e->how > END_UNKEPT)
		e->how = END_EXITED;
	e->started_us = e->ended_us = now_realtime_us();
	sha256("", 0, e->out.sha256);
	sha256("", 0, e->err.sha256);
}

static void
fill_vm(const struct fuzz_peer *p, enum imsg_type type, uint8_t arg,
    struct msg_vm *v, int *fd)
{
	unsigned vm = arg % 3;

	memcpy(v->vm, names[vm], strlen(names[vm]));
	if (type == IMSG_CONFIG_KEY || type == IMSG_CONFIG_KEY_NEXT)
		*fd = fuzz_memfd(key_texts[arg / 3 % KEYS], SHA256_HEX, true);
	else if (type == IMSG_CONFIG_POLICY) {
		arg = arg / 3 % (sizeof(policies) / sizeof(policies[0]));
		*fd = fuzz_memfd(policies[arg], strlen(policies[arg]), true);
	} else if (type == IMSG_POLLER_CHANNEL && vm < POLLERS) {
		fuzz_peer_close(&from_poller[vm].peer);
		*fd = fuzz_peer_open(&from_poller[vm].peer);
	}
	(void)p;
}

/* A person, who may have been shown another. */
static void
fill_person(enum imsg_type type, uint8_t arg, void *payload)
{
	struct msg_person *p = payload;
	struct msg_answer *a = payload;

	if (type == IMSG_SHOW) {
		id_of(((struct msg_show *)payload)->id, arg % KEYS,
		    arg / KEYS % IDS);
		return;
	}
	if (type == IMSG_APPROVAL_REVOKE || type == IMSG_QUEUE_CLEAN ||
	    type == IMSG_ACT) {
		memcpy(p->vm, names[arg % 3], strlen(names[arg % 3]));
		p->who[0] = p->tty[0] = '-';
		if (type == IMSG_ACT)
			((struct msg_act *)payload)->act = arg / 3;
		return;
	}
	memcpy(a->vm, shown.vm, sizeof(a->vm));
	memcpy(a->id, shown.id, sizeof(a->id));
	memcpy(a->request, shown.request, sizeof(a->request));
	memcpy(a->body_sha256, shown.body_sha256, sizeof(a->body_sha256));
	memcpy(a->user, shown.user, sizeof(a->user));
	a->who[0] = a->tty[0] = '-';
	a->timeout = shown.timeout + (arg >> 7);
	a->answer = arg & 3;
	a->minutes = a->answer == ANSWER_ALWAYS ? 1 + (arg >> 2 & 7) : 0;
}

/* What needs no more than a number or a name of what is known. */
static void
fill_small(const struct sender *s, enum imsg_type type, uint8_t arg,
    struct imsg_hdr *hdr, void *payload, int *fd)
{
	struct msg_kill *k = payload;
	struct msg_stream *st = payload;
	struct msg_sizes *sizes = payload;

	switch (type) {
	case IMSG_OPEN:
		memcpy(((struct msg_open *)payload)->program, "fuzz/1", 6);
		break;
	case IMSG_KEPT:
		hdr->id = s->done - (arg & 3);
		break;
	case IMSG_STARTED:
		((struct msg_started *)payload)->seq = seqs[arg % SEQS];
		break;
	case IMSG_GROWN:
		sizes->seq = seqs[arg % SEQS];
		sizes->out = arg / SEQS;
		break;
	case IMSG_SPOOL:
		st->seq = seqs[arg % SEQS];
		st->stream = (1 + (arg >> 2)) & 3;
		*fd = fuzz_memfd(bodies[0], strlen(bodies[0]), false);
		break;
	case IMSG_REQUEST_KILL:
		id_of(k->which.id, arg % KEYS, arg / KEYS % IDS);
		k->who[0] = k->tty[0] = '-';
		break;
	case IMSG_CLOCK_ACCEPT:
		((struct msg_person *)payload)->who[0] = '-';
		((struct msg_person *)payload)->tty[0] = '-';
		break;
	case IMSG_REVOKE:
	case IMSG_QUEUE:
		memcpy(payload, names[arg % 3], strlen(names[arg % 3]));
		break;
	default:
		break;
	}
}

static void
fill_fd(struct sender *s, enum imsg_type type, uint8_t arg, struct msg_memfd *m,
    int *fd)
{
	const char *text = bodies[arg % BODIES];

	if (type == IMSG_BODY && arg >= BODIES)
		text = "";
	else if (type == IMSG_BODY)
		s->body = arg % BODIES;
	else
		s->input = arg % BODIES;
	m->length = strlen(text);
	*fd = fuzz_memfd(text, strlen(text), true);
}

static void
fill(struct fuzz_peer *p, enum imsg_type type, uint8_t arg,
    struct imsg_hdr *hdr, void *payload, int *fd)
{
	struct sender *s = (struct sender *)p;

	switch (type) {
	case IMSG_CONFIG_VM:
	case IMSG_CONFIG_KEY:
	case IMSG_CONFIG_KEY_NEXT:
	case IMSG_CONFIG_POLICY:
	case IMSG_POLLER_CHANNEL:
		fill_vm(p, type, arg, payload, fd);
		break;
	case IMSG_CONF:
		((struct msg_conf *)payload)->there = arg & 1;
		*fd = fuzz_memfd(policies[arg & 1], arg & 1 ? 4 : 0, true);
		break;
	case IMSG_CONFIG_COMMANDS:
		*fd = fuzz_memfd(commands, sizeof(commands) - 1, true);
		break;
	case IMSG_CONTROL:
		fuzz_peer_close(&from_control.peer);
		*fd = fuzz_peer_open(&from_control.peer);
		break;
	case IMSG_BODY:
	case IMSG_INPUT:
		fill_fd(s, type, arg, payload, fd);
		break;
	case IMSG_REQUEST:
		fill_request(s, arg, payload);
		break;
	case IMSG_CANCEL:
		fill_cancel(s, arg, payload);
		break;
	case IMSG_ENDED:
		fill_ended(arg, payload);
		break;
	case IMSG_SHOW:
	case IMSG_ANSWER:
	case IMSG_APPROVAL_REVOKE:
	case IMSG_QUEUE_CLEAN:
	case IMSG_ACT:
		fill_person(type, arg, payload);
		break;
	default:
		fill_small(s, type, arg, hdr, payload, fd);
	}
}

/* Signed, never before, and the bytes that were. */
static void
check_run(struct imsg *m)
{
	static char body[64];
	struct msg_run run;
	unsigned key, n;
	struct asked *a;
	ssize_t len;

	if (imsg_payload(m, &run, sizeof(run)) == -1 ||
	    !id_named(run.id, &key, &n))
		abort();
	a = &asked[key][n];
	len = pread(m->fd, body, sizeof(body), 0);
	if (!a->asked || a->ran || len == -1)
		abort();
	if (a->body != -1 &&
	    ((size_t)len != strlen(bodies[a->body]) ||
		memcmp(body, bodies[a->body], (size_t)len) != 0))
		abort();
	a->ran = true;
	seqs[seq_count++ % SEQS] = run.seq;
}

static void
seen(struct fuzz_peer *p, struct imsg *m)
{
	struct sender *s = (struct sender *)p;

	if (m->hdr.type == IMSG_RUN)
		check_run(m);
	else if (m->hdr.type == IMSG_DONE)
		s->done = m->hdr.id;
	else if (m->hdr.type == IMSG_SHOWN &&
	    imsg_payload(m, &shown, sizeof(shown)) == -1)
		abort();
}

static void
drain_all(void)
{
	unsigned i;

	fuzz_peer_drain(&from_parent.peer);
	fuzz_peer_drain(&from_executor.peer);
	fuzz_peer_drain(&from_control.peer);
	for (i = 0; i < POLLERS; i++)
		fuzz_peer_drain(&from_poller[i].peer);
}

/* One packet, an end, or the clock goes on: 1 ms to 4.6 h. */
static void
one(uint8_t what)
{
	static struct sender *const senders[] = {&from_parent, &from_executor,
	    &from_poller[0], &from_poller[1], &from_control};

	uint8_t arg;

	what &= 7;
	if (what == 5)
		fuzz_peer_close(&senders[fuzz_byte(input) % 5]->peer);
	else if (what == 6)
		fuzz_clock_add(INT64_C(1) << fuzz_byte(input) % 25);
	else if (what == 7) {
		arg = fuzz_byte(input);
		fuzz_peer_say(&from_parent.peer,
		    (arg & 1) != 0 ? IMSG_CONTROL : IMSG_POLLER_CHANNEL,
		    arg / 2);
	} else
		fuzz_peer_send(&senders[what]->peer, input);
}

/* Those of a byte of 128 and more come in one turn with the next. */
static bool
step(void)
{
	uint8_t what;

	drain_all();
	do {
		if (input->left == 0)
			return (false);
		what = fuzz_byte(input);
		one(what);
	} while (what >= 128);
	return (true);
}

static void
peer_init(struct sender *s, enum role role, unsigned number)
{
	s->peer = (struct fuzz_peer){.me = role,
	    .role = ROLE_VERIFIER,
	    .end = {.fd = -1},
	    .fill = fill,
	    .seen = seen,
	    .number = number};
}

static void
run(struct fuzz *in)
{
	unsigned i;

	input = in;
	event_init();
	once = (fuzz_byte(in) & 1) != 0;
	open_channels(fuzz_peer_open(&from_executor.peer));
	channel_open(&parent, fuzz_peer_open(&from_parent.peer), ROLE_VERIFIER,
	    ROLE_PARENT, ST_SERVING, "parent");
	log_init("verifier", false, &parent);
	for (i = 0; i < POLLERS; i++)
		session_open(vm_find(names[i]),
		    fuzz_peer_open(&from_poller[i].peer), (uint32_t)i + 1, 0);
	fuzz_loop(step, after_turn);
}

/* As if the parent had said it. */
static void
configure(enum imsg_type type, uint8_t arg, size_t size)
{
	struct imsg m = {.fd = -1};

	m.hdr.type = (uint16_t)type;
	m.hdr.len = (uint16_t)(sizeof(m.hdr) + size);
	fill(&from_parent.peer, type, arg, &m.hdr, m.data, &m.fd);
	config_dispatch(&m);
}

static void
set_up_config(void)
{
	uint8_t vm;

	parent.end.state = ST_SERVING;
	configure(IMSG_CONFIG_BEGIN, 0, sizeof(struct msg_retain));
	configure(IMSG_CONFIG_COMMANDS, 0, 0);
	for (vm = 0; vm < POLLERS; vm++) {
		configure(IMSG_CONFIG_VM, vm, sizeof(struct msg_vm));
		configure(IMSG_CONFIG_KEY, (uint8_t)(vm + 6 * vm),
		    sizeof(struct msg_vm));
		configure(IMSG_CONFIG_KEY_NEXT, (uint8_t)(vm + 6 * vm + 3),
		    sizeof(struct msg_vm));
		configure(IMSG_CONFIG_POLICY, (uint8_t)(vm + 6 * vm),
		    sizeof(struct msg_vm));
	}
	configure(IMSG_CONFIG_END, 0, 0);
}

static void
set_up(void)
{
	uint8_t key[KEY_LEN];
	unsigned i;

	log_init("verifier", false, NULL);
	peer_init(&from_parent, ROLE_PARENT, 0);
	peer_init(&from_executor, ROLE_EXECUTOR, 0);
	peer_init(&from_control, ROLE_CONTROL, 0);
	for (i = 0; i < POLLERS; i++)
		peer_init(&from_poller[i], ROLE_POLLER, i);
	for (i = 0; i < KEYS; i++) {
		if (key_parse(key_texts[i], SHA256_HEX, key) == -1)
			abort();
		derive_keys(key, &keys[i]);
	}
	config_init();
	seal_init();
	if (memory_init() == -1)
		abort();
	folder_fd = fuzz_disk();
	pulse_init(folder_fd);
	prune_init(folder_fd);
	restore_init("00000000-0000-0000-0000-000000000000");
	journal_read(folder_fd, "00000000-0000-0000-0000-000000000000",
	    restore_seen, restore_forget);
	daemon_conf(false, -1);
	verifier_begin();
	set_up_config();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_set_up;

	if (!is_set_up)
		set_up();
	is_set_up = true;
	fuzz_child(run, data, size);
	return (0);
}
