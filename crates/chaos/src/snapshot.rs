//! What a killed consumer had committed and what was stored by then, read while it is dead.

use anyhow::Context as _;
use chat_checker::history::{Offset, Stored};

use crate::{faults::topic_of, plan::Component, world::World};

#[derive(Debug, Default)]
pub struct Snapshot {
    pub group: Option<String>,
    pub offsets: Vec<Offset>,
    pub stored: Vec<Stored>,
}

/// Reads it; nothing of what takes no records from Kafka. Offsets first: what another instance does meanwhile can only add to what is stored.
pub async fn read(world: &World, component: Component, fault: &str) -> anyhow::Result<Snapshot> {
    let Some(topic) = topic_of(component, world) else { return Ok(Snapshot::default()) };
    let group = world.kafka.topics().group(component.name());
    let committed = chat_kafka::committed(&world.kafka, &group, &topic).await.context("committed offsets")?;
    let offset = |(partition, offset)| Offset {
        fault: fault.to_owned(),
        group: group.clone(),
        topic: topic.clone(),
        partition,
        offset,
    };
    let offsets = committed.into_iter().map(offset).collect();
    let stored = stored(world, fault).await.context("what is stored at the kill")?;
    Ok(Snapshot { group: Some(group), offsets, stored })
}

/// Places of a room are used in order, so its head says which of its records are stored.
async fn stored(world: &World, fault: &str) -> anyhow::Result<Vec<Stored>> {
    let members = world.store.dump_members().await?;
    let mut rooms: Vec<_> = members.iter().map(|member| member.room_id).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let heads = world.store.heads(&rooms).await?.into_iter().map(|(room, seq)| (room, None, seq));
    let marks = members.iter().map(|member| (member.room_id, Some(member.user_id), member.read_seq));
    Ok(heads.chain(marks).map(|(room, user, seq)| Stored { fault: fault.to_owned(), room, user, seq }).collect())
}
