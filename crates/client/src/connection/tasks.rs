//! The two tasks of a connection: one writes, one reads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chat_protocol::frame::ReplyResult;
use futures_util::{SinkExt, StreamExt, stream};
use serde::Deserialize;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::{Closed, Incoming};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
/// Commands whose reply somebody waits for.
pub(super) type Pending = Arc<Mutex<HashMap<u64, oneshot::Sender<ReplyResult>>>>;

pub(super) fn lock(pending: &Pending) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<ReplyResult>>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what is queued, until the queue or the connection ends.
pub(super) async fn write(mut sink: stream::SplitSink<Socket, Message>, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        // What is queued already goes out with one flush.
        let mut next = Some(message);
        while let Some(message) = next {
            if sink.feed(message).await.is_err() {
                return; // the reader learns why
            }
            next = queue.try_recv().ok();
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

/// Reads until the connection ends: replies go to whoever waits for them, everything else into the queue.
pub(super) async fn read(
    mut source: stream::SplitStream<Socket>,
    queue: mpsc::Sender<Incoming>,
    pending: Pending,
    closed: watch::Sender<Option<Closed>>,
) {
    let mut end = Closed { code: None, reason: "ended by the server without a close frame".to_owned() };
    while let Some(message) = source.next().await {
        match message {
            Ok(Message::Text(text)) => {
                let incoming = parse(&text);
                if let Incoming::Reply(reply) = &incoming
                    && let Some(waiting) = lock(&pending).remove(&reply.id)
                {
                    // The caller may have given up; then nobody needs the reply.
                    drop(waiting.send(reply.result.clone()));
                    continue;
                }
                // Fails only after Connection::close: then reading goes on, to find the server's close frame.
                drop(queue.send(incoming).await);
            }
            Ok(Message::Close(frame)) => {
                end = match frame {
                    Some(frame) => Closed { code: Some(frame.code.into()), reason: frame.reason.as_str().to_owned() },
                    None => Closed { code: Some(1005), reason: "closed without a code".to_owned() },
                };
            }
            Ok(_) => {}
            Err(error) => {
                if end.code.is_none() {
                    end.reason = error.to_string();
                }
                break;
            }
        }
    }
    closed.send_replace(Some(end));
    lock(&pending).clear();
}

/// What a frame is, without parsing all of it twice into a tree.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(default, borrow)]
    push: Option<std::borrow::Cow<'a, str>>,
}

fn parse(text: &str) -> Incoming {
    let parsed = match serde_json::from_str::<Kind<'_>>(text) {
        Ok(Kind { push: Some(_) }) => serde_json::from_str(text).map(|push| Incoming::Push(Box::new(push))),
        Ok(Kind { push: None }) => serde_json::from_str(text).map(Incoming::Reply),
        Err(error) => Err(error),
    };
    parsed.unwrap_or_else(|_| Incoming::Other(text.to_owned()))
}
