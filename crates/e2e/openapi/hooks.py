"""What schemathesis cannot make up: an account with a token, and people, rooms and messages that are there. Without it nearly every
request would end with 401 or 404. One request in four keeps the ids that were made up."""

import itertools
import os
import re
import uuid

import requests
import schemathesis

API = os.environ["CHAT_URL"] + "/api/v1"
ADMIN = os.environ["CHAT_ADMIN_TOKEN"]
# Nobody is there: what is sent there fails, and nothing leaves this machine.
HOOK = "https://hook.example/"
DEVICE = "https://push.example/"
# A point of the curve, which cannot be made up from the length of one.
P256DH = "BLn9b-VR0ca83knDNZ32dCHGyjJp-1riX9ZTN40MqV8K_LpQmLqxC_DoHvqvFXO_nGdAB4W9dogZb_sM-uV4JbY"
AUTH = "_ordMnz7uTCmrpBTeUV4Bw"
PASSWORD = "correct horse battery"
# Operations after which a token is no longer good get an account of their own each time.
ENDS_SESSIONS = re.compile(r"logout|password|/users/me$")
# What a command may be called.
KEY = re.compile(r"[A-Za-z0-9._:@/+=~-]{1,64}")

turns = itertools.count()


def call(method, path, token=None, body=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = requests.request(method, API + path, json=body, headers=headers, timeout=30)
    assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
    return response.json() if response.content else None


def sign_up(nickname):
    """A new account: its tokens, and how it logs in."""
    email = f"{nickname}-{uuid.uuid4()}@example.com"
    credentials = {"email": email, "password": PASSWORD}
    return call("POST", "/auth/signup", body={**credentials, "nickname": nickname}), credentials


def group(owner, *others, **more):
    body = {"name": "group", "userIds": [other["userId"] for other in others], **more}
    return call("POST", "/chat/group-rooms", owner["accessToken"], body)["roomId"]


def say(room_id):
    body = {"clientMessageId": str(uuid.uuid4()), "content": "hello"}
    return call("POST", f"/chat/rooms/{room_id}/messages", alice["accessToken"], body)["messageId"]


def device():
    body = {"endpoint": f"{DEVICE}{uuid.uuid4()}", "keys": {"p256dh": P256DH, "auth": AUTH}}
    return call("POST", "/devices", alice["accessToken"], body)["deviceId"]


def webhook():
    return call("POST", "/webhooks", ADMIN, {"url": HOOK, "eventTypes": ["RoleChanged"]})["id"]


alice, alices_credentials = sign_up("alice")
bob, _ = sign_up("bob")
carol, _ = sign_up("carol")
room = group(alice, bob, carol)
message = say(room)


@schemathesis.auth(refresh_interval=None)
class Account:
    def get(self, case, context):
        if "/webhooks" in context.operation.path:
            return ADMIN
        # Whoever is asked about oneself only is somebody who stays.
        if ENDS_SESSIONS.search(context.operation.path) and context.operation.method.upper() != "GET":
            return sign_up("guest")[0]["accessToken"]
        return alice["accessToken"]

    def set(self, case, token, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


def is_id(value):
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def is_key(value):
    return isinstance(value, str) and KEY.fullmatch(value) is not None


def room_for(case):
    """A room in which the call can succeed, without an effect on other calls."""
    path, method = case.path, case.method.upper()
    if path.endswith("/members/me"):
        return group(bob, alice) if method == "DELETE" else group(bob, open=True)
    # Who was removed or became the owner, remains it.
    return group(alice, carol) if path.endswith("/members/{user_id}") else room


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts ids of what is there in the place of valid ids that were made up; what is broken on purpose stays broken."""
    if next(turns) % 4 == 0:
        return
    path = case.path_parameters or {}
    if is_id(path.get("room_id")):
        path["room_id"] = room_for(case)
        if is_id(path.get("message_id")):
            # What is deleted is gone, and one message takes so many reactions only.
            path["message_id"] = message if case.method.upper() == "PATCH" else say(room)
        if is_id(path.get("user_id")):
            path["user_id"] = carol["userId"]
    if is_id(path.get("webhook_id")):
        path["webhook_id"] = webhook()
    if is_id(path.get("device_id")):
        path["device_id"] = device()
    query = case.query if isinstance(case.query, dict) else {}
    if is_id(query.get("roomId")):
        query["roomId"] = room
    if is_id(query.get("before")):
        query["before"] = message
    # Nobody is further than the room itself.
    if case.path.endswith("/events") and str(query.get("after", "")).isdecimal() and int(query["after"]) < 2**63:
        query["after"] = min(int(query["after"]), 2)
    body = case.body if isinstance(case.body, dict) else {}
    # A key is used once, and is the same wherever it is named.
    key = str(uuid.uuid4())
    for named, place in ((case.headers or {}, "Idempotency-Key"), (body, "clientMessageId")):
        if is_key(named.get(place)):
            named[place] = key
    if is_id(body.get("targetUserId")):
        body["targetUserId"] = bob["userId"]
    if is_id(body.get("replyTo")):
        body["replyTo"] = message
    if isinstance(body.get("url"), str) and re.match("^https?://", body["url"]) and len(body["url"]) <= 2000:
        body["url"] = HOOK
    endpoint, keys = body.get("endpoint"), body.get("keys")
    if isinstance(endpoint, str) and re.match("^https?://", endpoint) and len(endpoint) <= 2000:
        body["endpoint"] = f"{DEVICE}{uuid.uuid4()}"
    for name, limits, value in (("p256dh", range(87, 89), P256DH), ("auth", range(22, 25), AUTH)):
        if isinstance(keys, dict) and isinstance(keys.get(name), str) and len(keys[name]) in limits:
            keys[name] = value
    users = body.get("userIds")
    if isinstance(users, list) and users and all(map(is_id, users)):
        body["userIds"] = [carol["userId"]]
    if case.path.endswith("/login") and body.keys() == alices_credentials.keys():
        if all(isinstance(value, str) for value in body.values()):
            body.update(alices_credentials)
    if isinstance(body.get("refreshToken"), str) and 0 < len(body["refreshToken"]) <= 128:
        body["refreshToken"] = sign_up("guest")[0]["refreshToken"]
    if isinstance(body.get("currentPassword"), str) and 8 <= len(body["currentPassword"]) <= 128:
        body["currentPassword"] = PASSWORD
