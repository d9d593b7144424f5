//! A WebSocket client that sends any bytes: what a careful library would not.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::raw_http::upgrade_request;

/// A TCP connection after a WebSocket upgrade.
#[derive(Debug)]
pub struct RawSocket {
    /// The connection.
    pub stream: TcpStream,
    /// The head of the answer to the upgrade.
    pub head: String,
    read: Vec<u8>,
}

impl RawSocket {
    /// Upgrades to `protocol` at the main address.
    pub async fn open(addr: SocketAddr, protocol: &str) -> Self {
        Self::open_at(addr, "/ws/v1/chat", &[("Sec-WebSocket-Protocol", protocol)]).await
    }

    /// Upgrades at `path`, with headers beside those of the handshake.
    pub async fn open_at(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        Self::upgrade(TcpStream::connect(addr).await.expect("a connection"), addr, path, headers).await
    }

    /// Like [`Self::open`] with a receive buffer of that many bytes: who does not read is noticed the sooner.
    pub async fn open_with_buffer(addr: SocketAddr, protocol: &str, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a receive buffer");
        let stream = socket.connect(addr).await.expect("a connection");
        Self::upgrade(stream, addr, "/ws/v1/chat", &[("Sec-WebSocket-Protocol", protocol)]).await
    }

    async fn upgrade(mut stream: TcpStream, addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        stream.set_nodelay(true).expect("an open connection");
        stream.write_all(upgrade_request(addr, path, headers).as_bytes()).await.expect("written");
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(
                stream.read_buf(&mut read).await.expect("an answer") > 0,
                "closed: {}",
                String::from_utf8_lossy(&read)
            );
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        read.drain(..end);
        Self { stream, head, read }
    }

    /// The bytes of a frame, masked: first byte (FIN, RSV, opcode), then the payload.
    pub fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = header(first_byte, payload.len() as u64);
        let mask = frame.len() - 4;
        frame[mask..].copy_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// Sends bytes as they are, in writes of `piece` bytes.
    pub async fn write(&mut self, bytes: &[u8], piece: usize) -> std::io::Result<()> {
        for piece in bytes.chunks(piece) {
            self.stream.write_all(piece).await?;
        }
        Ok(())
    }

    /// Sends a frame of any kind, masked with zeros: first byte (FIN and opcode), then whatever.
    pub async fn send(&mut self, first_byte: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = header(first_byte, payload.len() as u64);
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame).await
    }

    /// Sends only the header of a frame, declaring a length.
    pub async fn declare(&mut self, first_byte: u8, length: u64) -> std::io::Result<()> {
        self.stream.write_all(&header(first_byte, length)).await
    }

    /// The next frame: opcode and payload; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, start, end)) = bounds(&self.read) {
                let payload = self.read[start..end].to_vec();
                self.read.drain(..end);
                return Some((opcode, payload));
            }
            if !matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                return None;
            }
        }
    }

    /// The close code, whatever comes before it; `None` when the connection ends without one.
    pub async fn close_code(&mut self) -> Option<u16> {
        self.close().await.map(|(code, _)| code)
    }

    /// Close code and reason, whatever comes before them.
    pub async fn close(&mut self) -> Option<(u16, String)> {
        while let Some((opcode, payload)) = self.next().await {
            if opcode == 8 {
                let (code, reason) = payload.split_first_chunk()?;
                return Some((u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()));
            }
        }
        None
    }
}

fn header(first_byte: u8, length: u64) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut header = vec![first_byte];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => header.push(MASKED | short),
        (_, Ok(medium)) => {
            header.push(MASKED | 0x7e);
            header.extend(medium.to_be_bytes());
        }
        _ => {
            header.push(MASKED | 0x7f);
            header.extend(length.to_be_bytes());
        }
    }
    header.extend([0; 4]);
    header
}

/// Opcode, start and end of the first frame, when it is complete. Frames of a server are not masked.
fn bounds(read: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*read.first()?, *read.get(1)?);
    let (start, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(read.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(read.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    (read.len() >= start + length).then_some((first & 0x0f, start, start + length))
}
