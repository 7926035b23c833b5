// SPDX-License-Identifier: GPL-2.0-or-later
// The page of `synward web`. It takes /state, then follows /events; see board.h. All text is put in
// as text: names, causes and events hold the words of strangers.
"use strict";

const SHOWN_MOST = 60; // cards; others are found by their name, and told of later (BOARD_AT_ONCE of board.h)
const EVENTS_MOST = 200;
const PAST = 900, HISTORY = 60; // seconds
const POINTS = 300; // of a chart
const SOURCES_MS = 5000, MORE_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";
const SERIES = [["syns", "SYNs"], ["refused", "refused"], ["admitted", "admitted"]];

const board = {servers: [], order: [], cards: new Map(), meanings: {}, past: null, status: null};
let token = "", message = "0";

/* --- small things --- */

const at = id => document.getElementById(id);

function node(name, attributes, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
	made.append(...children);
	return made;
}

function drawn(name, attributes, ...children) {
	const made = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
	made.append(...children);
	return made;
}

// Nothing is touched that is as it should be: who selects or hears the text is not disturbed.
function write(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

const count = value => Math.round(value).toLocaleString("en");

function rate(value) {
	if (value > 0 && value < 10) return value.toFixed(1);
	if (value < 100000) return count(value);
	return value < 1e6 ? (value / 1e3).toFixed(0) + " k" : (value / 1e6).toFixed(1) + " M";
}

function span(seconds) {
	const s = Math.max(0, Math.round(seconds));
	if (s < 60) return s + " s";
	if (s < 3600) return Math.floor(s / 60) + " min " + s % 60 + " s";
	if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
	return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
}

function brief(us) {
	if (us === 0) return "–";
	if (us < 1000) return us + " µs";
	return us < 1000000 ? Math.floor(us / 1000) + " ms" : Math.floor(us / 1000000) + " s";
}

// The daemon's clock: that of the browser may be another.
const now = () => board.status ? board.status.time_ms : Date.now();

// A list of pairs into a <dl>; the elements stay, their texts change.
function describe(list, pairs) {
	while (list.children.length > pairs.length) list.lastChild.remove();
	while (list.children.length < pairs.length) list.append(node("div", {}, node("dt"), node("dd")));
	pairs.forEach(([name, value, kind], i) => {
		write(list.children[i].firstChild, name);
		write(list.children[i].lastChild, value);
		list.children[i].lastChild.className = kind || "";
	});
}

// Rows of texts into a <tbody>: the first, which may have a meaning beside it, is the row's head;
// what is a number stands to the right.
function tabulate(body, rows) {
	while (body.children.length > rows.length) body.lastChild.remove();
	while (body.children.length < rows.length) body.append(node("tr"));
	rows.forEach((row, i) => {
		const line = body.children[i];
		while (line.children.length > row.length) line.lastChild.remove();
		const [name, meaning] = [row[0]].flat();
		if (!line.firstChild) line.append(node("th", {scope: "row"}, node("code"), " ", node("span")));
		write(line.firstChild.firstChild, name);
		write(line.firstChild.lastChild, meaning || "");
		row.slice(1).forEach((text, j) => {
			if (!line.children[j + 1]) line.append(node("td"));
			line.children[j + 1].className = /^[\d–]/.test(text) ? "number" : "";
			write(line.children[j + 1], text);
		});
	});
}

/* --- charts --- */

// From the first one on that is known.
function path(values, first, most, height, scale) {
	return values.map((value, i) => i < first ? "" :
		(i > first ? "L" : "M") + i + " " + (height - scale(value) / scale(most) * height).toFixed(1)).join("");
}

function spark(holder, values, text) {
	if (!holder.firstChild)
		holder.append(drawn("svg", {viewBox: "0 -2 59 26", preserveAspectRatio: "none", role: "img"},
			drawn("path", {class: "line syns"})));
	holder.firstChild.setAttribute("aria-label", text);
	holder.firstChild.firstChild.setAttribute("d", path(values, 0, Math.max(1, ...values), 24, v => v));
}

// The newest `seconds`, in POINTS at most, each the highest of its seconds.
function thinned(values, seconds) {
	const out = [], step = Math.max(1, seconds / POINTS);
	for (let i = PAST - seconds; i < PAST; i += step) out.push(Math.max(...values.slice(i, i + step)));
	return out;
}

// As much of the past as there is something of.
const reach = past => [60, 300, PAST].find(seconds => past.known <= seconds) || PAST;
const reached = seconds => seconds === 60 ? "Last minute" : `Last ${seconds / 60} minutes`;

// Powers of ten: a flood and what is admitted beside it are to be seen in one picture.
function chart(holder, past) {
	const scale = value => Math.log10(1 + value);
	let top = 10;
	for (const [name] of SERIES) for (const value of past[name]) while (value > top) top *= 10;
	const decades = Math.round(Math.log10(top)), seconds = reach(past), points = Math.min(seconds, POINTS);
	if (holder.dataset.drawn !== `${top} ${seconds}`) {
		holder.dataset.drawn = `${top} ${seconds}`;
		const svg = drawn("svg", {viewBox: `0 -2 ${points - 1} 104`, preserveAspectRatio: "none", role: "img"});
		const marks = node("div", {class: "scale", "aria-hidden": "true"});
		for (let i = decades; i >= 0; i--) {
			const y = i ? 100 - scale(10 ** i) / scale(top) * 100 : 100;
			svg.append(drawn("path", {class: "grid", d: `M0 ${y.toFixed(1)}H${points}`}));
			marks.append(node("span", {}, i ? count(10 ** i) : "0"));
		}
		const legend = node("ul", {class: "legend"});
		for (const [name, label] of SERIES) {
			svg.append(drawn("path", {class: "line " + name}));
			legend.append(node("li", {}, drawn("svg", {viewBox: "0 0 24 8", "aria-hidden": "true"},
				drawn("path", {class: "line " + name, d: "M0 4H24"})), node("span")));
		}
		const times = node("div", {class: "times", "aria-hidden": "true"});
		for (const part of [3, 2, 1]) times.append(node("span", {}, span(seconds * part / 3).replace(" 0 s", "") + " ago"));
		times.append(node("span", {}, "now"));
		holder.replaceChildren(legend, node("div", {class: "plot"}, marks, svg, times));
	}
	const first = Math.max(0, Math.floor((seconds - past.known) * points / seconds));
	const svg = holder.querySelector(".plot svg"), legend = holder.querySelectorAll(".legend span");
	SERIES.forEach(([name, label], i) => {
		svg.querySelector("." + name).setAttribute("d", path(thinned(past[name], seconds), first, top, 100, scale));
		write(legend[i], `${label} ${rate(past[name][PAST - 1])} /s`);
	});
	svg.setAttribute("aria-label", reached(seconds) + ", each second: " + SERIES.map(([name, label]) =>
		`${label} ${rate(past[name][PAST - 1])} now, ${rate(Math.max(...past[name]))} at most`).join("; "));
}

function pushed(values, value, most) {
	values.push(value);
	while (values.length > most) values.shift();
}

function grow(past, rates) {
	for (const [name] of SERIES) pushed(past[name], rates[name], PAST);
	past.known = Math.min(PAST, past.known + 1);
}

/* --- servers --- */

// What does not get to the server: SYNs that prove nothing, then what is refused for a reason.
function kept(server) {
	const before = server.before || server, seconds = server.seconds || 1;
	const row = (text, total, old) => [text, rate(Math.max(0, total - old) / seconds) + " /s", count(total)];
	const rows = [];
	if (server.unproved > 0)
		rows.push(row("SYNs answered with a cookie that has not come back", server.unproved, before.unproved));
	if (server.unasked > 0)
		rows.push(row("handshakes whose client has asked for nothing", server.unasked, before.unasked));
	for (const [reason, total] of Object.entries(server.figures.refused).sort((a, b) => b[1] - a[1]))
		rows.push(row(board.meanings[reason] || reason, total, before.figures.refused[reason] || 0));
	return rows;
}

function cause(server) {
	const since = span((now() - Date.parse(server.since)) / 1000);
	if (server.dead) return server.dead;
	if (server.mode === "attack") return (server.cause || "set by the operator") + ", for " + since;
	return server.setting ? "set by the operator" : "calm for " + since;
}

function figures(server) {
	const usual = server.usual_syns === null ? "" : ` (usually ${count(server.usual_syns)})`;
	const limit = server.half_open_limit === null ? "" : ` of ${count(server.half_open_limit)}`;
	return [
		["SYNs", rate(server.rates.syns) + " /s" + usual],
		["half-open", count(server.figures.half_open) + limit],
		["admitted", rate(server.rates.admitted) + " /s"],
		["refused", rate(server.rates.refused) + " /s"],
		["spliced now", count(server.figures.spliced)],
		["admission p50, p99", server.p50_us || server.p99_us ? `< ${brief(server.p50_us)}, < ${brief(server.p99_us)}` : "–"],
	];
}

function fill(card, server) {
	const attack = server.mode === "attack", part = name => card.querySelector(name);
	card.className = "card" + (attack ? " attack" : server.dead ? " dead" : "");
	write(part("h3"), server.name);
	write(part(".mode"), server.mode);
	write(part(".cause"), cause(server));
	spark(part(".spark"), server.past, `SYNs in the last minute: ${rate(server.rates.syns)} a second now, ` +
		`${rate(Math.max(...server.past))} at most`);
	describe(part(".figures"), figures(server));
	const rows = kept(server);
	part(".kept").hidden = rows.length === 0;
	tabulate(part(".kept tbody"), rows);
	if (part("details").open) fill_more(card, server);
}

function new_card(server) {
	const card = at("card").content.firstElementChild.cloneNode(true), details = card.querySelector("details");
	const title = "server " + server.name;
	card.querySelector("h3").id = title.replaceAll(" ", "-");
	card.setAttribute("aria-labelledby", title.replaceAll(" ", "-"));
	card.dataset.server = server.name;
	details.querySelector("summary").setAttribute("aria-label", "More about " + server.name);
	details.addEventListener("toggle", () => details.open && ask_more(card));
	return card;
}

function chosen() {
	const words = at("find").value.trim().toLowerCase();
	const all = board.order.map(number => board.servers[number])
		.filter(server => !words || server.name.toLowerCase().includes(words));
	return {all, shown: all.slice(0, SHOWN_MOST)};
}

// Cards are moved only where the order is another; the one that has the focus keeps it.
function show_servers() {
	const {all, shown} = chosen(), cards = at("cards"), focused = document.activeElement;
	const wanted = new Set(shown.map(server => server.name));
	for (const [name, card] of board.cards)
		if (!wanted.has(name)) {
			card.remove();
			board.cards.delete(name);
		}
	shown.forEach((server, i) => {
		let card = board.cards.get(server.name);
		if (!card) {
			card = new_card(server);
			board.cards.set(server.name, card);
			fill(card, server);
		}
		if (cards.children[i] !== card) cards.insertBefore(card, cards.children[i] || null);
	});
	if (focused !== document.activeElement && document.contains(focused)) focused.focus({preventScroll: true});
	const rest = at("rest"), left = all.length - shown.length;
	rest.hidden = left === 0 && all.length > 0;
	write(rest, all.length === 0 ? board.servers.length ? "No server has that in its name." : "No servers seen yet."
		: `${count(left)} more: write a part of an address above to find one.`);
}

/* --- more of one server --- */

function heads(...names) {
	return node("thead", {}, node("tr", {}, ...names.map(name => node("th", {scope: "col", class: name === "Requests" ? "number" : ""}, name))));
}

function fill_more(card, server) {
	const more = card.querySelector(".more");
	if (!more.firstChild)
		more.append(
			node("div", {}, node("h4", {}, "The past"), node("div", {class: "chart"}),
				node("h4", {}, "Profile"), node("p", {class: "soft profile-lack"}), node("dl", {class: "figures profile"}),
				node("h4", {}, "What attack mode would refuse, of the last day"), node("p", {class: "judged"}),
				node("table", {class: "rehearsal", hidden: ""}, heads("Why", "Requests", "", "Last example"), node("tbody"))),
			node("div", {}, node("h4", {}, "Since the start"), node("table", {class: "since"}, node("tbody"))));
	const rows = Object.entries(server.figures).filter(([, value]) => typeof value === "number")
		.map(([name, value]) => [[name, board.meanings[name]], count(value)]);
	for (const [name, value] of Object.entries(server.figures.refused))
		rows.push([["refused." + name, board.meanings[name]], count(value)]);
	tabulate(more.querySelector(".since tbody"), rows);
	if (card.past) chart(more.querySelector(".chart"), card.past);
}

// An address and port may stand in several VLANs: the entry of this card's.
function entry_of(entries, server) {
	const vlan = (server.name.split(" vlan ")[1] || "").match(/\d+/g) || [];
	return (entries || []).find(entry => String(entry.vlan) === vlan.join(","));
}

function fill_profile(more, profile) {
	const list = more.querySelector(".profile");
	write(more.querySelector(".profile-lack"), profile ? "" : "Nothing is learned of it yet.");
	describe(list, !profile ? [] : [
		["protocol", String(profile.application.protocol || "unknown")],
		["speaks first", String(profile.application.speaks_first || "unknown")],
		["armed", profile.evidence.armed ? "yes" : "not yet: too little was seen"],
		["requests checked by", String(profile.enforced)],
		["handshakes, requests", `${count(profile.evidence.handshakes)}, ${count(profile.evidence.requests)}`],
		["fidelity", String(profile.evidence.fidelity)],
		["program", String(profile.program || "–")],
		["greets with", profile.application.greeting ? String(profile.application.greeting.text) : "–"],
		["names", Object.values(profile.application.request.keywords || {}).flat().slice(0, 20).join(", ") || "–"],
	]);
}

// Bytes as one would write them down: what is no printable ASCII is a dot.
function bytes(hex) {
	return (hex.match(/../g) || []).map(pair => parseInt(pair, 16))
		.map(code => code > 31 && code < 127 ? String.fromCharCode(code) : "·").join("");
}

function fill_rehearsal(more, judged) {
	write(more.querySelector(".judged"), judged ?
		`${count(judged.requests)} requests were judged, ${count(judged.refused)} would be refused` +
		(judged.refused_accepted ? `; the server took ${count(judged.refused_accepted)} of these` : "") : "No requests were judged.");
	more.querySelector(".rehearsal").hidden = !judged || judged.reasons.length === 0;
	tabulate(more.querySelector(".rehearsal tbody"), !judged ? [] : judged.reasons.map(reason =>
		[reason.text, count(reason.requests), reason.refused ? "refused" : "not refused", reason.example ? bytes(reason.example) : ""]));
}

async function ask_more(card) {
	const server = board.servers.find(one => one.name === card.dataset.server), more = card.querySelector(".more");
	if (!server || !card.isConnected || !card.querySelector("details").open) return;
	fill_more(card, server);
	try {
		const name = encodeURIComponent(server.server);
		if (!card.past) card.past = await ask("/past?server=" + encodeURIComponent(server.name));
		fill_more(card, server);
		fill_profile(more, entry_of((await ask("/profile?server=" + name)).profiles, server));
		fill_rehearsal(more, entry_of((await ask("/rehearsal?server=" + name)).rehearsal, server));
	} catch (error) {
		// the head of the page says what is wrong
	}
	clearTimeout(card.timer);
	card.timer = setTimeout(() => ask_more(card), MORE_MS);
}

/* --- head, events, sources --- */

function headline() {
	const attacked = board.order.map(number => board.servers[number]).filter(server => server.mode === "attack");
	const all = count(board.servers.length) + (board.servers.length === 1 ? " server" : " servers");
	if (board.away) return "The daemon does not answer: what stands here is old";
	if (attacked.length === 0) return `Calm: ${all}, none attacked`;
	if (attacked.length === 1) return `${attacked[0].name} is attacked: ${attacked[0].cause || "attack mode is set"}`;
	return `${count(attacked.length)} of ${all} are attacked, most of all ${attacked[0].name}`;
}

function side(info) {
	return info ? info.side + (info.cut ? " (cut: " + info.cut + ")" : "") : "–";
}

function show_head() {
	const status = board.status, attacked = board.attacked > 0;
	document.body.className = board.away ? "away" : attacked ? "attack" : "calm";
	write(at("headline"), headline());
	document.title = (board.away ? "? " : attacked ? "! " : "") + "synward";
	if (!status) return;
	write(at("version"), status.synward.version);
	const losses = Object.entries(status.lost).filter(([, value]) => value > 0);
	const cut = Object.values(status.sides).some(info => info.cut);
	describe(at("facts"), [
		["mode", status.mode],
		["learning", status.learning ? "on" : "off"],
		["up for", board.uptime || "–"],
		["SYNs", rate(board.rates.syns) + " /s"],
		["admitted", rate(board.rates.admitted) + " /s"],
		["refused", rate(board.rates.refused) + " /s"],
		["frames lost", losses.map(([name, value]) => `${name.replace("_", " ")} ${count(value)}`).join(", ") || "none", losses.length ? "loss" : ""],
		["clients at", side(status.sides.client), cut ? "loss" : ""],
		["servers at", side(status.sides.server), cut ? "loss" : ""],
	]);
}

function event_line(event) {
	const time = new Date(event.time), text = event.text || event.event;
	const words = node("span", event.event === "mode" && event.state === "attack" ? {class: "attack"} : {}, text);
	return node("li", {}, node("time", {datetime: event.time, title: event.time},
		isNaN(time) ? "" : time.toTimeString().slice(0, 8)), words);
}

function show_event(event) {
	const list = at("events");
	list.prepend(event_line(event));
	while (list.children.length > EVENTS_MOST) list.lastChild.remove();
	at("no-events").hidden = true;
}

async function show_sources() {
	try {
		const {sources} = await ask("/sources"), table = at("sources");
		const rows = sources.slice(0, 200).map(source => [`${source.address}/${source.length}`, source.state, source.by,
			count(source.mismatches), source.until ? span((Date.parse(source.until) - now()) / 1000) : "until removed"]);
		tabulate(table.tBodies[0], rows);
		table.hidden = rows.length === 0;
		at("no-sources").hidden = rows.length > 0 && sources.length <= rows.length;
		if (rows.length > 0) write(at("no-sources"), `${count(sources.length - rows.length)} more: synward sources`);
		else write(at("no-sources"), "None is put aside, limited or allowed.");
	} catch (error) {
		// as above
	}
	setTimeout(show_sources, SOURCES_MS);
}

function show_past() {
	write(at("past-title"), "All servers: " + reached(reach(board.past)).toLowerCase());
	chart(at("past"), board.past);
}

/* --- what the process says --- */

class Refused extends Error {}

async function get(url, headers) {
	const answer = await fetch(url, {headers: {...headers, ...(token ? {Authorization: "Bearer " + token} : {})}, cache: "no-store"});
	if (answer.status === 401) throw new Refused();
	if (!answer.ok) throw new Error(answer.statusText);
	return answer;
}

async function ask(url) {
	return (await get(url)).json();
}

function take_head(told) {
	for (const key of ["away", "status", "attacked", "uptime", "rates"])
		if (told[key] !== undefined && told[key] !== null) board[key] = told[key];
	if (told.order) board.order = told.order;
}

function take_state(state) {
	message = String(state.message);
	board.servers = state.servers;
	board.meanings = state.meanings;
	board.past = state.past;
	take_head(state);
	for (const server of board.servers)
		server.past = Array(HISTORY - server.past.length).fill(0).concat(server.past);
	at("events").replaceChildren();
	state.events.forEach(show_event);
	show_servers();
	for (const server of board.servers) {
		const card = board.cards.get(server.name);
		if (!card) continue;
		card.past = undefined; // is asked for anew where it is shown
		fill(card, server);
	}
	show_head();
	show_past();
}

function take_tick(tick) {
	const before = board.status ? board.status.time_ms : 0;
	take_head(tick);
	const seconds = Math.max(.1, (board.status.time_ms - before) / 1000);
	const changed = new Map(tick.servers.map(server => [server.number, server]));
	board.servers.forEach((old, number) => {
		const news = changed.get(number), server = news ? {...old, ...news} : old;
		server.before = {figures: old.figures, unproved: old.unproved, unasked: old.unasked};
		server.figures = news && news.figures ? {...old.figures, ...news.figures} : old.figures;
		server.seconds = seconds;
		server.past = old.past;
		pushed(server.past, server.rates.syns, HISTORY);
		board.servers[number] = server;
		const card = board.cards.get(server.name);
		if (card && card.past) grow(card.past, server.rates);
		if (card) fill(card, server);
	});
	grow(board.past, board.rates);
	if (tick.order) show_servers();
	show_head();
	show_past();
}

const takers = {
	tick: take_tick,
	event: show_event,
	away: () => { board.away = true; show_head(); },
	reset: async () => take_state(await ask("/state")),
};

async function take_message(block) {
	let kind = "", data = "", number = 0;
	for (const line of block.split("\n")) {
		if (line.startsWith("id: ")) number = Number(line.slice(4));
		else if (line.startsWith("event: ")) kind = line.slice(7);
		else if (line.startsWith("data: ")) data = line.slice(6);
	}
	// A state that was taken meanwhile, after a reset, has told of some that still come.
	if (kind !== "reset" && number <= Number(message)) return;
	if (number) message = String(number);
	if (takers[kind]) await takers[kind](JSON.parse(data));
}

async function follow() {
	const stream = (await get("/events", {"Last-Event-ID": message})).body.getReader();
	const decoder = new TextDecoder();
	let text = "";
	for (;;) {
		const {value, done} = await stream.read();
		if (done) return;
		text += decoder.decode(value, {stream: true});
		const blocks = text.split("\n\n");
		text = blocks.pop();
		for (const block of blocks) await take_message(block);
	}
}

/* --- start --- */

function ask_token() {
	at("main").hidden = true;
	at("door").hidden = false;
	write(at("headline"), "A token is needed");
	at("token").focus();
}

async function run() {
	for (;;) {
		try {
			take_state(await ask("/state"));
			at("door").hidden = true;
			at("main").hidden = false;
			await follow();
		} catch (error) {
			if (error instanceof Refused) return ask_token();
			board.away = true;
			write(at("headline"), "synward web does not answer: what stands here is old");
			document.body.className = "away";
		}
		await new Promise(done => setTimeout(done, 1000));
	}
}

// The token comes behind "#", which no browser sends, and does not stay in the address.
function take_token() {
	if (location.hash.length > 16) {
		sessionStorage.setItem("token", location.hash.slice(1));
		history.replaceState(null, "", location.pathname);
	}
	token = sessionStorage.getItem("token") || "";
}

at("door").addEventListener("submit", event => {
	event.preventDefault();
	token = at("token").value.trim();
	sessionStorage.setItem("token", token);
	at("token").value = "";
	run();
});
at("find").addEventListener("input", show_servers);
take_token();
run();
show_sources();
