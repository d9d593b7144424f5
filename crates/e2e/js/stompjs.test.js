// @stomp/stompjs 7 as front ends use it. CHAT_URL (ws://…), CHAT_TOKEN and CHAT_ROOM come from tests/it/stompjs.rs.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { Client, ReconnectionTimeMode } from "@stomp/stompjs";
import { WebSocket } from "ws";

Object.assign(globalThis, { WebSocket });

const { CHAT_URL: url, CHAT_TOKEN: token, CHAT_ROOM: room } = process.env;
const destination = `/sub/chat/room/${room}`;

/// A client that keeps everything of the room, across reconnects.
function reader(after) {
  const entries = [];
  const waiting = [];
  const client = new Client({
    brokerURL: url,
    connectHeaders: { Authorization: `Bearer ${token}` },
    reconnectDelay: 100,
    reconnectTimeMode: ReconnectionTimeMode.LINEAR,
    onConnect: () => {
      const cursor = entries.at(-1)?.seq ?? after;
      client.subscribe(destination, take, { after: String(cursor) });
    },
    onStompError: (frame) => assert.fail(`ERROR ${frame.headers.code}: ${frame.headers.message}`),
  });
  function take(message) {
    const entry = JSON.parse(message.body);
    assert.equal(message.headers.seq, String(entry.seq));
    assert.equal(message.headers.event, "message");
    entries.push(entry);
    waiting.splice(0).forEach((look) => look());
  }
  async function until(seq) {
    while ((entries.at(-1)?.seq ?? 0) < seq) await new Promise((look) => waiting.push(look));
  }
  return { client, entries, until };
}

async function connected(client) {
  const { onConnect } = client;
  await new Promise((resolve) => {
    client.onConnect = (frame) => {
      onConnect(frame);
      resolve();
    };
    client.activate();
  });
}

/// Waits for the RECEIPT of a frame that `send` sends with the headers given to it.
function receipt(client, send) {
  return new Promise((resolve) => {
    const id = randomUUID();
    client.watchForReceipt(id, resolve);
    send({ receipt: id });
  });
}

function say(client, content, clientMessageId = randomUUID()) {
  const body = JSON.stringify({ roomId: room, content, clientMessageId, type: "TEXT" });
  return receipt(client, (headers) => client.publish({ destination: "/pub/chat/message", body, headers }));
}

const assertGapless = (entries, first) =>
  assert.deepEqual(entries.map((entry) => entry.seq), entries.map((_, index) => first + index));

test("sends are confirmed and received, and a reconnect misses nothing", { timeout: 20_000 }, async () => {
  const [writing, reading] = [reader(0), reader(0)];
  await Promise.all([connected(writing.client), connected(reading.client)]);
  const persisted = [];
  await receipt(writing.client, (headers) =>
    writing.client.subscribe("/user/queue/persisted", (message) => persisted.push(JSON.parse(message.body)), headers),
  );

  const clientMessageId = randomUUID();
  await say(writing.client, "hello: from stompjs\nwith two lines", clientMessageId);
  await reading.until(2);
  assertGapless(reading.entries, 1);
  assert.equal(reading.entries[1].content, "hello: from stompjs\nwith two lines");
  assert.equal(reading.entries[1].clientMessageId, clientMessageId);

  const again = new Promise((resolve) => {
    const { onWebSocketClose } = reading.client;
    reading.client.onWebSocketClose = (event) => {
      onWebSocketClose(event);
      resolve();
    };
  });
  reading.client.forceDisconnect();
  await again;
  for (let turn = 0; turn < 5; turn += 1) await say(writing.client, `missed ${turn}`);
  await Promise.all([reading.until(7), writing.until(7)]);
  await say(writing.client, "live");
  await Promise.all([reading.until(8), writing.until(8)]);

  assertGapless(reading.entries, 1);
  assert.deepEqual(reading.entries, writing.entries);
  const own = persisted.find((outcome) => outcome.clientMessageId === clientMessageId);
  assert.deepEqual([own.status, own.seq, own.duplicate], ["PERSISTED", 2, false]);
  await Promise.all([writing.client.deactivate(), reading.client.deactivate()]);
});

test("a refused send reaches the error queue and leaves the connection open", { timeout: 20_000 }, async () => {
  const { client } = reader(0);
  await connected(client);
  const refused = new Promise((resolve) => {
    client.subscribe("/user/queue/errors", (message) => resolve(JSON.parse(message.body)));
  });
  client.publish({
    destination: "/pub/chat/message",
    body: JSON.stringify({ roomId: room, content: " ", clientMessageId: "empty" }),
  });
  const { code, clientMessageId } = await refused;
  assert.deepEqual([code, clientMessageId], ["content_empty", "empty"]);
  await say(client, "still here");
  await client.deactivate();
});

test("a wrong token is told in an ERROR frame", { timeout: 20_000 }, async () => {
  const code = await new Promise((resolve) => {
    const client = new Client({
      brokerURL: url,
      connectHeaders: { Authorization: "Bearer nonsense" },
      onStompError: (frame) => {
        client.deactivate();
        resolve(frame.headers.code);
      },
    });
    client.activate();
  });
  assert.equal(code, "unauthorized");
});
