// A small front end as one is written for a Spring chat backend: REST with an envelope, the token in the WebSocket's address, numbers as
// client message ids. Its only setting is the base URL (CHAT_BASE); it knows nothing of this server.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { Client } from "@stomp/stompjs";
import { WebSocket } from "ws";

Object.assign(globalThis, { WebSocket });
const base = process.env.CHAT_BASE;

class FrontEnd {
  events = [];
  #waiting = [];
  #lastClientMessageId = Date.now();

  async call(method, path, body) {
    const response = await fetch(`${base}/api/v1${path}`, {
      method,
      headers: {
        "Content-Type": "application/json",
        ...(this.accessToken && { Authorization: `Bearer ${this.accessToken}` }),
      },
      body: body && JSON.stringify(body),
    });
    const envelope = await response.json();
    if (!envelope.success) throw Object.assign(new Error(envelope.message), { status: response.status, code: envelope.code });
    return envelope.data;
  }

  async signUpAndLogIn(nickname) {
    const [email, password] = [`${randomUUID()}@example.com`, "password123!"];
    const profile = { nickname, birthDate: "2000-01-01", universityId: null, agreedPolicyIds: [] };
    const account = await this.call("POST", "/auth/signup", { email, password, ...profile });
    assert.equal(account.email, email);
    await this.logIn(email, password);
    assert.equal(this.userId, account.userId);
  }

  async logIn(email, password) {
    Object.assign(this, await this.call("POST", "/auth/login", { email, password }));
  }

  async renewToken() {
    Object.assign(this, await this.call("POST", "/auth/refresh", { refreshToken: this.refreshToken }));
  }

  connect() {
    return new Promise((resolve, reject) => {
      this.client = new Client({
        brokerURL: `${base.replace(/^http/, "ws")}/ws/v1/chat?token=${this.accessToken}`,
        heartbeatIncoming: 25_000,
        heartbeatOutgoing: 25_000,
        onConnect: resolve,
        onStompError: (frame) => reject(new Error(frame.headers.message)),
        onWebSocketError: reject,
      });
      this.client.activate();
    });
  }

  enter(roomId) {
    this.client.subscribe(`/sub/chat/room/${roomId}`, (frame) => this.#happened("message", frame));
    return new Promise((entered) => {
      this.client.watchForReceipt("entered", entered);
      this.client.subscribe(`/sub/chat/room/${roomId}/read`, (frame) => this.#happened("read", frame), { receipt: "entered" });
    });
  }

  #happened(kind, frame) {
    this.events.push({ kind, ...JSON.parse(frame.body) });
    this.#waiting.splice(0).forEach((look) => look());
  }

  async see(wanted) {
    for (;;) {
      const event = this.events.find(wanted);
      if (event) return event;
      await new Promise((look) => this.#waiting.push(look));
    }
  }

  send(roomId, content) {
    const clientMessageId = (this.#lastClientMessageId += 1);
    const body = { roomId, content, type: "TEXT", clientMessageId, senderId: this.userId, senderNickname: "whoever" };
    this.client.publish({ destination: "/pub/chat/message", body: JSON.stringify(body) });
    return clientMessageId;
  }

  messages = (roomId, page = "limit=50&offset=0") => this.call("GET", `/chat/rooms/${roomId}/messages?${page}`);

  async room(roomId) {
    const rooms = await this.call("GET", "/chat/rooms");
    return rooms.find((room) => room.roomId === roomId);
  }
}

const [alice, bob] = [new FrontEnd(), new FrontEnd()];
const waitedInVain = setTimeout(() => {
  console.error("waited in vain; seen:", alice.events, bob.events);
  process.exit(1);
}, 30_000);
await Promise.all([alice.signUpAndLogIn("앨리스"), bob.signUpAndLogIn("밥")]);

// One room for two, whoever opens it and however often.
const opened = await alice.call("POST", "/chat/rooms", { targetUserId: bob.userId });
assert.deepEqual([opened.type, opened.name, opened.unreadCount, opened.imageUrl], ["ONE_TO_ONE", "밥", 0, null]);
const { roomId } = opened;
assert.equal((await bob.call("POST", "/chat/rooms", { targetUserId: alice.userId })).roomId, roomId);

await alice.connect();
await bob.connect();
await alice.enter(roomId);
await bob.enter(roomId);

const sent = [alice.send(roomId, "첫 번째"), alice.send(roomId, "두 번째")];
const received = [];
for (const clientMessageId of sent) {
  const own = await alice.see((event) => event.kind === "message" && event.clientMessageId === clientMessageId);
  const got = await bob.see((event) => event.kind === "message" && event.messageId === own.messageId);
  assert.deepEqual(got, own);
  assert.deepEqual([got.roomId, got.senderId, got.senderNickname, got.type], [roomId, alice.userId, "앨리스", "TEXT"]);
  assert.ok(!Number.isNaN(Date.parse(got.sentAt)));
  received.push(got);
}

const unread = await bob.room(roomId);
assert.deepEqual([unread.name, unread.unreadCount, unread.lastMessageContent], ["앨리스", 2, "두 번째"]);
assert.equal(Date.parse(unread.lastMessageSentAt), Date.parse(received[1].sentAt));
assert.equal((await alice.room(roomId)).unreadCount, 0);

await bob.call("PATCH", `/chat/rooms/${roomId}/read?messageId=${received[1].messageId}`);
const read = await alice.see((event) => event.kind === "read" && event.userId === bob.userId);
assert.deepEqual([read.roomId, read.lastReadMessageId], [roomId, received[1].messageId]);
assert.ok(!Number.isNaN(Date.parse(read.readAt)));
assert.equal((await bob.room(roomId)).unreadCount, 0);

const history = await bob.messages(roomId);
assert.deepEqual(history.slice(0, 2).map((item) => item.clientMessageId), [...sent].reverse());
assert.deepEqual(
  history.slice(0, 2).map(({ messageId, senderId, content, type, senderProfileImageUrl }) =>
    [messageId, senderId, content, type, senderProfileImageUrl]),
  [...received].reverse().map(({ messageId, senderId, content, type }) => [messageId, senderId, content, type, null]),
);
assert.deepEqual(await bob.messages(roomId, "limit=1&offset=1"), [history[1]]);
assert.deepEqual(await bob.messages(roomId, "limit=50&offset=50"), []);

// A group: create, invite, look at the members, leave.
const group = await alice.call("POST", "/chat/group-rooms", { roomName: "모임", userIds: [] });
assert.deepEqual([group.type, group.name], ["GROUP", "모임"]);
await alice.call("POST", `/chat/group-rooms/${group.roomId}/invite`, { userIds: [bob.userId] });
const members = await bob.call("GET", `/chat/group-rooms/${group.roomId}/members`);
assert.deepEqual(
  members.map(({ userId, nickname, isCreator }) => [userId, nickname, isCreator]),
  [[alice.userId, "앨리스", true], [bob.userId, "밥", false]],
);
await bob.call("DELETE", `/chat/rooms/${group.roomId}`);
assert.equal(await bob.room(group.roomId), undefined);
await assert.rejects(bob.messages(group.roomId), { status: 404, code: "room_not_found" });

await bob.renewToken();
assert.equal((await bob.room(roomId)).unreadCount, 0);
await bob.call("POST", "/auth/logout", { refreshToken: bob.refreshToken });
await assert.rejects(bob.renewToken(), { status: 401, code: "unauthorized" });
await Promise.all([alice.client.deactivate(), bob.client.deactivate()]);
clearTimeout(waitedInVain);
console.log("the whole cycle");
