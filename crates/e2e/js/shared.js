// What every client library must manage, written once: connect, subscribe, send with RECEIPT, receive, come back and miss nothing.
//
// A library is an adapter: `connect(token)` resolves to `{ subscribe(destination, take, headers), send(destination, body, headers),
// receipt(id), close() }`, where `take` gets `{ headers, body }` and `receipt` resolves with the RECEIPT frame of that id.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

// Come from tests/it/clients.rs.
export const { CHAT_URL: url, CHAT_TOKEN: token, CHAT_ROOM: room } = process.env;
export const timeline = `/sub/chat/room/${room}`;
export const bearer = { Authorization: `Bearer ${token}` };

/// A list that can be waited for.
export function inbox() {
  const items = [];
  const waiting = [];
  return {
    items,
    put(item) {
      items.push(item);
      waiting.splice(0).forEach((look) => look());
    },
    async until(enough) {
      while (!enough(items)) await new Promise((look) => waiting.push(look));
      return items;
    },
  };
}

/// Everything received of the room; the headers must agree with the body.
export function entriesOf(box) {
  return ({ headers, body }) => {
    const entry = JSON.parse(body);
    assert.equal(headers.seq, String(entry.seq));
    assert.equal(headers.event, "message");
    box.put(entry);
  };
}

export const assertGapless = (entries, first) =>
  assert.deepEqual(entries.map((entry) => entry.seq), entries.map((_, index) => first + index));

/// Runs `send` with a receipt header and waits for the RECEIPT.
export async function receipted(client, send) {
  const id = randomUUID();
  const received = client.receipt(id);
  send({ receipt: id });
  const frame = await received;
  assert.equal(frame.headers["receipt-id"], id);
}

export const message = (content, clientMessageId = randomUUID()) =>
  JSON.stringify({ roomId: room, content, clientMessageId, type: "TEXT" });

export const say = (client, body) =>
  receipted(client, (headers) => client.send("/pub/chat/message", body, headers));

export async function fullCycle(connect) {
  const writer = await connect(token);
  const [seen, acks, persisted] = [inbox(), inbox(), inbox()];
  const into = (box) => ({ body }) => box.put(JSON.parse(body));
  await receipted(writer, (headers) => writer.subscribe("/user/queue/ack", into(acks), headers));
  await receipted(writer, (headers) => writer.subscribe("/user/queue/persisted", into(persisted), headers));
  await receipted(writer, (headers) => writer.subscribe(timeline, entriesOf(seen), { after: "0", ...headers }));
  await seen.until((entries) => entries.length > 0);

  const clientMessageId = randomUUID();
  const content = "line one: 안녕\nline \\two\t🙂";
  await say(writer, message(content, clientMessageId));
  const mine = (items) => items.find((item) => item.clientMessageId === clientMessageId);
  const entry = mine(await seen.until(mine));
  assert.deepEqual([entry.content, entry.roomId, entry.type], [content, room, "TEXT"]);
  assert.equal(mine(await acks.until(mine)).status, "ACCEPTED");
  const outcome = mine(await persisted.until(mine));
  assert.deepEqual([outcome.status, outcome.seq, outcome.messageId], ["PERSISTED", entry.seq, entry.messageId]);

  const reading = await connect(token);
  const read = inbox();
  await receipted(reading, (headers) => reading.subscribe(timeline, entriesOf(read), { after: String(entry.seq), ...headers }));
  await say(writer, message("before the reader goes"));
  await read.until((entries) => entries.length === 1);
  await reading.close();
  for (let turn = 0; turn < 5; turn += 1) await say(writer, message(`missed ${turn}`));

  const again = await connect(token);
  const cursor = String(read.items.at(-1).seq);
  await receipted(again, (headers) => again.subscribe(timeline, entriesOf(read), { after: cursor, ...headers }));
  await say(writer, message("live"));
  await read.until((entries) => entries.length === 7);
  assertGapless(read.items, entry.seq + 1);
  await seen.until((entries) => entries.length === entry.seq + 7);
  assertGapless(seen.items, 1);
  assert.deepEqual(read.items, seen.items.slice(entry.seq));
  await Promise.all([writer.close(), again.close()]);
}

/// The adapter of @stomp/stompjs, versions 6 and 7: over `brokerURL`, or over the socket that `webSocketFactory` makes.
export const overStompjs = (Client, way) => (token) =>
  new Promise((resolve, reject) => {
    const client = new Client({
      ...way,
      connectHeaders: { Authorization: `Bearer ${token}` },
      reconnectDelay: 0,
      onConnect: () =>
        resolve({
          subscribe: (destination, take, headers) => client.subscribe(destination, take, headers),
          send: (destination, body, headers) => client.publish({ destination, body, headers }),
          receipt: (id) => new Promise((done) => client.watchForReceipt(id, done)),
          close: () => client.deactivate(),
        }),
      onStompError: (frame) => reject(new Error(`ERROR ${frame.headers.code}: ${frame.headers.message}`)),
      onWebSocketError: (event) => reject(new Error(`WebSocket: ${event.message ?? event.type}`)),
      onWebSocketClose: ({ code, reason }) => reject(new Error(`closed before CONNECTED: ${code} ${reason}`)),
    });
    client.activate();
  });
