//! What an identity provider is to the gateways: an address with keys.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode, web};
use chat_testkit::{SigningKey, key_set};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What its tokens are for.
const AUDIENCE: &str = "chat-of-the-tests";

/// Serves keys until it is dropped.
pub struct IdentityProvider {
    addr: SocketAddr,
    served: Arc<Served>,
    server: ServerHandle,
}

struct Served {
    answer: Mutex<(u16, String)>,
    count: AtomicU32,
}

impl IdentityProvider {
    /// Listens on a free port of the loopback, and serves `keys`.
    pub fn start(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let served = Arc::new(Served { answer: Mutex::new((200, key_set(keys))), count: AtomicU32::new(0) });
        let shared = web::Data::from(Arc::clone(&served));
        let app = move || App::new().app_data(shared.clone()).route("/keys", web::get().to(answer));
        let (send, receive) = std::sync::mpsc::channel();
        // A thread of its own: the server outlives no runtime of a test that way.
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server =
                    HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("a listener").run();
                send.send(server.handle()).ok();
                server.await.ok();
            });
        });
        Self { addr, served, server: receive.recv().expect("a server") }
    }

    /// Settings of a gateway that takes its tokens.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("CHAT__AUTH__JWKS_URL", format!("{}/keys", self.url())),
            ("CHAT__AUTH__JWKS_ISSUER", self.url()),
            ("CHAT__AUTH__JWKS_AUDIENCE", AUDIENCE.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
    }

    /// Serves other keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.answer_with(200, key_set(keys));
    }

    /// Answers with this from now on.
    pub fn answer_with(&self, status: u16, body: String) {
        *self.served.answer.lock().unwrap_or_else(PoisonError::into_inner) = (status, body);
    }

    /// How often it was asked.
    pub fn asked(&self) -> u32 {
        self.served.count.load(Ordering::Relaxed)
    }

    /// Claims of a token for somebody, good for ten minutes.
    pub fn claims(&self, subject: &str) -> Value {
        let now = Timestamp::now().as_second();
        json!({
            "sub": subject, "iss": self.url(), "aud": [AUDIENCE, "account"], "iat": now, "exp": now + 600, "typ": "Bearer",
            "preferred_username": subject,
        })
    }

    /// Its name: the issuer.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        // Sent at once; nobody waits for the end.
        drop(self.server.stop(false));
    }
}

async fn answer(served: web::Data<Served>) -> HttpResponse {
    served.count.fetch_add(1, Ordering::Relaxed);
    let (status, body) = served.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if status.is_redirection() {
        response.insert_header(("Location", body.clone()));
    }
    response.body(body)
}
