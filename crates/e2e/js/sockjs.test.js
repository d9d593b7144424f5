// @stomp/stompjs over sockjs-client, as front ends of Spring backends with `withSockJS()` connect.

import { test } from "node:test";

import { Client } from "@stomp/stompjs";
import SockJS from "sockjs-client";

import { fullCycle, overStompjs, url } from "./shared.js";

const base = url.replace(/^ws/, "http");
const webSocketFactory = () => new SockJS(base, null, { transports: ["websocket"] });

test("sends are confirmed and received, and who comes back misses nothing", { timeout: 20_000 }, () =>
  fullCycle(overStompjs(Client, { webSocketFactory })),
);
