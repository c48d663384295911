"use strict";
// REST and one WebSocket for all conversations of the user. The socket reconnects by itself and resumes
// each conversation where it was, so that no event is missed and none comes twice.

const API = "/api/messaging/";

async function freshToken() {
  const answer = await fetch("/token/");
  if (!answer.ok || answer.redirected) location.reload(); // the session has ended
  return (await answer.json()).access;
}

class Connection {
  constructor(onFrame, onState) {
    this.onFrame = onFrame;
    this.onState = onState;
    this.seqs = {}; // conversation id → last seq received
    this.unsent = new Map(); // client_id → command that has no ack yet
    this.delay = 500; // milliseconds before the next attempt
    this.open();
  }

  async open() {
    this.onState("connecting");
    try {
      this.token = await freshToken();
    } catch {
      return this.retry(this.delay);
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/ws/messaging/?resume=1`, ["bearer", this.token]);
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = () => this.retry(this.wait ?? this.delay);
  }

  retry(delay) {
    this.wait = undefined;
    this.onState("reconnecting");
    this.delay = Math.min(this.delay * 2, 15000);
    setTimeout(() => this.open(), delay * (0.5 + Math.random()));
  }

  receive(frame) {
    const { type, conversation_id: conversation, seq, data } = frame;
    if (type === "connection_established") {
      this.raw({ type: "resume", seqs: this.seqs });
      this.unsent.forEach((command) => this.raw(command));
      this.delay = 500;
      this.onState("online");
    } else if (type === "disconnect") {
      this.wait = data.delay_ms;
    } else if (type === "ack" && data.client_id) {
      this.unsent.delete(data.client_id);
    }
    if (seq !== undefined && conversation in this.seqs) {
      if (seq <= this.seqs[conversation]) return;
      this.seqs[conversation] = seq;
    }
    this.onFrame(frame);
  }

  raw(command) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }

  // Sends a message; it is sent again after a reconnect until the server acknowledges it.
  sendMessage(conversation, content) {
    const command = { type: "message", conversation_id: conversation, content, client_id: crypto.randomUUID() };
    this.unsent.set(command.client_id, command);
    this.raw(command);
    return command.client_id;
  }

  async rest(path, body) {
    const options = { headers: { Authorization: `Bearer ${this.token ?? (this.token = await freshToken())}` } };
    if (body) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      options.headers["Content-Type"] = "application/json";
    }
    let answer = await fetch(API + path, options);
    if (answer.status === 401) {
      options.headers.Authorization = `Bearer ${(this.token = await freshToken())}`;
      answer = await fetch(API + path, options);
    }
    if (!answer.ok) throw new Error((await answer.json()).error);
    return answer.json();
  }
}
