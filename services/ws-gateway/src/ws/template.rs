//! A destination with, perhaps, a hole for a room's id.

use chat_protocol::RoomId;

/// The hole.
const ROOM_ID: &str = "{roomId}";

/// A destination that may stand for one per room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    before: String,
    /// What follows the hole; `None` when there is none.
    after: Option<String>,
}

/// A destination that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// What stands in the hole.
    pub room_id: Option<RoomId>,
}

impl Template {
    /// Reads a template; an error completes "…: must …".
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.split(ROOM_ID);
        let (before, after, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if text.is_empty() {
            return Err("must not be empty");
        }
        if more.is_some() {
            return Err("must hold {roomId} once");
        }
        if [before, after.unwrap_or_default()].iter().any(|part| part.contains(['{', '}', '*'])) {
            return Err("must hold no other hole than {roomId}, and no wildcard");
        }
        Ok(Self { before: before.to_owned(), after: after.map(str::to_owned) })
    }

    /// Whether there is a hole.
    pub fn has_room(&self) -> bool {
        self.after.is_some()
    }

    /// Whether `destination` is one of its destinations. The hole takes ids only, so `/room/{roomId}` does not fit `/room/<id>/read`.
    pub fn fit(&self, destination: &str) -> Option<Fit> {
        let Some(after) = &self.after else {
            return (destination == self.before).then_some(Fit { room_id: None });
        };
        let filling = destination.strip_prefix(&*self.before)?.strip_suffix(&**after)?;
        let room_id = filling.parse().ok()?;
        Some(Fit { room_id: Some(room_id) })
    }

    /// Whether some destination fits both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.fit(&other.sample()).is_some() || other.fit(&self.sample()).is_some()
    }

    /// One of its destinations.
    fn sample(&self) -> String {
        match &self.after {
            None => self.before.clone(),
            Some(after) => format!("{}0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d11{after}", self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_takes_an_id_and_nothing_else() {
        let room = RoomId::generate();
        let template = Template::parse("/topic/room.{roomId}.read").unwrap();
        assert_eq!(template.fit(&format!("/topic/room.{room}.read")), Some(Fit { room_id: Some(room) }));
        for other in ["/topic/room.*.read", "/topic/room..read", "/topic/room.read", &format!("/topic/room.{room}")] {
            assert_eq!(template.fit(other), None, "{other}");
        }
        assert_eq!(Template::parse("/app/chat.send").unwrap().fit("/app/chat.send"), Some(Fit { room_id: None }));
    }

    #[test]
    fn what_cannot_be_a_template_is_refused() {
        for wrong in ["", "/a/{roomId}/{roomId}", "/a/{room}", "/a/{roomId}/{queue}", "/a/*"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn templates_with_a_destination_in_common_overlap() {
        let overlap = |a, b| Template::parse(a).unwrap().overlaps(&Template::parse(b).unwrap());
        assert!(overlap("/topic/{roomId}", "/topic/{roomId}"));
        assert!(overlap("/topic/{roomId}", "/topic/0197a5f0-5b1e-7c53-9d3e-0c1b6f0a7d12"));
        assert!(overlap("/app/send", "/app/send"));
        assert!(!overlap("/topic/{roomId}", "/topic/{roomId}/read"));
        assert!(!overlap("/topic/{roomId}", "/topic/message/{roomId}"));
    }
}
