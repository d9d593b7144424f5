//! One story with everything in it, and what the checker says of one.

use chat_checker::{Reader, Record, Report, check};

use super::Story;

pub fn judge(records: &[Record]) -> Report {
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).expect("JSON")).collect();
    let mut reader = Reader::default();
    reader.read("story.jsonl", lines.join("\n").as_bytes()).expect("a readable story");
    check(&reader.finish())
}

/// A run with everything in it.
pub fn everyday() -> Story {
    let mut story = Story::begins();
    for who in ["alice", "bob", "carol"] {
        story.connects(who);
    }
    story.founds("alice", "lobby", &["bob", "carol"]);
    story.founds("bob", "garden", &["alice"]);
    let hello = story.says("alice", "lobby", "hello");
    story.says("alice", "lobby", "is anybody here?");
    story.says("bob", "garden", "nice weather");
    story.says_again("bob", "lobby", "yes");
    story.edits("alice", "lobby", hello, "hello everyone");
    story.reacts("bob", "lobby", hello);
    story.reads("bob", "lobby", 3);
    story.reads("bob", "lobby", 4);
    story.is_rejected("carol", "lobby", "far too long");
    story.loses_connection("carol");
    let wrong = story.says("bob", "lobby", "oops");
    story.deletes("bob", "lobby", wrong);
    story.connects("carol");
    story.sends_poison("carol", "lobby");
    story.asks_for_nothing_new("alice", "lobby");
    story.is_killed("persister-1", Some("persister"));
    story.says("carol", "lobby", "still there?");
    story.kicks("alice", "lobby", "bob");
    story.says("alice", "lobby", "he is gone");
    story.says("carol", "lobby", "good");
    story.invites("alice", "lobby", "dave");
    story.connects("dave");
    story.says("dave", "lobby", "hi, I am new");
    story.edits("alice", "lobby", hello, "hello all");
    story.reads("carol", "lobby", 13);
    story
}
