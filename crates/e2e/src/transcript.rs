//! A WebSocket session written down, with everything that differs from run to run replaced: documentation that is a recording.

use std::{collections::HashMap, fmt::Write as _, net::SocketAddr};

use regex::{Captures, Regex};

use crate::{PATIENCE, RawSocket, deadline};

const TEXT: u8 = 0x81;

/// A session that writes down what is said and heard.
#[derive(Debug)]
pub struct Transcript {
    socket: RawSocket,
    lines: Vec<(char, String)>,
    /// Heard, but not yet asked for: what comes at the same time is written down in the order asked for.
    early: Vec<String>,
}

impl Transcript {
    /// Opens the WebSocket.
    pub async fn open(addr: SocketAddr, protocol: &str) -> Self {
        Self::of(RawSocket::open(addr, protocol).await)
    }

    /// Opens the WebSocket of another address, without a sub-protocol.
    pub async fn open_at(addr: SocketAddr, path: &str) -> Self {
        Self::of(RawSocket::open_at(addr, path, &[]).await)
    }

    fn of(socket: RawSocket) -> Self {
        Self { socket, lines: Vec::new(), early: Vec::new() }
    }

    /// Sends a text message.
    pub async fn say(&mut self, text: &str) {
        self.socket.send(TEXT, text.as_bytes()).await.expect("sent");
        self.lines.push(('→', text.to_owned()));
    }

    /// Waits for a text message that holds all of `words`, and returns it.
    pub async fn hear(&mut self, words: &[&str]) -> String {
        let wanted = |text: &String| words.iter().all(|word| text.contains(word));
        let text = match self.early.iter().position(wanted) {
            Some(place) => self.early.remove(place),
            None => {
                deadline(&format!("{words:?}; heard {:?}", self.early), PATIENCE, async {
                    loop {
                        let text = self.next().await;
                        if wanted(&text) {
                            break text;
                        }
                        self.early.push(text);
                    }
                })
                .await
            }
        };
        self.lines.push(('←', text.clone()));
        text
    }

    /// Waits for the close frame, and writes its code down.
    pub async fn hear_close(&mut self) {
        let code = deadline("a close", PATIENCE, self.socket.close_code()).await;
        self.lines
            .push(('←', format!("close {}", code.map_or_else(|| "without code".to_owned(), |code| code.to_string()))));
    }

    async fn next(&mut self) -> String {
        loop {
            match self.socket.next().await {
                Some((1, payload)) => return String::from_utf8(payload).expect("text is UTF-8"),
                Some((8, payload)) => panic!("closed: {payload:?}"),
                Some(_) => {}
                None => panic!("the connection ended"),
            }
        }
    }

    /// What was said and heard, one message after the other; `→` is the client.
    pub fn written(&self) -> String {
        let mut same = Same::default();
        let mut written = String::new();
        for (who, text) in &self.lines {
            let text = same.of(text).replace('\0', "^@");
            // Later lines of a message are indented, so that one sees where it ends.
            let text = text.trim_end().replace('\n', "\n  ").replace("\n  \n", "\n\n");
            writeln!(written, "{who} {text}").expect("a string takes everything");
        }
        written
    }
}

/// The same words in every run.
struct Same {
    ids: HashMap<String, String>,
    id: Regex,
    time: Regex,
    token: Regex,
    length: Regex,
    /// Numbers of what a user's own queues tell: two that come at the same time may be numbered either way.
    queued: Regex,
    queued_so_far: u32,
}

impl Default for Same {
    fn default() -> Self {
        let regex = |pattern| Regex::new(pattern).expect("a pattern");
        Self {
            ids: HashMap::new(),
            id: regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
            time: regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
            token: regex(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
            length: regex(r"content-length:\d+"),
            queued: regex(r"message-id:q-\d+"),
            queued_so_far: 0,
        }
    }
}

impl Same {
    fn of(&mut self, text: &str) -> String {
        let ids = &mut self.ids;
        let named = self.id.replace_all(text, |id: &Captures<'_>| {
            let next = ids.len() + 1;
            ids.entry(id[0].to_owned()).or_insert_with(|| format!("00000000-0000-4000-8000-{next:012}")).clone()
        });
        let timed = self.time.replace_all(&named, "2026-01-01T09:00:00.000001Z");
        let secret = self.token.replace_all(&timed, "eyJ0eXAi…");
        let so_far = &mut self.queued_so_far;
        let numbered = self.queued.replace(&secret, |_: &Captures<'_>| {
            *so_far += 1;
            format!("message-id:q-{so_far}")
        });
        // The length is that of the body as it is written here.
        match numbered.split_once("\n\n") {
            Some((head, body)) => {
                let octets = body.trim_end_matches('\n').trim_end_matches('\0').len();
                format!("{}\n\n{body}", self.length.replace(head, format!("content-length:{octets}")))
            }
            None => numbered.into_owned(),
        }
    }
}
