/*
 * The log as a page.  All that a record says is put in as text; what cannot be
 * seen is shown by its code point.  Nothing here makes markup of a string.
 */
"use strict";

const $ = (id) => document.getElementById(id);
const form = $("filter"), rows = $("rows");
const CHUNK = 100;	/* rows that are fetched at once */
const WINDOW = 600;	/* rows that are on the page */
const CHARTS = 8;
const LINE_MAX = 4096, LINES_MAX = 2000;	/* of a script, shown */

/* In a file of --export all is here; otherwise the server is asked. */
const kept = $("data") && JSON.parse($("data").textContent);

/* One shape for each category, beside its colour and its name. */
const SHAPES = {
	"DONE": "M2 9l4 4 8-9-2-2-6 7-2-2z",
	"DONE-FAIL": "M8 1l7 14H1zM7 6v4h2V6zM7 11v2h2v-2z",
	"TIMEOUT": "M2 1h12v2L9 8l5 5v2H2v-2l5-5-5-5z",
	"REJECT": "M8 0a8 8 0 100 16A8 8 0 008 0zM3 7h10v2H3z",
	"AUTH-FAIL": "M3 1l5 5 5-5 2 2-5 5 5 5-2 2-5-5-5 5-2-2 5-5-5-5z",
	"ERROR": "M8 0l8 8-8 8-8-8z",
	"DRY": "M1 1h14v14H1zM4 4v8h8V4z",
	"INFO": "M8 3a5 5 0 100 10A5 5 0 008 3z",
	"TRUNC": "M1 3h14v3H1zM1 10h7v3H1z",
};

function element(name, attributes, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {}))
		e.setAttribute(key, value);
	e.append(...children);
	return e;
}

function drawing(name, attributes, ...children) {
	const e = document.createElementNS("http://www.w3.org/2000/svg", name);
	for (const [key, value] of Object.entries(attributes))
		e.setAttribute(key, value);
	e.append(...children);
	return e;
}

/* What has no shape of its own, or changes that of others. */
const UNSEEN = new RegExp("[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}"
	+ "\\u00a0\\u2000-\\u200a\\u2800\\u3000]|(?<=\\p{M}{2})\\p{M}", "u");

/* A text from a record, to be appended. */
function raw(text, name) {
	const e = element("span", { class: "raw" });
	let plain = "";
	if (name)
		e.classList.add(name);
	for (const c of text) {
		if (!UNSEEN.test(c)) {
			plain += c;
			continue;
		}
		e.append(plain, element("span", { class: "code" }, "U+"
			+ c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")));
		plain = "";
	}
	e.append(plain);
	return e;
}

/* Bytes that are no text: each that is not printable ASCII as \xHH. */
function bytes(base64) {
	return Array.from(atob(base64), (c) => c === "\n" || (c >= " " && c <= "~")
		? c : "\\x" + c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

function field(record, name) {
	const coded = record[name + "_b64"];
	return coded === undefined ? record[name] : bytes(coded);
}

const local = (ms) => new Date(ms).toLocaleString("sv");
const plural = (n, what) => n + " " + what + (n === 1 ? "" : "s");

function duration(us) {
	const s = us / 1e6;
	if (s < 1)
		return Math.round(us / 1000) + " ms";
	return s < 100 ? s.toFixed(1) + " s"
		: Math.floor(s / 60) + " min " + Math.round(s % 60) + " s";
}

/* What became of it, in one line. */
function result(row) {
	let text = row.status || "";
	if (row.exit !== undefined)
		text += " " + row.exit;
	if (row.ended >= row.started)
		text += ", " + duration(row.ended - row.started);
	const why = field(row, "reason");
	return why ? text + ": " + why : text;
}

function badge(row) {
	const name = row.category;
	const button = element("button", { type: "button", class: "toggle " + name,
		"aria-expanded": "false", tabindex: "-1" },
	drawing("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" },
		drawing("path", { d: SHAPES[name] || SHAPES.INFO, "fill-rule": "evenodd" })),
	name);
	button.setAttribute("aria-label", name + ", request " + row.seq);
	return button;
}

function makeRow(row) {
	const command = field(row, "command");
	const first = command === undefined ? "" : command.split("\n")[0];
	const more = row.command_cut
		|| (command !== undefined && command.replace(/\n+$/, "") !== first);
	const tr = element("tr", {},
		element("td", {}, badge(row)),
		element("td", {}, element("time", { datetime: row.time },
			local(Date.parse(row.time)))),
		element("td", {}, raw(row.vm || "")),
		element("td", {}, raw(first), more ? " ..." : ""),
		element("td", {}, raw(result(row))));
	tr.dataset.seq = row.seq;
	return tr;
}

/* Filters: the form, the address behind #, and what the server is asked. */
const NAMES = ["grep", "vm", "status", "since", "until"];

function filter() {
	const f = new URLSearchParams();
	for (const name of NAMES) {
		const value = form.elements[name].value;
		if (value === "")
			continue;
		f.set(name, name === "since" || name === "until"
			? Math.floor(new Date(value).getTime() / 1000) : value);
	}
	return f;
}

function fillForm() {
	const f = new URLSearchParams(location.hash.slice(1));
	for (const name of NAMES) {
		const value = f.get(name) || "";
		form.elements[name].value = value !== "" && (name === "since" || name === "until")
			? local(value * 1000).replace(" ", "T") : value;
	}
}

function showError(text) {
	$("error").textContent = text;
	$("error").hidden = text === "";
}

async function get(path, query) {
	const response = await fetch("/api/" + path + "?" + query);
	if (!response.ok)
		throw new Error(await response.text());
	return response.json();
}

/* Apart, so that a pattern that takes too long can be ended. */
const MATCHER = "onmessage = (e) => { const r = new RegExp(e.data[0], 'm');"
	+ " postMessage(e.data[1].map((t) => r.test(t))); };";

function match(pattern, texts) {
	const check = new RegExp(pattern, "m");		/* throws where it is none */
	return new Promise((resolve, reject) => {
		const url = URL.createObjectURL(new Blob([MATCHER], { type: "text/javascript" }));
		const worker = new Worker(url);
		const end = (done, value) => {
			clearTimeout(timer);
			worker.terminate();
			URL.revokeObjectURL(url);
			done(value);
		};
		const timer = setTimeout(() => end(reject,
			new Error("it takes too long: a simpler pattern")), 1000);
		worker.onmessage = (event) => end(resolve, event.data);
		worker.postMessage([check.source, texts]);
	});
}

/* What the last pattern has matched. */
let matched = { pattern: "", rows: [] };

/* The same from what the file holds. */
async function getKept(query) {
	const pattern = query.get("grep") || "";
	if (pattern && matched.pattern !== pattern)
		matched = { pattern, rows: await match(pattern,
			kept.requests.map((r) => field(r.asked, "body") || "")) };
	const found = kept.rows.filter((row, i) => {
		const t = Date.parse(row.time) / 1000;
		return (!query.has("vm") || row.vm === query.get("vm"))
			&& (!query.has("status") || row.status === query.get("status"))
			&& (!query.has("since") || t >= +query.get("since"))
			&& (!query.has("until") || t < +query.get("until") + 1)
			&& (!query.has("before") || row.seq < +query.get("before"))
			&& (!query.has("seq") || row.seq >= +query.get("seq"))
			&& (!pattern || matched.rows[i]);
	});
	const some = found.slice(0, CHUNK);
	return { newest: kept.newest, rows: some,
		next: found.length > CHUNK ? some[CHUNK - 1].seq : 0 };
}

async function getRows(more) {
	const query = filter();
	for (const [key, value] of Object.entries(more))
		if (value)
			query.set(key, value);
	query.set("count", CHUNK);
	return kept ? getKept(query) : get("rows", query);
}

/*
 * The window: chunks[first] to chunks[last] are on the page.  Of the others
 * only where they begin is kept, so that they can be fetched again.
 */
let chunks, first, last, newest, changes, busy = false, turn = 0;

function place(chunk, before) {
	chunk.body = element("tbody", {});
	chunk.body.append(...chunk.rows.map(makeRow));
	rows.parentNode.insertBefore(chunk.body, before);
}

/* While there are enough without them: those at that end. */
function forget(end) {
	const shown = () => chunks.slice(first, last + 1)
		.reduce((sum, chunk) => sum + chunk.rows.length, 0);
	while (first < last && shown() - chunks[end()].rows.length >= WINDOW) {
		const chunk = chunks[end()];
		chunk.body.remove();
		chunk.body = chunk.rows = null;
		if (end() === first)
			first++;
		else
			last--;
	}
}

/* What is looked at stays where it is, while rows come and go around it. */
function inPlace(still, change) {
	const top = still.getBoundingClientRect().top;
	change();
	if (scrollY > 0)
		scrollBy(0, still.getBoundingClientRect().top - top);
}

function showEnds() {
	$("older").hidden = !chunks[last].next;
	$("newer").hidden = first === 0;
	const focused = rows.parentNode.querySelector(".toggle[tabindex='0']");
	if (!focused) {
		const button = rows.parentNode.querySelector(".toggle");
		if (button)
			button.tabIndex = 0;
	}
}

async function alone(work) {
	const mine = turn;
	if (busy)
		return;
	busy = true;
	try {
		await work(() => mine === turn);
		showError("");
	} catch (error) {
		if (mine === turn)
			showError(error.message);
	}
	busy = false;
	if (mine !== turn)
		start();
	for (const end of [$("older"), $("newer")]) {
		near.unobserve(end);	/* it tells again what is in sight */
		near.observe(end);
	}
}

const older = () => alone(async (current) => {
	const before = chunks[last].next;
	const got = await getRows({ before });
	if (!current())
		return;
	if (got.rows.length === 0) {	/* the filter takes few */
		chunks[last].next = got.next;
		showEnds();
		return;
	}
	inPlace(chunks[last].body, () => {
		chunks[++last] = { before, rows: got.rows, next: got.next };
		place(chunks[last], rows);
		forget(() => first);
	});
	showEnds();
});

const newer = () => alone(async (current) => {
	const chunk = chunks[first - 1];
	const got = await getRows({ before: chunk.before, seq: chunk.next });
	if (!current())
		return;
	if (got.next) {		/* so many have come: from the beginning */
		turn++;
		return;
	}
	newest = got.newest;
	chunk.rows = got.rows;
	inPlace(chunks[first].body, () => {
		place(chunk, chunks[first--].body);
		forget(() => last);
	});
	showEnds();
});

/* What has become of a request that was shown before. */
function showAgain(chunk, row) {
	const at = chunk.rows.findIndex((r) => r.seq === row.seq);
	if (at === -1 || chunk.rows[at].status === row.status)
		return;
	const old = chunk.body.querySelector("tr[data-seq='" + row.seq + "']");
	const had = old.contains(document.activeElement);
	const unfolded = isOpen(old);
	if (unfolded)
		fold(old);
	const now = makeRow(row);
	old.replaceWith(now);
	chunk.rows[at] = row;
	if (had)
		go(now.querySelector(".toggle"));
	if (unfolded)
		unfold(now);
}

/* Answers to those that had none, wherever they are shown. */
async function askOpen(current) {
	for (const chunk of chunks.slice(first, last + 1)) {
		const open = chunk.rows.filter((r) => r.status === "running").map((r) => r.seq);
		if (open.length === 0)
			continue;
		const got = await getRows({ seq: Math.min(...open), before: Math.max(...open) + 1 });
		if (!current())
			return;
		got.rows.forEach((row) => showAgain(chunk, row));
	}
}

/* Rows that have come: where the first chunk is full, they begin another one. */
function addNew(found) {
	let top = chunks[0];
	if (top.rows.length > 0 && top.rows.length + found.length > CHUNK) {
		const at = top.rows[0].seq + 1;
		top.before = at;
		top = { before: 0, rows: [], next: at };
		chunks.unshift(top);
		last++;
		place(top, chunks[1].body);
	}
	top.rows.unshift(...found);
	inPlace(chunks[last].body.lastElementChild || rows,
		() => top.body.prepend(...found.map(makeRow)));
	/* The end that is not looked at. */
	const low = scrollY > document.body.scrollHeight / 2;
	inPlace(chunks[low ? last : first].body, () => forget(() => low ? first : last));
}

/* Requests that are new, and what became of others. */
const refresh = () => alone(async (current) => {
	await askOpen(current);
	if (!current() || first !== 0)
		return;
	const got = await getRows({ seq: newest + 1 });
	if (!current())
		return;
	newest = got.newest;
	/* More than fits, or not all is there any more: from the beginning. */
	if (got.next || got.changes !== changes) {
		turn++;
		return;
	}
	if (got.rows.length > 0)
		addNew(got.rows);
	showEnds();
	showStatus();
});

const start = () => alone(async (current) => {
	const got = await getRows({});
	if (!current())
		return;
	for (const body of rows.parentNode.querySelectorAll("tbody:not(#rows)"))
		body.remove();
	chunks = [{ before: 0, rows: got.rows, next: got.next }];
	first = last = 0;
	newest = got.newest;
	changes = got.changes;
	place(chunks[0], rows);
	showEnds();
	showStatus();
});

function restart() {
	turn++;
	const f = filter();
	$("permalink").href = "#" + f;
	$("download").href = "/api/download?" + f;
	history.replaceState(null, "", "#" + f);
	if (!busy)
		start();
	showCharts();
}

let live = false;
function showStatus() {
	$("status").textContent = kept
		? plural(kept.rows.length, "request") + (kept.more ? ", not all that there are" : "")
		: (live ? "live" : "not connected") + "; newest record " + newest;
}

/* One request, unfolded. */
function isOpen(tr) {
	return tr.classList.contains("open");
}

function fold(tr) {
	tr.classList.remove("open");
	tr.nextElementSibling.remove();
	tr.querySelector(".toggle").setAttribute("aria-expanded", "false");
}

function script(text, label) {
	const all = text.replace(/\n$/, "").split("\n");
	const list = element("ol", { class: "script", tabindex: "0",
		"aria-label": label + ", by lines" });
	for (const line of all.slice(0, LINES_MAX)) {
		const cut = line.length > LINE_MAX;
		list.append(element("li", {}, raw(cut ? line.slice(0, LINE_MAX) : line),
			cut ? " ... and " + plural(line.length - LINE_MAX, "character") : ""));
	}
	if (all.length > LINES_MAX)
		list.append(element("li", {}, "... and "
			+ plural(all.length - LINES_MAX, "line")));
	return list;
}

function facts(title, pairs) {
	const known = pairs.filter(([, value]) => value || value === 0);
	if (known.length === 0)
		return [];
	const list = element("dl", {});
	for (const [name, value] of known)
		list.append(element("dt", {}, name), element("dd", {}, raw(String(value))));
	return [element("h2", {}, title), list];
}

const moment = (us) => us === undefined ? undefined : local(us / 1000);
const size = (n) => n === undefined ? undefined : plural(n, "byte");

function verdict(asked, answer, approved) {
	if (answer && answer.event === "refused")
		return "refused: " + (field(answer, "reason") || "");
	if (asked.event !== "intent")
		return (answer.status || "") + ": " + (field(answer, "reason") || "");
	if (approved)
		return "approved in dom0 by " + (field(approved, "who") || "a person")
			+ " (record " + approved.seq + ")";
	return asked.policy_line === undefined ? "allowed, as every command is"
		: "allowed by line " + asked.policy_line + " of its policy";
}

function detail(got) {
	const asked = got.asked, answer = got.answer || {};
	const body = field(asked, "body"), input = field(asked, "input");
	const approved = got.approved || {};
	const every = (title, record) => facts(title, Object.keys(record)
		.filter((key) => !key.startsWith("body") && key !== "input" && key !== "input_b64")
		.map((key) => [key.replace(/_b64$/, ""), field(record, key.replace(/_b64$/, ""))]));
	const all = element("details", {}, element("summary", {}, "Every field"));
	all.append(...every("What was asked", asked));
	if (answer.seq !== asked.seq)
		all.append(...every("What became of it", answer));
	return [
		...(body === undefined ? [] : [element("h2", {}, "Command"), script(body, "The command")]),
		...(input === undefined ? [] : [element("details", input.length < 2000 ? { open: "" } : {},
			element("summary", {}, "Input"), script(input, "The input"))]),
		...facts("Verdict", [["Verdict", verdict(asked, got.answer, got.approved)],
			["Program", field(asked, "path")], ["As", field(asked, "user") || (asked.event === "intent" ? "root" : "")],
			["The VM claims", field(asked, "note")]]),
		...facts("Approval", [["Given", approved.time && local(Date.parse(approved.time))],
			["By", field(approved, "who")], ["On", field(approved, "tty")],
			["Holds until", moment(approved.until && approved.until * 1e6)]]),
		...facts("Limits", [["Time-out", asked.timeout || approved.timeout
			? plural(asked.timeout || approved.timeout, "second")
			: asked.event === "intent" && "its policy's"],
			["Begins before", moment(asked.expires && asked.expires * 1e6)],
			["Input", size(asked.input_length)]]),
		...facts("Times", [["Recorded", local(Date.parse(asked.time))],
			["Began", moment(answer.started)], ["Ended", moment(answer.ended)],
			["Took", answer.ended && duration(answer.ended - answer.started)]]),
		...facts("Digests", [["Command", asked.body_sha256], ["Input", asked.input_sha256]]),
		...facts("Sizes", [["Command", size(asked.body_length)],
			["Output", size(answer.out_written)], ["of it kept", size(answer.out_kept)],
			["Error output", size(answer.err_written)], ["of it kept", size(answer.err_kept)],
			["Output begins", field(answer, "out_head")],
			["Error output begins", field(answer, "err_head")]]),
		...(answer.event === "result" ? facts("Receipt", [["Names record", answer.seq],
			["and its hash", answer.hash], ["Key", asked.key]]) : []),
		all,
	];
}

async function unfold(tr) {
	const seq = +tr.dataset.seq;
	const cell = element("td", { colspan: "5" }, "loading");
	tr.classList.add("open");
	tr.querySelector(".toggle").setAttribute("aria-expanded", "true");
	tr.after(element("tr", { class: "detail" }, cell));
	try {
		const got = kept ? kept.requests.find((r) => r.asked.seq === seq)
			: await get("request", "seq=" + seq);
		cell.replaceChildren(...detail(got));
	} catch (error) {
		cell.replaceChildren(error.message);
	}
}

const toggle = (tr) => isOpen(tr) ? fold(tr) : unfold(tr);

/* Keys. */
function go(button) {
	for (const old of rows.parentNode.querySelectorAll(".toggle[tabindex='0']"))
		old.tabIndex = -1;
	button.tabIndex = 0;
	button.focus();
	button.scrollIntoView({ block: "nearest" });
}

function step(by) {
	const all = [...rows.parentNode.querySelectorAll(".toggle")];
	const at = all.indexOf(document.activeElement);
	const next = all[at === -1 ? 0 : at + by];
	if (next)
		go(next);
}

document.addEventListener("keydown", (event) => {
	const typing = /^(INPUT|SELECT)$/.test(event.target.tagName);
	if (event.ctrlKey || event.altKey || event.metaKey)
		return;
	/* It scrolls by these. */
	if (/^(Arrow|Home)/.test(event.key) && event.target.closest(".script"))
		return;
	if (event.key === "Escape" && typing) {
		step(1);
	} else if (typing) {
		return;
	} else if (event.key === "/") {
		form.elements.grep.focus();
	} else if (event.key === "ArrowDown" || event.key === "j") {
		step(1);
	} else if (event.key === "ArrowUp" || event.key === "k") {
		step(-1);
	} else if (event.key === "Home") {
		go(rows.parentNode.querySelector(".toggle"));
	} else {
		return;
	}
	event.preventDefault();
});

rows.parentNode.addEventListener("click", (event) => {
	const tr = event.target.closest("tr[data-seq]");
	if (tr && !getSelection().toString()) {
		go(tr.querySelector(".toggle"));
		toggle(tr);
	}
});

/* Requests above the line, refusals below it, an hour each. */
function chart(vm, asked, refused) {
	const most = Math.max(1, ...asked, ...refused);
	const sum = (list) => list.reduce((a, b) => a + b, 0);
	const svg = drawing("svg", { viewBox: "0 0 240 48", role: "img",
		"aria-label": vm + ": " + sum(asked) + " requests, " + sum(refused)
			+ " refused in 24 hours", preserveAspectRatio: "none" });
	const bar = (name, i, n, y) => n && svg.append(drawing("rect", { class: name,
		x: i * 10 + 1, y: y < 0 ? 24 - 23 * n / most : 24, width: 8,
		height: 23 * n / most }));
	asked.forEach((n, i) => bar("asked", i, n, -1));
	refused.forEach((n, i) => bar("refused", i, n, 1));
	svg.append(drawing("line", { class: "axis", x1: 0, x2: 240, y1: 24, y2: 24 }));
	return element("figure", {}, svg, element("figcaption", {}, raw(vm), ": "
		+ plural(sum(asked), "request") + ", " + sum(refused) + " refused"));
}

/* The same of what the file holds: the 24 hours up to its newest request. */
function countKept() {
	const until = kept.rows.length && Date.parse(kept.rows[0].time), vms = new Map();
	for (const row of kept.rows) {
		const hour = 23 - Math.floor((until - Date.parse(row.time)) / 3600000);
		if (hour < 0 || hour > 23)
			continue;
		if (!vms.has(row.vm))
			vms.set(row.vm, { vm: row.vm, asked: Array(24).fill(0), refused: Array(24).fill(0) });
		vms.get(row.vm).asked[hour]++;
		vms.get(row.vm).refused[hour] += /^(rejected|denied|expired|replayed)$/.test(row.status);
	}
	return { whole: !kept.more, vms: [...vms.values()] };
}

async function showCharts() {
	const f = filter();
	const got = kept ? countKept()
		: await get("stat", f.has("until") ? "until=" + f.get("until") : "");
	const more = got.vms.length - CHARTS;
	const said = [more > 0 ? plural(more, "more VM") + " not shown" : "",
		got.whole ? "" : "older requests are not counted"].filter((s) => s);
	$("charts").replaceChildren(...got.vms.slice(0, CHARTS)
		.map((v) => chart(v.vm, v.asked, v.refused)),
	...said.map((s) => element("p", {}, s)));
}

/* What log verify says in one line, and its category: by its exit status. */
function proof(v) {
	const to = v.text.map((l) => /^proven: records \d+ to (\d+) are a chain/.exec(l)).find((m) => m);
	if (!to || (v.status !== 0 && v.status !== 3))
		return ["ERROR", "NOT proved: " + (v.text.find((l) => /^(altered|cut|disputed)/.test(l))
			|| "log verify failed with status " + v.status)];
	const unsealed = v.text.some((l) => l.endsWith("their seals were not checked"));
	return [v.status === 3 ? "DONE-FAIL" : "", "proved to record " + to[1] + " at "
		+ local(v.time * 1000).slice(11, 16)
		+ (v.status === 3 ? ", the end may be cut off" : "")
		+ (unsealed ? "; seals not checked" : "")];
}

async function showState() {
	const got = await get("state", "");
	const v = got.verified;
	if (!v)
		return;
	const [name, text] = proof(v);
	$("verified").className = name;
	$("verified").firstElementChild.textContent = text;
	$("verified").lastElementChild.replaceChildren(
		...v.text.map((line) => element("li", {}, raw(line))));
}

/* The log has grown: what is new is asked for, a few times a second at most. */
let soon = 0, slow = 0;
function grown() {
	if (!soon)
		soon = setTimeout(() => {
			soon = 0;
			if (busy)
				grown();
			else if (chunks)
				refresh();
		}, 150);
	if (!slow)
		slow = setTimeout(() => {
			slow = 0;
			showCharts();
			showState();
		}, 2000);
}

function listen() {
	const events = new EventSource("/api/events");
	events.onopen = () => {
		live = true;
		grown();
		showStatus();
	};
	events.onerror = () => {
		live = false;
		showStatus();
		if (events.readyState === EventSource.CLOSED)
			setTimeout(listen, 3000);	/* this one does not */
	};
	events.onmessage = grown;
}

let typed = 0;
form.addEventListener("input", () => {
	clearTimeout(typed);
	typed = setTimeout(restart, 250);
});
form.addEventListener("reset", () => setTimeout(restart));
form.addEventListener("submit", (event) => {
	event.preventDefault();
	restart();
});
addEventListener("hashchange", () => {
	fillForm();
	restart();
});
$("older").addEventListener("click", older);
$("newer").addEventListener("click", newer);
const near = new IntersectionObserver((entries) => {
	for (const entry of entries)
		if (entry.isIntersecting && !entry.target.hidden)
			(entry.target.id === "older" ? older : newer)();
}, { rootMargin: "300px" });

fillForm();
restart();
if (kept) {
	$("download").hidden = $("cut").hidden = true;
	$("verified").firstElementChild.textContent = "not verified here";
} else {
	showState();
	listen();
}
