//! What devices are still to be told: a queue that several workers share.
//!
//! A job is claimed for a time, and settled by whoever holds the claim. A worker that dies loses nothing: its jobs are due again when their
//! claims end. Whatever comes meanwhile (a newer message, a read mark) stays in the row and outlives the settlement.

use std::time::Duration;

use chat_protocol::{RoomId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{RoomNotifications, Store, StoreError, notifications, queries, row};

/// A message to tell the devices of a user of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPush {
    /// Whom.
    pub user_id: UserId,
    /// Where.
    pub room_id: RoomId,
    /// The newest message that counts.
    pub seq: i64,
    /// Not worth telling afterwards.
    pub expires_at: Timestamp,
}

/// A mark that takes pushes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadUpTo {
    /// Where.
    pub room_id: RoomId,
    /// Whose.
    pub user_id: UserId,
    /// How far.
    pub seq: i64,
}

/// What is to be done for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// The message is to be pushed.
    Pending,
    /// It was.
    Shown,
    /// It was read: what was pushed is to be taken back.
    Withdraw,
}

impl PushState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Shown => "SHOWN",
            Self::Withdraw => "WITHDRAW",
        }
    }
}

/// A job in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedPush {
    /// The device.
    pub device_id: Uuid,
    /// The room.
    pub room_id: RoomId,
    /// The newest message that counts.
    pub seq: i64,
    /// What is to be done, pending or withdraw.
    pub state: PushState,
    /// The how many-th attempt this is.
    pub attempts: u32,
    /// The push service.
    pub origin: String,
    /// Not worth doing afterwards.
    pub expires_at: Timestamp,
    /// Whether an earlier push may have reached the device.
    pub shown_before: bool,
    /// Of whoever has it in hand.
    pub claim: Uuid,
}

/// How many jobs of an origin are in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginLoad {
    /// The push service.
    pub origin: String,
    /// Jobs.
    pub jobs: i64,
}

/// How much to claim.
#[derive(Debug, Clone, Copy)]
pub struct ClaimLimits {
    /// Of one origin, with what is in hand.
    pub per_origin: i64,
    /// In all.
    pub jobs: i64,
    /// For how long.
    pub lease: Duration,
}

/// What is true of a job just before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// Where its push service takes pushes.
    pub endpoint: String,
    /// The device's public key.
    pub p256dh: Vec<u8>,
    /// The secret it shares with us.
    pub auth: Vec<u8>,
    /// When it registered last.
    pub registered_at: Timestamp,
    /// Whose device.
    pub user_id: UserId,
    /// Whether the room is a direct one.
    pub direct: bool,
    /// The membership, while there is one.
    pub member: Option<PushMember>,
    /// The newest message up to the job's that is not deleted, read, or their own, and is one that they want to be told of.
    pub message: Option<PushMessage>,
}

/// A member, just before a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMember {
    /// What was before it is not for them.
    pub joined_seq: i64,
    /// How far they have read.
    pub read_seq: i64,
    /// Number of that entry.
    pub read_number: i64,
    /// What they want.
    pub wants: RoomNotifications,
}

/// A message, just before a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// Its number.
    pub number: i64,
    /// Its text, as it is now.
    pub content: String,
    /// The name shown.
    pub sender_nickname: String,
}

impl Store {
    /// One job per device and room; a message that is not newer than the job's changes nothing. Each (user, room) at most once in `pushes`.
    /// Not done before `delay` has passed. How many jobs are new or changed.
    pub async fn enqueue_pushes(&self, pushes: &[NewPush], delay: Duration) -> Result<u64, StoreError> {
        let users: Vec<Uuid> = pushes.iter().map(|push| push.user_id.0).collect();
        let rooms: Vec<Uuid> = pushes.iter().map(|push| push.room_id.0).collect();
        let seqs: Vec<i64> = pushes.iter().map(|push| push.seq).collect();
        let ends: Vec<Timestamp> = pushes.iter().map(|push| push.expires_at).collect();
        self.execute(queries::ENQUEUE_PUSHES, &[&users, &rooms, &seqs, &ends, &millis(delay)]).await
    }

    /// Takes jobs that are due.
    pub async fn claim_pushes(
        &self,
        in_hand: &[OriginLoad],
        limits: ClaimLimits,
    ) -> Result<Vec<ClaimedPush>, StoreError> {
        let claim = Uuid::now_v7();
        let origins: Vec<&str> = in_hand.iter().map(|load| load.origin.as_str()).collect();
        let jobs: Vec<i64> = in_hand.iter().map(|load| load.jobs).collect();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&claim, &millis(limits.lease), &origins, &jobs, &limits.per_origin, &limits.jobs];
        self.rows(queries::CLAIM_PUSHES, &params).await?.iter().map(|row| claimed(row, claim)).collect()
    }

    /// What is true of claimed jobs now; `None` for those whose device is gone.
    pub async fn push_targets(&self, jobs: &[ClaimedPush]) -> Result<Vec<Option<PushTarget>>, StoreError> {
        let devices: Vec<Uuid> = jobs.iter().map(|job| job.device_id).collect();
        let rooms: Vec<Uuid> = jobs.iter().map(|job| job.room_id.0).collect();
        let seqs: Vec<i64> = jobs.iter().map(|job| job.seq).collect();
        let rows = self.rows(queries::PUSH_TARGETS, &[&devices, &rooms, &seqs]).await?;
        let mut targets = vec![None; jobs.len()];
        for row in &rows {
            let (device, room): (Uuid, RoomId) = (row.try_get("device_id")?, row::room_id(row, "room_id")?);
            let place = jobs.iter().position(|job| job.device_id == device && job.room_id == room);
            if let Some(slot) = place.and_then(|place| targets.get_mut(place)) {
                *slot = Some(target(row)?);
            }
        }
        Ok(targets)
    }

    /// Ends a claim: the job becomes `state` if nothing newer came meanwhile. With `retry_at` it is done again then, whatever it is.
    pub async fn settle_push(
        &self,
        job: &ClaimedPush,
        state: PushState,
        retry_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let (was, becomes) = (job.state.as_str(), state.as_str());
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&job.device_id, &job.room_id.0, &job.claim, &job.seq, &was, &becomes, &retry_at];
        self.execute(queries::SETTLE_PUSH, &params).await.map(drop)
    }

    /// Ends a claim: the job goes, unless something newer came meanwhile.
    pub async fn drop_push(&self, job: &ClaimedPush) -> Result<(), StoreError> {
        let state = job.state.as_str();
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&job.device_id, &job.room_id.0, &job.claim, &job.seq, &state];
        if self.execute(queries::DROP_PUSH, &params).await? == 0 {
            self.settle_push(job, job.state, None).await?;
        }
        Ok(())
    }

    /// Takes back what these marks have read. How many jobs that concerns.
    pub async fn read_pushes(&self, marks: &[ReadUpTo]) -> Result<u64, StoreError> {
        let rooms: Vec<Uuid> = marks.iter().map(|mark| mark.room_id.0).collect();
        let users: Vec<Uuid> = marks.iter().map(|mark| mark.user_id.0).collect();
        let seqs: Vec<i64> = marks.iter().map(|mark| mark.seq).collect();
        self.execute(queries::READ_PUSHES, &[&rooms, &users, &seqs]).await
    }

    /// Deletes at most `limit` pushes that nobody read before they expired; how many it were.
    pub async fn sweep_pushes(&self, limit: u32) -> Result<u64, StoreError> {
        self.execute(queries::SWEEP_PUSHES, &[&i64::from(limit)]).await
    }

    /// Jobs that are still to be done, counted up to 100,000.
    pub async fn pushes_waiting(&self) -> Result<i64, StoreError> {
        let rows = self.rows(queries::PUSHES_WAITING, &[]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn claimed(row: &Row, claim: Uuid) -> Result<ClaimedPush, StoreError> {
    let attempts: i32 = row.try_get("attempts")?;
    Ok(ClaimedPush {
        device_id: row.try_get("device_id")?,
        room_id: row::room_id(row, "room_id")?,
        seq: row.try_get("seq")?,
        state: if row.try_get::<_, &str>("state")? == "PENDING" { PushState::Pending } else { PushState::Withdraw },
        attempts: u32::try_from(attempts).unwrap_or(0),
        origin: row.try_get("origin")?,
        expires_at: row.try_get("expires_at")?,
        shown_before: row.try_get("shown_before")?,
        claim,
    })
}

fn target(row: &Row) -> Result<PushTarget, StoreError> {
    let member = match row.try_get::<_, Option<i64>>("joined_seq")? {
        Some(joined_seq) => Some(PushMember {
            joined_seq,
            read_seq: row.try_get("read_seq")?,
            read_number: row.try_get("read_number")?,
            wants: notifications::wants(row)?,
        }),
        None => None,
    };
    let message = match row.try_get::<_, Option<i64>>("number")? {
        Some(number) => Some(PushMessage {
            number,
            content: row.try_get("content")?,
            sender_nickname: row.try_get("sender_nickname")?,
        }),
        None => None,
    };
    Ok(PushTarget {
        endpoint: row.try_get("endpoint")?,
        p256dh: row.try_get("p256dh")?,
        auth: row.try_get("auth")?,
        registered_at: row.try_get("registered_at")?,
        user_id: row::user_id(row, "user_id")?,
        direct: row.try_get("direct")?,
        member,
        message,
    })
}
