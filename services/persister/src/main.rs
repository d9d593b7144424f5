//! The persister's process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    chat_service::main::<persister::Config, _, _>("persister", include_str!("../config.default.toml"), persister::run)
}
