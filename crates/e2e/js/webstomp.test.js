// webstomp-client, which cuts frames into WebSocket messages of 16 KiB.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import webstomp from "webstomp-client";
import { WebSocket } from "ws";

import { entriesOf, fullCycle, inbox, message, receipted, room, say, timeline, token, url } from "./shared.js";

/// Sizes of the WebSocket messages sent.
const sent = [];

class Counting extends WebSocket {
  send(data, ...rest) {
    sent.push(data.length);
    super.send(data, ...rest);
  }
}
Object.assign(globalThis, { WebSocket: Counting });

const connect = (token) =>
  new Promise((resolve, reject) => {
    const client = webstomp.client(url, { debug: false });
    const receipts = new Map();
    client.onreceipt = (frame) => receipts.get(frame.headers["receipt-id"])?.(frame);
    const ready = () =>
      resolve({
        subscribe: (destination, take, headers) => client.subscribe(destination, take, headers),
        send: (destination, body, headers) => client.send(destination, body, headers),
        receipt: (id) => new Promise((done) => receipts.set(id, done)),
        close: () => new Promise((done) => client.disconnect(done)),
      });
    client.connect({ Authorization: `Bearer ${token}` }, ready, (frame) => reject(new Error(frame.body ?? frame.reason)));
  });

test("sends are confirmed and received, and who comes back misses nothing", { timeout: 20_000 }, () => fullCycle(connect));

test("a frame cut into several WebSocket messages is one message", { timeout: 20_000 }, async () => {
  const client = await connect(token);
  const seen = inbox();
  await receipted(client, (headers) => client.subscribe(timeline, entriesOf(seen), headers));
  // The largest content by characters; 15,000 bytes, and 30,000 in the ASCII JSON that some serializers write.
  const content = "한".repeat(5_000);
  const [plain, escaped] = [randomUUID(), randomUUID()];
  await say(client, message(content, plain));
  sent.length = 0;
  const body = `{"roomId":"${room}","content":"${"\\ud55c".repeat(5_000)}","clientMessageId":"${escaped}","type":"TEXT"}`;
  await say(client, body);
  assert.equal(sent.length, 2, `WebSocket messages of ${sent}`);
  assert.equal(sent[0], 16_384);
  await seen.until((entries) => entries.length === 2);
  assert.deepEqual(seen.items.map((entry) => entry.clientMessageId), [plain, escaped]);
  assert.deepEqual(seen.items.map((entry) => entry.content === content), [true, true]);
  await client.close();
});
