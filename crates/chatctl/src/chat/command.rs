//! What a typed line means.

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// To be sent.
    Text(String),
    Rooms,
    Join(String),
    Who,
    History,
    Invite(String),
    Leave,
    Help,
    Quit,
    /// Nothing typed.
    Empty,
    /// Not understood, and what to do.
    Wrong(String),
}

pub const HELP: &str = "\
/rooms         your rooms, with unread messages
/join NAME     open a room (name or id)
/who           the members of this room
/history       20 older messages
/invite NICK   add a user to this room
/leave         leave this room for good
/quit          end (also Ctrl-D)
Everything else is sent. //text sends a text that begins with a slash.";

impl Line {
    pub fn parse(line: &str) -> Self {
        let line = line.trim_end();
        if line.trim().is_empty() {
            return Self::Empty;
        }
        let Some(command) = line.strip_prefix('/') else { return Self::Text(line.to_owned()) };
        if command.starts_with('/') {
            return Self::Text(command.to_owned());
        }
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let argument = argument.trim();
        let with_argument = |of: fn(String) -> Self, what: &str| {
            if argument.is_empty() { Self::Wrong(format!("/{name} needs {what}")) } else { of(argument.to_owned()) }
        };
        match name {
            "rooms" => Self::Rooms,
            "join" => with_argument(Self::Join, "the name or id of a room; /rooms lists them"),
            "who" => Self::Who,
            "history" => Self::History,
            "invite" => with_argument(Self::Invite, "a nickname"),
            "leave" => Self::Leave,
            "help" | "?" => Self::Help,
            "quit" | "exit" => Self::Quit,
            _ => Self::Wrong(format!("no command /{name}; /help lists them, //{command} sends it as text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_text_unless_they_begin_with_a_slash() {
        assert_eq!(Line::parse("hello /join x "), Line::Text("hello /join x".into()));
        assert_eq!(Line::parse("  indented"), Line::Text("  indented".into()));
        assert_eq!(Line::parse("//etc"), Line::Text("/etc".into()));
        assert_eq!(Line::parse("   "), Line::Empty);
    }

    #[test]
    fn commands_take_the_rest_of_the_line() {
        assert_eq!(Line::parse("/join  the big room "), Line::Join("the big room".into()));
        assert_eq!(Line::parse("/quit"), Line::Quit);
        assert!(matches!(Line::parse("/invite"), Line::Wrong(text) if text.contains("nickname")));
        assert!(matches!(Line::parse("/nick x"), Line::Wrong(text) if text.contains("/help")));
    }
}
