//! The command line of every service.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// What a service can be asked for.
#[derive(Debug, Parser)]
#[command(version, about = "A service of the realtime chat backend")]
pub(crate) struct Cli {
    /// TOML file that overrides the embedded defaults; the environment (CHAT__SECTION__KEY) overrides both
    #[arg(long, value_name = "PATH", env = "CHAT_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print the effective configuration without secrets, and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Ask the running service on its admin port whether it is ready, and exit 0 or 1
    #[arg(long, conflicts_with = "check_config")]
    pub(crate) healthcheck: bool,
}

/// Whether `/ready` on the admin port answers 200. By hand, so that the binary needs no HTTP client.
pub(crate) fn healthcheck(admin: SocketAddr) -> io::Result<bool> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let host = match admin.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        other => other,
    };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(host, admin.port()), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut status = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut status)?;
    Ok(&status == b"HTTP/1.1 200")
}
