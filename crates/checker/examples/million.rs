//! How long a million events take, and how much memory: `cargo run --release -p chat-checker --example million [EVENTS]`.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use chat_checker::{Reader, check, history::BodyHash};

const ROOMS: u64 = 20;
const READERS: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let events: u64 = env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let path = env::temp_dir().join(format!("chat-checker-million-{}.jsonl", std::process::id()));
    let written = write(&path, events)?;
    let bytes = fs::metadata(&path)?.len();
    let begun = Instant::now();
    let mut reader = Reader::default();
    reader.read_path(&path)?;
    let run = reader.finish();
    let read = begun.elapsed();
    let report = check(&run);
    let took = begun.elapsed();
    fs::remove_file(&path)?;
    println!(
        "{written} events, {} records, {} MiB: {:.2} s ({:.2} s of it reading), peak {} MiB, {} violations",
        report.records,
        bytes >> 20,
        took.as_secs_f64(),
        read.as_secs_f64(),
        peak_mib(),
        report.invariants.iter().map(|it| it.violations).sum::<u64>()
    );
    Ok(())
}

/// Every message is sent, accepted, persisted and received by ten; returns how many events that made.
fn write(path: &Path, events: u64) -> Result<u64, Box<dyn Error>> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    let id = |kind: u64, n: u64| format!("{kind:08x}-0000-4000-8000-{n:012x}");
    let head = |room: u64, sender: u64, message: u64| {
        let (room, sender) = (id(1, room), id(2, sender));
        format!(r#""room":"{room}","sender":"{sender}","clientMessageId":"{}""#, id(3, message))
    };
    writeln!(out, r#"{{"plan":{{"run":"million","seed":1,"minOk":1000}}}}"#)?;
    for reader in 0..READERS {
        writeln!(out, r#"{{"client":{{"process":"c{reader}","user":"{}"}}}}"#, id(2, reader))?;
    }
    let (mut rows, mut count, mut time) = (String::new(), 0, 1_000_000_u64);
    let mut event = |out: &mut BufWriter<fs::File>, process: u64, rest: &str| -> std::io::Result<()> {
        (count, time) = (count + 1, time + 1000);
        let at = format!(r#""wallNs":1763730000000000000,"monoNs":{time}"#);
        writeln!(out, r#"{{"event":{{"process":"c{process}","connection":"c{process}-1",{at},{rest}}}}}"#)
    };
    for reader in 0..READERS {
        for room in 0..ROOMS {
            let room = id(1, room);
            event(&mut out, reader, &format!(r#""type":"invoke","op":"sub","room":"{room}","seq":0"#))?;
        }
    }
    let messages = events / (READERS + 3);
    for message in 0..messages {
        let (room, seq) = (message % ROOMS, message / ROOMS + 1);
        let sender = message % READERS;
        let (head, hash) = (head(room, sender, message), BodyHash::of(message.to_be_bytes()));
        event(&mut out, sender, &format!(r#""type":"invoke","op":"send",{head},"kind":"TEXT","hash":"{hash}""#))?;
        event(&mut out, sender, &format!(r#""type":"ok","op":"send",{head},"state":"accepted""#))?;
        event(&mut out, sender, &format!(r#""type":"ok","op":"status",{head},"state":"persisted","seq":{seq}"#))?;
        for reader in 0..READERS {
            event(
                &mut out,
                reader,
                &format!(r#""type":"ok","op":"recv",{head},"kind":"TEXT","hash":"{hash}","seq":{seq}"#),
            )?;
        }
        writeln!(rows, r#"{{"row":{{{head},"seq":{seq},"number":{seq},"kind":"TEXT","hash":"{hash}"}}}}"#)?;
    }
    out.write_all(rows.as_bytes())?;
    writeln!(out, r#"{{"dump":{{"section":"rows","count":{messages}}}}}"#)?;
    out.flush()?;
    Ok(count)
}

/// The most memory the process had, of which the generator's rows are a part.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) >> 10
}
