//! Commands of a `chat.v1` session that have no reply yet: each id belongs to one of them, and there are not too many.

use chat_protocol::{ErrorCode, Rejection};

/// Most commands without a reply. A session reads no further frames at half as many sends; the rest is for subscribes.
const MOST: usize = 64;

/// Their ids.
#[derive(Debug, Default)]
pub struct InFlight(Vec<u64>);

impl InFlight {
    /// A command begins, unless its id is taken or there are too many.
    pub fn begin(&mut self, id: u64) -> Result<(), Rejection> {
        if self.0.contains(&id) {
            let message = "id is that of a command without a reply so far: give every command an id of its own";
            return Err(Rejection::new(ErrorCode::BadRequest, message));
        }
        if self.0.len() >= MOST {
            let message = format!("not taken: {MOST} commands have no reply yet, wait for one");
            return Err(Rejection::new(ErrorCode::Busy, message));
        }
        self.0.push(id);
        Ok(())
    }

    /// Its reply is there.
    pub fn end(&mut self, id: u64) {
        self.0.retain(|begun| *begun != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_one_command_until_its_reply() {
        let mut in_flight = InFlight::default();
        in_flight.begin(1).unwrap();
        assert_eq!(in_flight.begin(1).unwrap_err().code, ErrorCode::BadRequest);
        in_flight.end(1);
        in_flight.begin(1).unwrap();
    }

    #[test]
    fn too_many_commands_without_a_reply_are_busy() {
        let mut in_flight = InFlight::default();
        for id in 1..=64 {
            in_flight.begin(id).unwrap();
        }
        assert_eq!(in_flight.begin(65).unwrap_err().code, ErrorCode::Busy);
        in_flight.end(7);
        in_flight.begin(65).unwrap();
    }
}
