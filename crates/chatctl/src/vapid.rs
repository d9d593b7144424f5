//! `chatctl vapid`: a key pair for Web Push.

use std::process::ExitCode;

use anyhow::{Context, Result};
use chat_web_push::VapidKey;

pub fn run() -> Result<ExitCode> {
    let key = VapidKey::generate().context("make a key")?;
    println!("CHAT__PUSH__VAPID_PRIVATE_KEY={}", key.private().expose());
    println!("CHAT__PUSH__VAPID_PUBLIC_KEY={}", key.public());
    Ok(ExitCode::SUCCESS)
}
