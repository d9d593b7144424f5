//! STOMP by raw frames over a WebSocket.

use std::{collections::VecDeque, net::SocketAddr};

use bytes::Bytes;
use chat_stomp::{Command, Decoder, Frame, Item, Limits, Version, encode_text, header};

use crate::{PATIENCE, Person, RawSocket, deadline};

const TEXT: u8 = 0x81;

/// A connection on `v12.stomp`.
#[derive(Debug)]
pub struct StompClient {
    socket: RawSocket,
    decoder: Decoder,
    frames: VecDeque<Frame>,
    receipts: u32,
}

impl StompClient {
    /// Opens the WebSocket and sends nothing.
    pub async fn open(addr: SocketAddr) -> Self {
        let decoder = Decoder::new(Limits { frame: 1 << 20, ..Limits::default() }, Version::V1_2);
        Self { socket: RawSocket::open(addr, "v12.stomp").await, decoder, frames: VecDeque::new(), receipts: 0 }
    }

    /// Sends bytes as they are, in one WebSocket message; the first byte tells which kind.
    pub async fn put_bytes(&mut self, first_byte: u8, bytes: &[u8]) {
        // It may be closed before all of them are written.
        self.socket.send(first_byte, bytes).await.ok();
    }

    /// Opens and connects with a token.
    pub async fn connect(addr: SocketAddr, person: &Person) -> Self {
        let mut client = Self::open(addr).await;
        client.send_connect(&person.token).await;
        let connected = client.next().await;
        assert_eq!(connected.command, Command::Connected, "{connected:?}");
        assert_eq!(connected.header(header::VERSION), Some("1.2"));
        client
    }

    /// CONNECT.
    pub async fn send_connect(&mut self, token: &str) {
        let frame = Frame::new(Command::Connect)
            .with(header::ACCEPT_VERSION, "1.2")
            .with(header::HOST, "localhost")
            .with("Authorization", format!("Bearer {token}"));
        self.put(&frame).await;
    }

    /// Sends a frame.
    pub async fn put(&mut self, frame: &Frame) {
        let text = encode_text(frame, Version::V1_2).expect("UTF-8");
        self.socket.send(TEXT, text.as_bytes()).await.expect("sent");
    }

    /// Sends a frame with a receipt header and waits for the RECEIPT; MESSAGE frames before it stay for [`Self::next`].
    pub async fn put_with_receipt(&mut self, frame: Frame) {
        self.receipts += 1;
        let id = format!("r{}", self.receipts);
        self.put(&frame.with(header::RECEIPT, id.clone())).await;
        let mut before = VecDeque::new();
        let receipt = loop {
            let frame = self.next().await;
            if frame.command != Command::Message {
                break frame;
            }
            before.push_back(frame);
        };
        assert_eq!(
            (receipt.command, receipt.header(header::RECEIPT_ID)),
            (Command::Receipt, Some(&*id)),
            "{receipt:?}"
        );
        before.append(&mut self.frames);
        self.frames = before;
    }

    /// SUBSCRIBE, active when this returns.
    pub async fn subscribe(&mut self, id: &str, destination: &str, after: Option<i64>) {
        let mut frame = Frame::new(Command::Subscribe)
            .with(header::ID, id.to_owned())
            .with(header::DESTINATION, destination.to_owned());
        if let Some(seq) = after {
            frame = frame.with("after", seq.to_string());
        }
        self.put_with_receipt(frame).await;
    }

    /// A SEND frame with a JSON body.
    pub fn message(destination: &str, body: &serde_json::Value) -> Frame {
        Frame::new(Command::Send)
            .with(header::DESTINATION, destination.to_owned())
            .with(header::CONTENT_TYPE, "application/json")
            .with_body(Bytes::from(body.to_string()))
    }

    /// The next frame.
    pub async fn next(&mut self) -> Frame {
        let next = deadline("a STOMP frame", PATIENCE, self.next_or_end()).await;
        next.unwrap_or_else(|code| panic!("closed with {code:?} instead of a frame"))
    }

    /// The next MESSAGE of a subscription, and its JSON body; frames of others are dropped.
    pub async fn next_of(&mut self, subscription: &str) -> (Frame, serde_json::Value) {
        loop {
            let frame = self.next().await;
            assert_eq!(frame.command, Command::Message, "{frame:?}");
            if frame.header(header::SUBSCRIPTION) == Some(subscription) {
                let body = serde_json::from_slice(&frame.body).expect("a JSON body");
                return (frame, body);
            }
        }
    }

    /// The close code, with the frames before it dropped.
    pub async fn close_code(&mut self) -> Option<u16> {
        deadline("the end", PATIENCE, async {
            loop {
                if let Err(code) = self.next_or_end().await {
                    return code;
                }
            }
        })
        .await
    }

    /// The next frame, or the close code.
    pub async fn next_or_end(&mut self) -> Result<Frame, Option<u16>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(frame);
            }
            let mut input = match self.socket.next().await {
                Some((1, payload)) => Bytes::from(payload),
                Some((8, payload)) => return Err(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))),
                Some(_) => continue,
                None => return Err(None),
            };
            while let Some(item) = self.decoder.decode(&mut input).expect("a STOMP frame of the server") {
                if let Item::Frame(frame) = item {
                    self.frames.push_back(frame);
                }
            }
        }
    }
}
