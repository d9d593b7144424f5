use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use chat_service::Context;
use chat_service::admin::AdminServer;

/// Status line and body of a GET request.
pub fn get(addr: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

async fn get_async(addr: SocketAddr, path: &'static str) -> (String, String) {
    tokio::task::spawn_blocking(move || get(addr, path)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_admin_port_answers_from_a_plain_tokio_runtime() {
    let context = Context::for_test("persister");
    let latch = context.readiness.latch("kafka");
    let counter =
        prometheus::register_int_counter_with_registry!("chat_persister_rows_total", "Rows.", context.metrics);
    counter.unwrap().inc_by(3);
    let listen = "127.0.0.1:0".parse().unwrap();
    let admin = AdminServer::start(listen, "persister", context.readiness.clone(), context.metrics.clone()).unwrap();
    let addr = admin.addr();
    assert_ne!(addr.port(), 0);

    assert_eq!(get_async(addr, "/live").await.0, "HTTP/1.1 200 OK");
    let (status, body) = get_async(addr, "/ready").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(body, r#"{"missing":["kafka"],"ready":false,"service":"persister"}"#);
    assert!(get_async(addr, "/metrics").await.1.contains("\nchat_service_ready 0"));
    drop(latch);
    assert_eq!(get_async(addr, "/ready").await.0, "HTTP/1.1 200 OK");

    let (status, metrics) = get_async(addr, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in [
        "chat_persister_rows_total 3",
        "process_resident_memory_bytes ",
        "chat_service_info{service=\"persister\"",
        "\nchat_service_ready 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }

    context.lifecycle.trigger();
    let (status, body) = get_async(addr, "/ready").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.contains("draining"), "{body}");
    admin.stop().await;
    assert!(TcpStream::connect(addr).is_err());
}

#[tokio::test]
async fn a_taken_admin_port_is_an_error_at_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let context = Context::for_test("persister");
    let listen = taken.local_addr().unwrap();
    assert!(AdminServer::start(listen, "persister", context.readiness, context.metrics).is_err());
}
