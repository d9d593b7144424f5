//! Who has which room open here, as it stands in Redis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chat_protocol::{GatewayId, RoomId, UserId, redis_key::GATEWAY_LEASE_RENEWAL};
use chat_redis::Viewers;
use tokio_util::sync::CancellationToken;

use super::pending::Pending;

/// Viewer changes are told to Redis at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Tells Redis who has which room open, in batches, and renews the lease under which that counts. When all are told `anew` it is another
/// lease: a Redis that came back as it was before may have viewers under the one so far who left since. At the end the lease is dropped: at
/// once nobody is a viewer here any more.
pub async fn keep_viewers(
    mut lease: GatewayId,
    viewers: Viewers,
    pending: Arc<Pending<(RoomId, UserId)>>,
    anew: Arc<AtomicBool>,
    stop: CancellationToken,
) {
    let mut renewal = tokio::time::interval(GATEWAY_LEASE_RENEWAL);
    loop {
        let batch = tokio::select! {
            () = stop.cancelled() => break,
            _ = renewal.tick() => None,
            batch = pending.take() => Some(batch),
        };
        let another = anew.swap(false, Ordering::AcqRel);
        if another {
            drop_lease(&viewers, std::mem::replace(&mut lease, GatewayId::generate())).await;
        }
        if (another || batch.is_none())
            && let Err(error) = viewers.renew_lease(lease).await
        {
            tracing::debug!(%error, "lease not renewed");
        }
        let Some(mut batch) = batch else { continue };
        // Whoever closed a room is told of even if those who have one open cannot be.
        let removed = viewers.remove(lease, &batch.keys(false)).await;
        let added = viewers.add(lease, &batch.keys(true)).await;
        for error in [&removed, &added].into_iter().filter_map(|told| told.as_ref().err()) {
            tracing::debug!(%error, "viewers not told");
        }
        batch.changes.retain(|_, viewing| if *viewing { added.is_err() } else { removed.is_err() });
        pending.put_back(batch.changes);
        tokio::time::sleep(TOLD_EVERY).await;
    }
    drop_lease(&viewers, lease).await;
}

/// Without an answer it ends by itself.
async fn drop_lease(viewers: &Viewers, lease: GatewayId) {
    if let Err(error) = viewers.drop_lease(lease).await {
        tracing::debug!(%error, "lease not dropped");
    }
}
