// Rooms on the bare `ws` package: the token is checked before the upgrade, a message is acknowledged to its sender and
// broadcast to its room. Nothing is stored.
//
//   node server.js PORT       JWT_SECRET_KEY is the key of the tokens
"use strict";
const http = require("node:http");
const { createSecretKey, randomUUID } = require("node:crypto");
const jwt = require("jsonwebtoken");
const { WebSocketServer } = require("ws");

// Given text, jsonwebtoken tries to parse a public key for each token, which takes half of a connect.
const secret = createSecretKey(Buffer.from(process.env.JWT_SECRET_KEY));
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false, maxPayload: 65536 });
const rooms = new Map();

function join(name) {
  let room = rooms.get(name);
  if (!room) rooms.set(name, (room = { name, seq: 0, members: new Set() }));
  return room;
}

function onMessage(socket, room, user, frame) {
  const { type, ref, client_id, content } = JSON.parse(frame);
  if (type !== "message" || typeof content !== "string" || content.length > 10000) {
    return socket.send('{"type":"error","data":{"message":"A message has a content of at most 10,000 characters."}}');
  }
  const id = randomUUID();
  const seq = ++room.seq;
  const data = { id, conversation_id: room.name, seq, sender_id: user, content, client_id, sent_at: new Date().toISOString() };
  const event = Buffer.from(JSON.stringify({ type: "message", data }));
  for (const member of room.members) member.send(event, { binary: false });
  socket.send(JSON.stringify({ type: "ack", ref, data: { id, seq } }));
}

const server = http.createServer((request, response) => response.writeHead(404).end());
server.on("upgrade", (request, raw, head) => {
  let user;
  try {
    user = jwt.verify((request.headers.authorization || "").slice("Bearer ".length), secret, { algorithms: ["HS256"] }).user_id;
  } catch {
    return raw.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
  }
  sockets.handleUpgrade(request, raw, head, (socket) => {
    const room = join(request.url);
    room.members.add(socket);
    socket.on("close", () => room.members.delete(socket));
    socket.on("error", () => socket.terminate());
    socket.on("message", (frame) => onMessage(socket, room, user, frame));
    socket.send('{"type":"connection_established","data":{}}');
  });
});
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
