// Rooms of Socket.IO: the token is checked by a middleware, a message is acknowledged to its sender and broadcast to its
// room. Nothing is stored.
//
//   node server.js PORT       JWT_SECRET_KEY is the key of the tokens
"use strict";
const http = require("node:http");
const { createSecretKey, randomUUID } = require("node:crypto");
const jwt = require("jsonwebtoken");
const { Server } = require("socket.io");

// Given text, jsonwebtoken tries to parse a public key for each token, which takes half of a connect.
const secret = createSecretKey(Buffer.from(process.env.JWT_SECRET_KEY));
const server = http.createServer();
const io = new Server(server, {
  transports: ["websocket"], serveClient: false, perMessageDeflate: false, httpCompression: false, maxHttpBufferSize: 65536,
});
// The documentation's advice: a connection need not keep its handshake request.
io.engine.on("connection", (raw) => { raw.request = null; });

io.use((socket, next) => {
  try {
    socket.data.user = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ["HS256"] }).user_id;
    next();
  } catch {
    next(new Error("the token is invalid"));
  }
});
const seqs = new Map();
io.on("connection", (socket) => {
  const room = String(socket.handshake.auth.room);
  socket.join(room);
  socket.on("message", ({ client_id, content }, acknowledge) => {
    if (typeof content !== "string" || content.length > 10000) return acknowledge({ error: "invalid content" });
    const id = randomUUID();
    const seq = (seqs.get(room) || 0) + 1;
    seqs.set(room, seq);
    const data = { id, conversation_id: room, seq, sender_id: socket.data.user, content, client_id, sent_at: new Date().toISOString() };
    io.to(room).emit("message", data);
    acknowledge({ id, seq });
  });
});
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
