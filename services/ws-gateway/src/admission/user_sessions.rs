//! Sessions of each user, on all gateways together: counted and admitted in Redis, in one step. While Redis is away or slow, those of this
//! gateway count alone, and Redis is told of them when it is back.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chat_protocol::{
    ErrorCode, GatewayId, Rejection, SessionId, UserId,
    redis_key::{SESSIONS_REFRESH, SESSIONS_RENEWAL},
};
use chat_redis::{RedisError, RegisteredSession, SessionRegistry};
use chat_service::Clock;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{SessionPolicy, WsConfig},
    hub::{HubHandle, Input, Pending},
    pause::Pause,
};

/// Who is refused asks once more after this: a session that ended just now may not have been told yet, by whichever gateway.
const ASK_AGAIN: Duration = Duration::from_millis(150);
/// Sessions that came or went are told to Redis at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(50);

/// The sessions of this gateway, by user; clones share them.
#[derive(Clone)]
pub struct UserSessions(Arc<Inner>);

struct Inner {
    gateway_id: GatewayId,
    registry: SessionRegistry,
    most: usize,
    policy: SessionPolicy,
    clock: Arc<dyn Clock>,
    pause: Pause,
    /// When each was admitted, oldest first; users without sessions are not kept.
    here: Mutex<HashMap<UserId, Vec<(SessionId, u64)>>>,
    /// What Redis has to be told: there, or not.
    changes: Pending<(UserId, SessionId)>,
}

/// A session's place among those of its user; dropping it makes room.
pub struct UserPlace {
    sessions: UserSessions,
    user: UserId,
    session: SessionId,
}

impl UserSessions {
    /// None yet.
    pub fn new(
        ws: &WsConfig,
        gateway_id: GatewayId,
        registry: SessionRegistry,
        clock: Arc<dyn Clock>,
        pause: Pause,
    ) -> Self {
        let (most, policy) = (ws.max_sessions_per_user, ws.session_policy);
        let (here, changes) = (Mutex::default(), Pending::default());
        Self(Arc::new(Inner { gateway_id, registry, most, policy, clock, pause, here, changes }))
    }

    /// A place for a session; with it those of this gateway that have to make room, unless Redis tells them.
    pub async fn admit(&self, user: UserId, session: SessionId) -> Result<(UserPlace, Vec<SessionId>), Rejection> {
        let place = self.enter(user, session).ok_or_else(|| self.full())?;
        let asked = match self.ask(user, session).await {
            Some(None) => {
                sleep(ASK_AGAIN).await;
                self.ask(user, session).await
            }
            answer => answer,
        };
        match asked {
            Some(Some(at)) => {
                self.admitted(user, session, at);
                Ok((place, Vec::new()))
            }
            Some(None) => Err(self.full()),
            None => {
                self.0.changes.want([((user, session), true)]);
                Ok((place, self.surplus(user)))
            }
        }
    }

    /// Redis' answer: when it was admitted, or not; `None` while Redis is away or slow.
    async fn ask(&self, user: UserId, session: SessionId) -> Option<Option<u64>> {
        let Inner { gateway_id, registry, most, policy, pause, .. } = &*self.0;
        let newest_stays = *policy == SessionPolicy::NewestStays;
        pause.redis("sessions of users", registry.admit(*gateway_id, user, session, *most, newest_stays)).await
    }

    /// A place among those of this gateway, whose number is never more than that of all.
    fn enter(&self, user: UserId, session: SessionId) -> Option<UserPlace> {
        let mut here = self.lock();
        let sessions = here.entry(user).or_default();
        // The newest is always admitted: those that make room for it are still there for a moment.
        if self.0.policy == SessionPolicy::OldestStays && sessions.len() >= self.0.most {
            return None;
        }
        let now = u64::try_from(self.0.clock.now().as_microsecond()).unwrap_or_default();
        sessions.push((session, now));
        Some(UserPlace { sessions: self.clone(), user, session })
    }

    /// Redis' clock decides who is older.
    fn admitted(&self, user: UserId, session: SessionId, at: u64) {
        let mut here = self.lock();
        let sessions = here.get_mut(&user).into_iter().flatten();
        for (_, admitted_at) in sessions.filter(|(other, _)| *other == session) {
            *admitted_at = at;
        }
    }

    /// The oldest of this gateway above the limit.
    fn surplus(&self, user: UserId) -> Vec<SessionId> {
        let here = self.lock();
        let sessions = here.get(&user).map_or(&[][..], Vec::as_slice);
        sessions[..sessions.len().saturating_sub(self.0.most)].iter().map(|(session, _)| *session).collect()
    }

    fn full(&self) -> Rejection {
        let message = format!("a user has at most {} sessions: close another first", self.0.most);
        Rejection::new(ErrorCode::SessionLimit, message)
    }

    /// All of this gateway.
    fn all(&self) -> Vec<(UserId, SessionId)> {
        let here = self.lock();
        here.iter().flat_map(|(user, sessions)| sessions.iter().map(|(session, _)| (*user, *session))).collect()
    }

    /// Those that are still there, with when they were admitted.
    fn registered(&self, sessions: &[(UserId, SessionId)]) -> Vec<RegisteredSession> {
        let here = self.lock();
        let registered = |(user_id, session_id): &(UserId, SessionId)| {
            let (_, admitted_at) = here.get(user_id)?.iter().find(|(session, _)| session == session_id)?;
            Some(RegisteredSession { user_id: *user_id, session_id: *session_id, admitted_at: *admitted_at })
        };
        sessions.iter().filter_map(registered).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Vec<(SessionId, u64)>>> {
        self.0.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that this gateway lives, tells Redis what changed, and closes what made room for others, until the gateway drains: its sessions
    /// count no longer then, for they come to others.
    pub async fn keep(self, hub: HubHandle, stop: CancellationToken) {
        let Inner { gateway_id, registry, changes, .. } = &*self.0;
        let mut renewal = interval(SESSIONS_RENEWAL);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // When all have to be told anew.
        let mut refresh = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = renewal.tick() => {
                    match self.renew(&mut refresh).await {
                        Ok(closed) => for session in closed { hub.tell(Input::CloseSession(session)).await; },
                        Err(error) => tracing::debug!(%error, "sessions not renewed"),
                    }
                }
                batch = changes.take() => {
                    if let Err(error) = self.tell(&batch.keys(true), &batch.keys(false)).await {
                        tracing::debug!(%error, "sessions not told");
                        changes.put_back(batch.changes);
                    }
                    sleep(TOLD_EVERY).await;
                }
            }
        }
        if let Err(error) = registry.drop_gateway(*gateway_id).await {
            tracing::debug!(%error, "sessions not dropped");
        }
    }

    async fn renew(&self, refresh: &mut Instant) -> Result<Vec<SessionId>, RedisError> {
        let Inner { gateway_id, registry, .. } = &*self.0;
        let renewed = registry.renew(*gateway_id).await?;
        let now = Instant::now();
        if renewed.lost {
            *refresh = now;
        }
        if now >= *refresh {
            // What makes room is not told anew.
            let mut all = self.all();
            all.retain(|(_, session)| !renewed.closed.contains(session));
            registry.add(*gateway_id, &self.registered(&all)).await?;
            *refresh = now + SESSIONS_REFRESH;
        }
        Ok(renewed.closed)
    }

    async fn tell(&self, came: &[(UserId, SessionId)], went: &[(UserId, SessionId)]) -> Result<(), RedisError> {
        let Inner { gateway_id, registry, .. } = &*self.0;
        registry.add(*gateway_id, &self.registered(came)).await?;
        registry.remove(*gateway_id, went).await
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        if let Entry::Occupied(mut sessions) = self.sessions.lock().entry(self.user) {
            sessions.get_mut().retain(|(session, _)| *session != self.session);
            if sessions.get().is_empty() {
                sessions.remove();
            }
        }
        self.sessions.0.changes.want([((self.user, self.session), false)]);
    }
}
