// @stomp/stompjs 6, which older front ends still use.

import { test } from "node:test";

import stompjs from "stompjs6";
import { WebSocket } from "ws";

import { fullCycle, overStompjs, url } from "./shared.js";

Object.assign(globalThis, { WebSocket });

test("sends are confirmed and received, and who comes back misses nothing", { timeout: 20_000 }, () =>
  fullCycle(overStompjs(stompjs.Client, { brokerURL: url })),
);
