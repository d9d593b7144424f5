// @stomp/stompjs 7, which most front ends use.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, ReconnectionTimeMode } from "@stomp/stompjs";
import { WebSocket } from "ws";

import { assertGapless, bearer, entriesOf, fullCycle, inbox, message, overStompjs, room, say, timeline, token, url } from "./shared.js";

Object.assign(globalThis, { WebSocket });
const connect = overStompjs(Client, { brokerURL: url });

test("sends are confirmed and received, and who comes back misses nothing", { timeout: 20_000 }, () => fullCycle(connect));

test("a cut connection is made again by the library, and the cursor closes the gap", { timeout: 20_000 }, async () => {
  const entries = inbox();
  const client = new Client({
    brokerURL: url,
    connectHeaders: bearer,
    reconnectDelay: 100,
    reconnectTimeMode: ReconnectionTimeMode.LINEAR,
    onConnect: () => client.subscribe(timeline, entriesOf(entries), { after: String(entries.items.at(-1)?.seq ?? 0) }),
    onStompError: (frame) => assert.fail(`ERROR ${frame.headers.code}: ${frame.headers.message}`),
  });
  client.activate();
  const writer = await connect(token);
  await say(writer, message("before the cut"));
  await entries.until((items) => items.at(-1)?.content === "before the cut");
  const cut = new Promise((resolve) => {
    client.onWebSocketClose = resolve;
  });
  client.forceDisconnect();
  await cut;
  for (let turn = 0; turn < 5; turn += 1) await say(writer, message(`missed ${turn}`));
  await say(writer, message("after the cut"));
  await entries.until((items) => items.at(-1)?.content === "after the cut");
  assertGapless(entries.items, 1);
  await Promise.all([writer.close(), client.deactivate()]);
});

test("a refused send reaches the error queue and leaves the connection open", { timeout: 20_000 }, async () => {
  const client = await connect(token);
  const refused = inbox();
  client.subscribe("/user/queue/errors", ({ body }) => refused.put(JSON.parse(body)));
  client.send("/pub/chat/message", JSON.stringify({ roomId: room, content: " ", clientMessageId: "empty" }));
  const [{ code, clientMessageId }] = await refused.until((items) => items.length > 0);
  assert.deepEqual([code, clientMessageId], ["content_empty", "empty"]);
  await say(client, message("still here"));
  await client.close();
});

test("a wrong token is told in an ERROR frame", { timeout: 20_000 }, async () => {
  await assert.rejects(connect("nonsense"), /ERROR unauthorized/);
});
