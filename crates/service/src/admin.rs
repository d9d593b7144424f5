//! The admin port of every service.
//!
//! - `GET /live`: 200 while the process can answer; depends on nothing outside it.
//! - `GET /ready`: 200 or 503, and what is missing.
//! - `GET /metrics`: Prometheus text.

use std::io;
use std::net::SocketAddr;

use actix_web::dev::ServerHandle;
use actix_web::http::header::ContentType;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use prometheus::{Registry, TextEncoder};
use serde_json::json;

use crate::readiness::Readiness;

/// A listening admin port. It answers until it is stopped, also while the service drains.
#[derive(Debug)]
pub struct AdminServer {
    addr: SocketAddr,
    handle: ServerHandle,
}

struct State {
    service: &'static str,
    readiness: Readiness,
    metrics: Registry,
}

impl AdminServer {
    /// Binds the port and starts to answer, within the Tokio runtime this is called in.
    pub fn start(
        listen: SocketAddr,
        service: &'static str,
        readiness: Readiness,
        metrics: Registry,
    ) -> io::Result<Self> {
        let state = Data::new(State { service, readiness, metrics });
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .route("/live", web::get().to(live))
                .route("/ready", web::get().to(ready))
                .route("/metrics", web::get().to(metrics_text))
        })
        .workers(1)
        .disable_signals()
        .bind(listen)?;
        let addr = server.addrs().first().copied().unwrap_or(listen);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { addr, handle })
    }

    /// The bound address, with the port that was taken for port 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops answering.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("live\n")
}

async fn ready(state: Data<State>) -> HttpResponse {
    let missing = state.readiness.missing();
    let mut response = if missing.is_empty() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(json!({ "service": state.service, "ready": missing.is_empty(), "missing": missing }))
}

async fn metrics_text(state: Data<State>) -> HttpResponse {
    match TextEncoder::new().encode_to_string(&state.metrics.gather()) {
        Ok(text) => HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            HttpResponse::InternalServerError().finish()
        }
    }
}
