//! See the library.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    chat_service::main::<ws_gateway::Config, _, _>("ws-gateway", ws_gateway::DEFAULTS, ws_gateway::run)
}
