"use strict";
// The page: people on the left, the conversation with the chosen person on the right.

const $ = (id) => document.getElementById(id);
const read = (id) => JSON.parse($(id).textContent);
const me = read("me-data");
const people = new Map(read("people-data").map((person) => [person.id, { ...person, online: false, unread: 0, messages: [], readTo: 0 }]));
let chosen = null; // a person
let typingEnds = 0, typingSent = 0; // timer; milliseconds of the last typing frame

const byConversation = (id) => [...people.values()].find((person) => person.conversation === id);

function element(tag, text, ...classes) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.classList.add(...classes.filter(Boolean));
  return made;
}

function showPeople() {
  $("people").replaceChildren(...[...people.values()].map((person) => {
    const item = element("li", "");
    const button = element("button", "", person === chosen && "chosen");
    button.append(element("span", person.name[0], "avatar", person.online && "online"), element("span", person.name, "name"));
    if (person.unread) button.append(element("span", person.unread, "badge"));
    button.setAttribute("aria-label", `${person.name}${person.online ? ", online" : ""}`);
    button.onclick = () => choose(person);
    item.append(button);
    return item;
  }));
}

function showMessages() {
  if (!chosen) return;
  const last = chosen.messages.filter((m) => m.sender_id === me && m.seq).pop();
  $("messages").replaceChildren(...chosen.messages.map((message) => {
    const item = element("li", "", message.sender_id === me ? "mine" : "theirs", message.seq === undefined && "pending");
    item.append(element("p", message.deleted_at ? "deleted" : message.content, message.deleted_at && "deleted"));
    const time = new Date(message.sent_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const state = message === last ? (chosen.readTo >= message.seq ? " · read" : " · sent") : "";
    item.append(element("small", time + state));
    return item;
  }));
  $("messages").scrollTop = $("messages").scrollHeight;
}

function store(person, message) {
  const at = person.messages.findIndex((m) => m.id === message.id || (m.client_id && m.client_id === message.client_id));
  if (at >= 0) person.messages[at] = message;
  else person.messages.push(message);
  person.messages.sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity));
}

async function adopt(person, conversation) {
  person.conversation = conversation.id;
  connection.seqs[conversation.id] ??= conversation.seq;
  person.unread = conversation.unread_count ?? person.unread;
  const { messages } = await connection.rest(`conversations/${conversation.id}/messages/?limit=50`);
  messages.forEach((message) => store(person, message));
}

async function choose(person) {
  chosen = person;
  if (!person.conversation) await adopt(person, await connection.rest("conversations/direct/", { user_id: person.id }));
  $("title").replaceChildren(element("h1", person.name));
  $("composer").hidden = false;
  $("typing").textContent = "";
  $("text").focus();
  markRead();
  showPeople();
  showMessages();
}

function markRead() {
  if (!chosen?.conversation || document.hidden) return;
  if (chosen.unread) connection.raw({ type: "read", conversation_id: chosen.conversation, up_to_seq: connection.seqs[chosen.conversation] });
  chosen.unread = 0;
}

const handlers = {
  message(person, message) {
    store(person, message);
    if (message.sender_id !== me) person.unread += 1;
    if (person === chosen) $("typing").textContent = "";
    markRead();
  },
  message_updated: (person, message) => store(person, message),
  message_deleted(person, { message_id }) {
    const message = person.messages.find((m) => m.id === message_id);
    if (message) Object.assign(message, { content: "", deleted_at: new Date().toISOString() });
  },
  read_receipt(person, { user_id, up_to_seq }) {
    if (user_id === person.id) person.readTo = Math.max(person.readTo, up_to_seq ?? 0);
  },
  typing_indicator(person, { is_typing }) {
    if (person !== chosen) return;
    $("typing").textContent = is_typing ? `${person.name} is typing …` : "";
    clearTimeout(typingEnds);
    typingEnds = setTimeout(() => ($("typing").textContent = ""), 6000);
  },
};

async function onFrame({ type, conversation_id, data }) {
  if (type === "user_online" || type === "user_offline") {
    const person = people.get(data.user_id);
    if (person) person.online = type === "user_online";
  } else if (type === "conversation_created" && data.type === "direct") {
    const person = people.get(data.participants.find((id) => id !== me));
    if (person && !person.conversation) {
      await adopt(person, data);
      person.unread = person.messages.filter((message) => message.sender_id !== me).length;
      markRead();
    }
  } else if (type === "connection_established") {
    await loadPresence();
  } else {
    const person = byConversation(conversation_id);
    if (person) handlers[type]?.(person, data);
  }
  showPeople();
  showMessages();
}

async function loadPresence() {
  const presence = await connection.rest("presence/", { user_ids: [...people.keys()] });
  for (const [id, { online }] of Object.entries(presence)) if (people.has(id)) people.get(id).online = online;
}

const connection = new Connection(onFrame, (state) => {
  $("state").textContent = state;
  $("state").className = state;
});

$("composer").onsubmit = (event) => {
  event.preventDefault();
  const content = $("text").value.trim();
  if (!content) return;
  const client_id = connection.sendMessage(chosen.conversation, content);
  store(chosen, { client_id, content, sender_id: me, sent_at: new Date().toISOString() });
  $("text").value = "";
  typingSent = 0;
  showMessages();
};
$("text").oninput = () => {
  if (Date.now() - typingSent < 2500) return;
  typingSent = Date.now();
  connection.raw({ type: "typing", conversation_id: chosen.conversation, is_typing: true });
};
document.addEventListener("visibilitychange", markRead);

(async () => {
  showPeople();
  for (const conversation of await connection.rest("conversations/")) {
    const person = conversation.type === "direct" && people.get(conversation.participants.find((id) => id !== me));
    if (person) await adopt(person, conversation);
  }
  showPeople();
})();
