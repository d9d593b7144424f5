//! The broadcaster's process.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    chat_service::main::<broadcaster::Config, _, _>(
        "broadcaster",
        include_str!("../config.default.toml"),
        broadcaster::run,
    )
}
