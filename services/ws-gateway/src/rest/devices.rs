//! `/devices`: browsers that take Web Push.

use actix_web::{HttpResponse, delete, get, post, web};
use chat_protocol::{ErrorCode, Rejection};
use chat_store::{Device, NewDevice};
use chat_web_push::Subscription;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Problem, ProblemBody};
use crate::{app::Gateway, auth::Identity};

/// Devices of one user; one more, and the one that registered longest ago goes.
const DEVICES_MAX: u32 = 10;
/// Longest endpoint, in bytes.
const ENDPOINT_BYTES: usize = 2_000;

/// A subscription as browsers give it: `JSON.stringify(await registration.pushManager.subscribe(…))`.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({
    "endpoint": "https://push.example.com/wpush/v2/gAAAAABf", "expirationTime": null,
    "keys": {
        "p256dh": "BLn9b-VR0ca83knDNZ32dCHGyjJp-1riX9ZTN40MqV8K_LpQmLqxC_DoHvqvFXO_nGdAB4W9dogZb_sM-uV4JbY",
        "auth": "_ordMnz7uTCmrpBTeUV4Bw"
    }
}))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PushSubscription {
    /// Where the push service takes pushes: https, at a public address. Whoever knows it can address the browser, so it is shown to nobody.
    #[schema(pattern = "^https?://", max_length = 2000)]
    endpoint: String,
    keys: SubscriptionKeys,
    /// Not used: the push service says when a subscription has ended.
    #[serde(default)]
    #[expect(dead_code, reason = "browsers send it")]
    expiration_time: Option<f64>,
}

/// What a push is encrypted with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionKeys {
    /// The browser's public key: an uncompressed point of the curve P-256, 65 bytes in base64url.
    #[schema(min_length = 87, max_length = 88)]
    p256dh: String,
    /// The secret it shares with the server: 16 bytes in base64url.
    #[schema(min_length = 22, max_length = 24)]
    auth: String,
}

/// A registered device.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "deviceId": "01a1fdc9-11aa-7d02-9b3c-9f2c66e0b1d4", "service": "https://push.example.com", "createdAt": "2026-11-21T11:05:29.720097Z",
    "registeredAt": "2026-11-21T11:05:29.720097Z"
}))]
#[serde(rename_all = "camelCase")]
pub struct RegisteredDevice {
    #[schema(value_type = String, format = Uuid)]
    device_id: Uuid,
    /// Its push service.
    service: String,
    /// When it was registered first …
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// … and last.
    #[schema(value_type = String, format = DateTime)]
    registered_at: Timestamp,
}

impl From<Device> for RegisteredDevice {
    fn from(device: Device) -> Self {
        let Device { id, origin, created_at, registered_at } = device;
        Self { device_id: id, service: origin, created_at, registered_at }
    }
}

/// My devices.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "devices": [{
    "deviceId": "01a1fdc9-11aa-7d02-9b3c-9f2c66e0b1d4", "service": "https://push.example.com", "createdAt": "2026-11-21T11:05:29.720097Z",
    "registeredAt": "2026-11-21T11:05:29.720097Z"
}] }))]
pub struct Devices {
    /// The last registered first.
    devices: Vec<RegisteredDevice>,
}

/// What browsers subscribe with.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "publicKey": "BLn9b-VR0ca83knDNZ32dCHGyjJp-1riX9ZTN40MqV8K_LpQmLqxC_DoHvqvFXO_nGdAB4W9dogZb_sM-uV4JbY" }))]
#[serde(rename_all = "camelCase")]
pub struct PushKey {
    /// The server's public key (VAPID) in base64url, for `applicationServerKey`.
    public_key: String,
}

/// The key that browsers subscribe with.
#[utoipa::path(tag = "devices", operation_id = "getPushKey", security(("bearer" = [])), responses(
    (status = 200, body = PushKey),
    (status = 503, description = "unavailable: this server sends no pushes", body = ProblemBody),
))]
#[get("/key")]
pub async fn key(gateway: web::Data<Gateway>, _: Identity) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(PushKey { public_key: public_key(&gateway)?.to_owned() }))
}

/// My devices, without their endpoints.
#[utoipa::path(tag = "devices", operation_id = "listDevices", security(("bearer" = [])), responses((status = 200, body = Devices)))]
#[get("")]
pub async fn list(gateway: web::Data<Gateway>, identity: Identity) -> Result<HttpResponse, Problem> {
    let devices = gateway.store.list_devices(identity.user_id).await?;
    Ok(HttpResponse::Ok().json(Devices { devices: devices.into_iter().map(RegisteredDevice::from).collect() }))
}

/// Register this browser for pushes.
///
/// Safe to repeat: the same endpoint is the same device, now of the caller. A user has at most 10; the one registered longest ago makes room.
/// A device goes when its log-in ends, be it that the last refresh token of that has expired.
#[utoipa::path(tag = "devices", operation_id = "registerDevice", security(("bearer" = [])), responses(
    (status = 201, description = "Registered", body = RegisteredDevice),
    (status = 200, description = "Was registered, and has these keys now", body = RegisteredDevice),
    (status = 400, description = "bad_request: endpoint, keys.p256dh or keys.auth is not what a browser gives; the detail names it", body = ProblemBody),
    (status = 401, description = "unauthorized, token_expired: the log-in has ended", body = ProblemBody),
    (status = 503, description = "unavailable: this server sends no pushes, or the database is away", body = ProblemBody),
))]
#[post("")]
pub async fn register(
    gateway: web::Data<Gateway>,
    identity: Identity,
    body: web::Json<PushSubscription>,
) -> Result<HttpResponse, Problem> {
    public_key(&gateway)?;
    let PushSubscription { endpoint, keys, .. } = body.into_inner();
    let wrong = |why: String| Rejection::new(ErrorCode::BadRequest, why);
    let forbidden = |why| wrong(format!("endpoint {why}"));
    let target = gateway.outbound.guard().check_url(&endpoint).map_err(forbidden)?;
    let endpoint = target.uri().to_string();
    if endpoint.len() > ENDPOINT_BYTES {
        return Err(wrong(format!("endpoint must have at most {ENDPOINT_BYTES} bytes")).into());
    }
    let keys = Subscription::from_base64(&keys.p256dh, &keys.auth).map_err(|why| wrong(why.to_string()))?;
    // Last, because it asks others.
    gateway.outbound.check_name(&target).await.map_err(forbidden)?;
    let device = NewDevice {
        id: Uuid::now_v7(),
        user_id: identity.user_id,
        login: identity.login,
        endpoint: &endpoint,
        origin: &target.origin(),
        p256dh: &keys.p256dh(),
        auth: keys.auth(),
    };
    let ended = || Rejection::new(ErrorCode::Unauthorized, "the log-in has ended: log in again");
    let (device, new) = gateway.store.register_device(&device, DEVICES_MAX).await?.ok_or_else(ended)?;
    let mut answer = if new { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(answer.json(RegisteredDevice::from(device)))
}

/// Remove a device.
#[utoipa::path(tag = "devices", operation_id = "removeDevice", security(("bearer" = [])), responses(
    (status = 204, description = "Removed; pushes under way may still arrive"),
    (status = 404, description = "not_found: no such device, or not yours", body = ProblemBody),
))]
#[delete("/{device_id}")]
pub async fn remove(
    gateway: web::Data<Gateway>,
    identity: Identity,
    device_id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    if gateway.store.remove_device(identity.user_id, *device_id).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Rejection::new(ErrorCode::NotFound, "no such device, or it is not yours").into())
}

fn public_key(gateway: &Gateway) -> Result<&str, Rejection> {
    let public = gateway.config.push.vapid_public_key.as_str();
    let off =
        || Rejection::new(ErrorCode::Unavailable, "this server sends no pushes: push.vapid_public_key is not set");
    if public.is_empty() { Err(off()) } else { Ok(public) }
}
