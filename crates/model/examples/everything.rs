//! A larger model than the tests have time for, with progress: two gateways, two clients, a kick between two messages, one fault of each kind anywhere.
//! `cargo run -p chat-model --example everything -- 5000000` stops after so many states; without a number it ends when it has seen all.

use std::process::ExitCode;

use chat_model::{Bounds, Chat, Command, Faults, Rules, properties};
use stateright::{Checker, Model, report::WriteReporter};

fn main() -> ExitCode {
    let most = std::env::args().nth(1).and_then(|most| most.parse().ok());
    let faults = Faults { crashes: 1, moves: 1, losses: 1, disconnects: 1, repeats: 1 };
    let script = vec![Command::Message(1), Command::Kick, Command::Message(2)];
    let bounds = Bounds { script, gateways: 2, clients: 2, page: 2, faults };
    let mut checker = Chat { rules: Rules::real(), bounds }.checker().threads(2);
    if let Some(most) = most {
        checker = checker.target_state_count(most);
    }
    let checker = checker.spawn_bfs().join_and_report(&mut WriteReporter::new(&mut std::io::stdout()));
    let found = checker.discoveries();
    let broken: Vec<&str> =
        properties::promises().iter().map(|promise| promise.name).filter(|name| found.contains_key(name)).collect();
    println!("{} states, {} steps deep, broken: {broken:?}", checker.unique_state_count(), checker.max_depth());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
