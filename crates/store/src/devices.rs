//! Browsers that take Web Push.

use std::collections::HashSet;

use chat_protocol::UserId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Store, StoreError, queries, row};

/// A device to register.
#[derive(Debug)]
pub struct NewDevice<'a> {
    /// Its id, unless the endpoint has one.
    pub id: Uuid,
    /// Whose.
    pub user_id: UserId,
    /// The log-in by whose end it goes.
    pub login: Option<Uuid>,
    /// Where its push service takes pushes.
    pub endpoint: &'a str,
    /// Scheme, host and port of that.
    pub origin: &'a str,
    /// Its public key, 65 bytes.
    pub p256dh: &'a [u8],
    /// The secret it shares with us, 16 bytes.
    pub auth: &'a [u8],
}

/// A registered device, without what makes it ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: Uuid,
    /// Its push service.
    pub origin: String,
    /// When it was registered first …
    pub created_at: Timestamp,
    /// … and last.
    pub registered_at: Timestamp,
}

impl Store {
    /// Registers a device or renews the one of the same endpoint, and removes the user's least recently registered ones beyond `most`.
    /// Whether it is new; `None` when the log-in has ended.
    pub async fn register_device(
        &self,
        device: &NewDevice<'_>,
        most: u32,
    ) -> Result<Option<(Device, bool)>, StoreError> {
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
            &device.id,
            &device.user_id.0,
            &device.login,
            &device.endpoint,
            &device.origin,
            &device.p256dh,
            &device.auth,
            &most,
        ];
        let rows = self.rows(queries::REGISTER_DEVICE, &params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let registered = Device {
            id: row.try_get("id")?,
            origin: device.origin.to_owned(),
            created_at: row.try_get("created_at")?,
            registered_at: row.try_get("registered_at")?,
        };
        Ok(Some((registered, row.try_get("created")?)))
    }

    /// The devices of a user, the last registered first.
    pub async fn list_devices(&self, user_id: UserId) -> Result<Vec<Device>, StoreError> {
        let rows = self.rows(queries::LIST_DEVICES, &[&user_id.0]).await?;
        let device = |row: &tokio_postgres::Row| {
            Ok(Device {
                id: row.try_get("id")?,
                origin: row.try_get("origin")?,
                created_at: row.try_get("created_at")?,
                registered_at: row.try_get("registered_at")?,
            })
        };
        rows.iter().map(device).collect()
    }

    /// Removes a device of a user; `false` when there is none.
    pub async fn remove_device(&self, user_id: UserId, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.execute(queries::REMOVE_DEVICE, &[&id, &user_id.0]).await? == 1)
    }

    /// Removes a device of which its push service says that it is gone, unless it has registered again since.
    pub async fn drop_gone_device(&self, id: Uuid, registered_at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.execute(queries::DROP_GONE_DEVICE, &[&id, &registered_at]).await? == 1)
    }

    /// Which of the users have devices.
    pub async fn users_with_devices(&self, users: &[UserId]) -> Result<HashSet<UserId>, StoreError> {
        let rows = self.rows(queries::USERS_WITH_DEVICES, &[&row::uuids(users, |id| id.0)]).await?;
        rows.iter().map(|row| row::user_id(row, "user_id")).collect()
    }
}
