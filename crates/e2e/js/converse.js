// One side of a conversation: sends CHAT_SEND messages and prints those that it sees, one JSON line each, until there are CHAT_EXPECT.

import { Client } from "@stomp/stompjs";
import { WebSocket } from "ws";

import { entriesOf, inbox, message, overStompjs, say, timeline, token, url } from "./shared.js";

Object.assign(globalThis, { WebSocket });
const [count, expected] = [Number(process.env.CHAT_SEND), Number(process.env.CHAT_EXPECT)];

const client = await overStompjs(Client, { brokerURL: url })(token);
const seen = inbox();
const waitedInVain = setTimeout(() => {
  console.error("waited in vain; seen:", seen.items);
  process.exit(1);
}, 30_000);
// 1 is the entry that created the room.
client.subscribe(timeline, entriesOf(seen), { after: "1" });
for (let turn = 0; turn < count; turn += 1) await say(client, message(`javascript ${turn}`));
for (const { seq, senderId, content } of await seen.until((entries) => entries.length >= expected)) {
  console.log(JSON.stringify({ seq, senderId, content }));
}
clearTimeout(waitedInVain);
await client.close();
