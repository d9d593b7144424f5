//! Old deliveries go; endpoints that fail for too long, or fall too far behind, are disabled.

use std::{sync::Arc, time::Duration};

use chat_store::StoreError;
use tokio_util::sync::CancellationToken;

use super::Parts;

/// How often.
const EVERY: Duration = Duration::from_mins(1);
/// Rows deleted by one statement, …
const STEP: i64 = 1_000;
/// … and statements in a row: more than a busy minute leaves behind.
const STEPS: usize = 100;

/// Sweeps until `stop`.
pub async fn run(parts: Arc<Parts>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        if let Err(error) = sweep(&parts).await {
            tracing::warn!(%error, "webhooks not swept");
        }
    }
}

async fn sweep(parts: &Parts) -> Result<(), StoreError> {
    for _ in 0..STEPS {
        if parts.store.sweep_webhooks(parts.config.retention_secs(), STEP).await? < STEP.unsigned_abs() {
            break;
        }
    }
    let (hours, most) = (parts.config.disable_after_hours, i64::from(parts.config.max_waiting));
    let failing_secs = i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(3_600);
    let mut waiting = 0;
    for load in parts.store.webhook_loads(failing_secs, most).await? {
        waiting += load.waiting;
        let (label, why) = if load.failing {
            ("failing", format!("it has failed for {hours} hours"))
        } else if load.behind {
            ("behind", format!("more than {most} deliveries waited for it"))
        } else {
            continue;
        };
        if parts.store.disable_webhook(load.id, &why, None).await? {
            parts.metrics.disabled.with_label_values(&[label]).inc();
            tracing::warn!(webhook.id = %load.id, why, "webhook disabled");
        }
    }
    parts.metrics.waiting.set(waiting);
    Ok(())
}
