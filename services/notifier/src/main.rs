//! Process of the service; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    chat_service::main::<notifier::Config, _, _>("notifier", notifier::DEFAULT_CONFIG, notifier::run)
}
