//! Process of the service; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    chat_service::main::<read_receipt::Config, _, _>("read-receipt", read_receipt::DEFAULT_CONFIG, read_receipt::run)
}
