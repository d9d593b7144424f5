//! Writing and reading.

use std::{env, fs, path::PathBuf, process, sync::Arc, thread};

use chat_checker::{
    Reader, Record, Recorder, RunClock,
    history::{BodyHash, Op, Outcome, Section},
};

use crate::story::{everyday, room};

/// A directory of this test.
pub fn directory(name: &str) -> PathBuf {
    let directory = env::temp_dir().join(format!("chat-checker-{}-{name}", process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

#[test]
fn what_is_recorded_by_many_at_once_is_read_back() {
    let directory = directory("recorded");
    let recorder = Arc::new(Recorder::create(directory.join("clients.jsonl"), RunClock::start()).expect("a new file"));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || {
                let name = format!("client-{client}");
                for seq in 1..=500 {
                    let mut event = recorder.event(&name, &name, Outcome::Ok, Op::Mark);
                    (event.room, event.seq, event.user) =
                        (Some(room("lobby")), Some(seq), Some(crate::story::user(&name)));
                    recorder.append(&Record::Event(Box::new(event))).expect("written");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no panic");
    }
    recorder
        .append_dump(Section::Rows, everyday().ends().into_iter().filter(|it| matches!(it, Record::Row(_))))
        .expect("written");
    recorder.finish().expect("written");

    let again = Recorder::create(directory.join("clients.jsonl"), recorder.clock());
    assert!(again.is_err(), "a history is never written over");
    let mut reader = Reader::default();
    reader.read_path(&directory).expect("readable");
    let report = chat_checker::check(&reader.finish());
    let rows = report.rooms.iter().map(|room| room.head.unsigned_abs()).sum::<u64>();
    assert_eq!(report.records, 2000 + rows + 1);
    fs::remove_dir_all(directory).expect("removed");
}

#[test]
fn a_wrong_line_is_named_with_file_number_and_reason() {
    let event = r#"{"event":{"process":"a","wallNs":1,"monoNs":1,"type":"ok","op":"#;
    let cases = [
        ("nonsense", "expected value"),
        (r#"{"rows":{}}"#, "unknown variant `rows`"),
        (r#"{"dump":{"section":"rows","count":1,"extra":2}}"#, "unknown field `extra`"),
        (&format!(r#"{event}"recv"}}}}"#), "recv: needs `room`, `sender` and `clientMessageId`"),
        (&format!(r#"{event}"notify","room":"{}"}}}}"#, room("lobby")), "notify: needs `user`"),
        (&format!(r#"{event}"sub"}}}}"#), "needs `room`"),
        (r#"{"poison":{"topic":"t","partition":0,"offset":1,"hash":"xyz"}}"#, "32 hexadecimal digits"),
    ];
    for (line, words) in cases {
        let text = format!("\n{line}\n");
        let error = Reader::default().read("wrong.jsonl", text.as_bytes()).expect_err(line).to_string();
        assert!(error.starts_with("wrong.jsonl:2: ") && error.contains(words), "{error}");
    }
    let long = vec![b' '; (1 << 20) + 1];
    assert!(Reader::default().read("long.jsonl", &*long).expect_err("too long").to_string().contains("longer than"));
}

#[test]
fn a_hash_is_the_beginning_of_sha_256() {
    assert_eq!(BodyHash::of("abc").to_string(), "ba7816bf8f01cfea414140de5dae2223");
}
