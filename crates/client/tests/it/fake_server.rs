//! A server that says what a test tells it to.
#![expect(clippy::unwrap_used, reason = "tests")]

use chat_protocol::{ClientMessageId, Entry, EntryType, MessageId, RoomId, UserId, frame::SUBPROTOCOL};
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::CloseFrame,
    },
};

pub struct FakeServer(TcpListener);

pub struct Peer(WebSocketStream<TcpStream>);

impl FakeServer {
    pub async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn url(&self) -> String {
        format!("ws://{}/ws/v1/chat", self.0.local_addr().unwrap())
    }

    pub async fn accept(&self) -> Peer {
        #[expect(clippy::result_large_err, clippy::unnecessary_wraps, reason = "the signature the library asks for")]
        fn choose(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
            assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], SUBPROTOCOL);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
            Ok(response)
        }
        let (stream, _) = self.0.accept().await.unwrap();
        Peer(accept_hdr_async(stream, choose).await.unwrap())
    }
}

impl Peer {
    pub async fn command(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    pub async fn send(&mut self, frame: Value) {
        self.0.send(Message::Text(frame.to_string().into())).await.unwrap();
    }

    pub async fn welcome(&mut self, connect: &Value, room: RoomId, seq: i64) {
        let rooms = json!([{"roomId": room, "seq": seq, "head": seq}]);
        self.send(json!({"id": connect["id"], "reply": "connect", "sessionId": room, "userId": room,
            "expiresAt": "2026-01-01T00:00:00Z", "pingIntervalMs": 15000, "rooms": rooms}))
            .await;
    }

    pub async fn close(mut self, code: u16, reason: &'static str) {
        self.0.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await.unwrap();
        while self.0.next().await.is_some_and(|message| message.is_ok()) {}
    }
}

pub fn entry(room_id: RoomId, seq: i64) -> Entry {
    Entry {
        message_id: MessageId::generate(),
        room_id,
        seq,
        number: seq,
        sender_id: UserId::generate(),
        sender_nickname: "n".into(),
        client_message_id: ClientMessageId::generate(),
        entry_type: EntryType::Text,
        content: "c".into(),
        members: vec![],
        sent_at: Timestamp::UNIX_EPOCH,
        reply_to: None,
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
    }
}

/// Gives one answer per connection; returns the requests.
pub async fn http_server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            requests.push(String::from_utf8_lossy(&request[..read]).to_lowercase().replace("http/1.1", "HTTP/1.1"));
            let answer = format!("HTTP/1.1 {}", answer.replacen("\r\n", "\r\nconnection: close\r\n", 1));
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (base, server)
}
