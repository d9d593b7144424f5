//! What CONNECT settles: the version and the heart-beats (1.2, "Protocol Negotiation" and "Heart-beating").

use crate::session_error::Rule;
use crate::{Frame, ServerSettings, Version, header};

/// What client and server agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// The highest version both speak.
    pub version: Version,
    /// The heart-beats in both directions.
    pub heart_beat: HeartBeat,
}

impl Negotiated {
    /// What holds before CONNECT.
    pub(crate) const NOTHING: Self =
        Self { version: Version::V1_0, heart_beat: HeartBeat { server_to_client_ms: 0, client_to_server_ms: 0 } };
}

/// The agreed intervals; 0: no heart-beats in that direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartBeat {
    /// The server sends something at least this often.
    pub server_to_client_ms: u32,
    /// The client sends something at least this often; allow for delay before calling it dead.
    pub client_to_server_ms: u32,
}

pub(crate) fn negotiate(connect: &Frame, settings: &ServerSettings) -> Result<Negotiated, Rule> {
    let version = version(connect.header(header::ACCEPT_VERSION))?;
    // 1.0 has no heart-beats: its clients' header of that name means nothing.
    let offer = connect.header(header::HEART_BEAT).filter(|_| version > Version::V1_0);
    let (client_sends, client_wants) = offer.map_or(Ok((0, 0)), intervals)?;
    let heart_beat = HeartBeat {
        server_to_client_ms: agreed(settings.send_every_ms, client_wants),
        client_to_server_ms: agreed(client_sends, settings.expect_every_ms),
    };
    Ok(Negotiated { version, heart_beat })
}

/// The highest common version; a client that names none speaks 1.0.
fn version(accept: Option<&str>) -> Result<Version, Rule> {
    let Some(accept) = accept else { return Ok(Version::V1_0) };
    let offered = accept.split(',').map(str::trim);
    offered
        .filter_map(|name| Version::ALL.into_iter().find(|version| version.as_str() == name))
        .max()
        .ok_or(Rule::NoCommonVersion)
}

/// `<can send every>,<wants every>` in ms.
fn intervals(value: &str) -> Result<(u32, u32), Rule> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    value.split_once(',').and_then(|(sends, wants)| number(sends).zip(number(wants))).ok_or(Rule::BadHeartBeat)
}

/// The slower of the two, if both want it.
fn agreed(sender_can: u32, receiver_wants: u32) -> u32 {
    if sender_can == 0 || receiver_wants == 0 { 0 } else { sender_can.max(receiver_wants) }
}
