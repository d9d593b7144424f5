//! A push service with the browsers behind it: reads what is pushed with their keys, checks who sent it, and answers as it is told to.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_protocol::UserId;
use chat_service::Secret;
use chat_store::{NewDevice, Store};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;
use web_push_native::{
    Auth,
    p256::{SecretKey, elliptic_curve::rand_core::OsRng},
};

use crate::stage::WITHIN;

/// The server's key in tests, private half.
pub const VAPID_KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA";
const CONTACT: &str = "mailto:operator@example.com";
const AUTH: [u8; 16] = [7; 16];

/// Settings of a notifier that pushes to services of tests.
pub fn settings() -> Vec<(&'static str, String)> {
    vec![
        ("CHAT__PUSH__VAPID_PRIVATE_KEY", VAPID_KEY.to_owned()),
        ("CHAT__PUSH__CONTACT", CONTACT.to_owned()),
        ("CHAT__PUSH__POLL_MS", "200".to_owned()),
        ("CHAT__OUTBOUND__ALLOW_PRIVATE", "true".to_owned()),
        ("CHAT__OUTBOUND__ALLOW_HTTP", "true".to_owned()),
    ]
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    Status(u16),
    /// With so many seconds of `Retry-After`.
    Later(u16, u64),
    /// None, for a long time.
    Stall,
}

/// What a browser got.
#[derive(Debug)]
pub struct Pushed {
    pub browser: String,
    pub payload: Value,
    pub headers: HashMap<String, String>,
}

impl Pushed {
    /// The browser, type and seq.
    pub fn short(&self) -> (&str, &str, i64) {
        (&self.browser, self.payload["type"].as_str().unwrap(), self.payload["seq"].as_i64().unwrap())
    }
}

#[derive(Default)]
struct Browser {
    secret: Option<SecretKey>,
    answers: VecDeque<Answer>,
}

type Browsers = Arc<Mutex<HashMap<String, Browser>>>;

pub struct PushService {
    pub origin: String,
    browsers: Browsers,
    pushed: mpsc::Receiver<Pushed>,
}

struct Shared {
    origin: Mutex<String>,
    browsers: Browsers,
    pushed: mpsc::Sender<Pushed>,
}

impl PushService {
    pub fn start() -> Self {
        let (sender, pushed) = mpsc::channel(1_000);
        let browsers = Browsers::default();
        let shared = web::Data::new(Shared { origin: Mutex::default(), browsers: browsers.clone(), pushed: sender });
        let data = shared.clone();
        let app = move || App::new().app_data(data.clone()).route("/push/{browser}", web::post().to(push));
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", server.addrs()[0]);
        shared.origin.lock().unwrap().clone_from(&origin);
        tokio::spawn(server.run());
        Self { origin, browsers, pushed }
    }

    /// Registers a browser of a user; answers come in this order, then 201.
    pub async fn browser(&self, store: &Store, user_id: UserId, name: &str, answers: &[Answer]) -> Uuid {
        let secret = SecretKey::random(&mut OsRng);
        let p256dh = secret.public_key().to_sec1_bytes();
        let browser = Browser { secret: Some(secret), answers: answers.iter().copied().collect() };
        self.browsers.lock().unwrap().insert(name.to_owned(), browser);
        let endpoint = format!("{}/push/{name}", self.origin);
        let id = Uuid::now_v7();
        let (endpoint, origin) = (&*endpoint, &*self.origin);
        let device = NewDevice { id, user_id, login: None, endpoint, origin, p256dh: &p256dh, auth: &AUTH };
        store.register_device(&device, 10).await.unwrap().unwrap().0.id
    }

    /// What arrives next, whatever was answered.
    pub async fn next(&mut self) -> Pushed {
        timeout(WITHIN, self.pushed.recv()).await.expect("a push in time").unwrap()
    }

    /// Nothing more has arrived.
    pub fn is_quiet(&mut self) -> bool {
        self.pushed.try_recv().is_err()
    }
}

async fn push(
    request: HttpRequest,
    name: web::Path<String>,
    body: web::Bytes,
    shared: web::Data<Shared>,
) -> HttpResponse {
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers: HashMap<String, String> =
        request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    check_sender(&headers["authorization"], &shared.origin.lock().unwrap());
    let (secret, answer) = {
        let mut browsers = shared.browsers.lock().unwrap();
        let browser = browsers.get_mut(&*name).unwrap();
        (browser.secret.clone().unwrap(), browser.answers.pop_front())
    };
    let payload = web_push_native::decrypt(body.to_vec(), &secret, &Auth::from(AUTH)).unwrap();
    let payload = serde_json::from_slice(&payload).unwrap();
    shared.pushed.send(Pushed { browser: name.into_inner(), payload, headers }).await.unwrap();
    let status = |status: u16| HttpResponse::build(status.try_into().unwrap());
    match answer.unwrap_or(Answer::Status(201)) {
        Answer::Status(code) => status(code).finish(),
        Answer::Later(code, seconds) => status(code).insert_header(("Retry-After", seconds)).finish(),
        Answer::Stall => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            status(201).finish()
        }
    }
}

/// As RFC 8292 says a push service does.
fn check_sender(authorization: &str, origin: &str) {
    let (token, key) = authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let own = chat_web_push::VapidKey::parse(&Secret::new(VAPID_KEY)).unwrap();
    assert_eq!(key, own.public());
    let point = URL_SAFE_NO_PAD.decode(key).unwrap();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let mut expected = Validation::new(Algorithm::ES256);
    expected.set_audience(&[origin]);
    expected.set_required_spec_claims(&["exp", "aud", "sub"]);
    let decoding = DecodingKey::from_ec_components(&x, &y).unwrap();
    let claims = jsonwebtoken::decode::<Value>(token, &decoding, &expected).unwrap().claims;
    assert_eq!(claims["sub"], CONTACT);
}
