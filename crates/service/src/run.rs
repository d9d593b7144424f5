//! The whole of a service's `main`, from the command line to the exit code.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::LocalSet;

use crate::admin::AdminServer;
use crate::cli::{Cli, healthcheck};
use crate::config::{self, Common, Loaded, Validate};
use crate::context::Context;
use crate::lifecycle::{Chain, Outcome, caught};
use crate::telemetry;

/// `EX_USAGE`: the command line or the configuration is wrong, and a restart will not help.
const EXIT_USAGE: u8 = 64;

/// Runs a service: command line, configuration, telemetry, admin port, `app`, shutdown.
///
/// `app` builds the service and starts its tasks with [`Context::lifecycle`]. It may return when they run, or wait for the soft
/// token and drain; an error from it ends the process. It runs in a [`LocalSet`], so tasks bound to its thread can be spawned.
///
/// Exit codes: 0 after a clean shutdown, 64 for a wrong command line or configuration, 1 for every other failure.
pub fn main<C, F, Fut>(name: &'static str, default_toml: &str, app: F) -> ExitCode
where
    C: DeserializeOwned + Serialize + Validate,
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output: Outcome>,
{
    let cli = match Cli::command().name(name).try_get_matches().and_then(|found| Cli::from_arg_matches(&found)) {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            // Help and version are not errors.
            let wrong = error.use_stderr() || printed.is_err();
            return if wrong { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let loaded = match config::load::<C>(default_toml, cli.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{name}: configuration: {}", Chain(&error));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if cli.check_config {
        return match effective_toml(&loaded) {
            Ok(text) => {
                println!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{name}: configuration cannot be printed: {error}");
                ExitCode::from(EXIT_USAGE)
            }
        };
    }
    if cli.healthcheck {
        return exit_code(matches!(healthcheck(loaded.common.admin.listen), Ok(true)));
    }
    match serve(name, loaded, app) {
        Ok(clean) => exit_code(clean),
        Err(error) => {
            eprintln!("{name}: {}", Chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Everything with telemetry; false if the service failed, which was logged then.
fn serve<C, F, Fut>(name: &'static str, loaded: Loaded<C>, app: F) -> Result<bool, Box<dyn std::error::Error>>
where
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output: Outcome>,
{
    // Before the runtime and dropped after it: the exporter blocks when it flushes.
    let _telemetry = telemetry::init(name, &loaded.common)?;
    #[cfg(feature = "fail-points")]
    let _armed = crate::fail_point::arm();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(loaded.common.runtime.worker_threads)
        .thread_name(name)
        .enable_all()
        .build()?;
    let Loaded { common, service } = loaded;
    let served = LocalSet::new().block_on(&runtime, supervise(name, common, |context| app(service, context)));
    // What blocks beyond the deadline is left to the end of the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(served.inspect_err(|error| tracing::error!(%error, "service cannot start")).unwrap_or(false))
}

async fn supervise<F, Fut>(name: &'static str, common: Common, app: F) -> io::Result<bool>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output: Outcome>,
{
    let context = Context::new(name, common);
    let lifecycle = context.lifecycle.clone();
    lifecycle.watch_signals()?;
    let (readiness, metrics) = (context.readiness.clone(), context.metrics.clone());
    let admin = AdminServer::start(context.common.admin.listen, name, readiness, metrics)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), admin.addr = %admin.addr(), "service starting");

    tokio::select! {
        outcome = caught(app(context)) => {
            if let Err(error) = outcome {
                lifecycle.crash("app", &Chain(&*error));
            }
        }
        () = lifecycle.hard_stop() => lifecycle.crash("app", &"did not stop before the deadline"),
    }
    let clean = match lifecycle.shutdown_complete().await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "shutdown was not clean");
            false
        }
    };
    admin.stop().await;
    tracing::info!(clean, "service stopped");
    Ok(clean)
}

/// The configuration as one TOML document; secrets redact themselves.
fn effective_toml<C: Serialize>(loaded: &Loaded<C>) -> Result<String, toml::ser::Error> {
    let mut all = toml::Table::try_from(&loaded.common)?;
    all.extend(toml::Table::try_from(&loaded.service)?);
    toml::to_string_pretty(&all)
}

fn exit_code(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
