//! The room list as it is written first: a query for the memberships, and three more for each room. Kept to compare with.

use tokio_postgres::Client;
use uuid::Uuid;

/// Rooms, latest first, with their unread count; and how many queries it took.
pub async fn list_rooms(client: &Client, user_id: Uuid) -> anyhow::Result<(Vec<(Uuid, i64)>, usize)> {
    let memberships =
        client.prepare("SELECT room_id, read_number FROM room_members WHERE user_id = $1 AND left_seq IS NULL").await?;
    let room =
        client.prepare("SELECT type, name, head_seq, last_number, member_count FROM rooms WHERE id = $1").await?;
    let last = client.prepare("SELECT * FROM entries WHERE room_id = $1 ORDER BY seq DESC LIMIT 1").await?;
    let peer = client
        .prepare(
            "SELECT u.nickname FROM room_members p JOIN users u ON u.id = p.user_id
             WHERE p.room_id = $1 AND p.user_id <> $2 LIMIT 1",
        )
        .await?;
    let mut queries = 1;
    let mut rooms = Vec::new();
    for membership in client.query(&memberships, &[&user_id]).await? {
        let (room_id, read_number): (Uuid, i64) = (membership.try_get(0)?, membership.try_get(1)?);
        let found = client.query_one(&room, &[&room_id]).await?;
        let entry = client.query_one(&last, &[&room_id]).await?;
        client.query(&peer, &[&room_id, &user_id]).await?;
        queries += 3;
        let at: std::time::SystemTime = entry.try_get("created_at")?;
        rooms.push((std::cmp::Reverse(at), room_id, found.try_get::<_, i64>("last_number")? - read_number));
    }
    rooms.sort_unstable();
    Ok((rooms.into_iter().map(|(_, room_id, unread)| (room_id, unread)).collect(), queries))
}
