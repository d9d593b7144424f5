//! Everything that a topic holds, and how far a group has come: for proofs about small topics.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError as ClientError,
    metadata::MetadataTopic,
    topic_partition_list::TopicPartitionListElem,
    types::RDKafkaErrorCode,
};

use crate::{KafkaConfig, KafkaError, Record, admin};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads a topic from its beginning to its present end, within `within`. All of it is held in memory.
pub async fn read_topic(config: &KafkaConfig, topic: &str, within: Duration) -> Result<Vec<Record>, KafkaError> {
    let topic: Arc<str> = topic.into();
    let mut config = config.clone();
    config.properties.insert("enable.partition.eof".to_owned(), "true".to_owned());
    config.properties.insert("enable.auto.commit".to_owned(), "false".to_owned());
    admin::blocking("reading of a topic", &config, None, move |consumer| {
        let all = partitions(consumer, &topic, Offset::Beginning)?;
        let mut unfinished: HashSet<i32> = all.elements().iter().map(TopicPartitionListElem::partition).collect();
        consumer.assign(&all)?;
        let (mut records, until) = (Vec::new(), Instant::now() + within);
        while !unfinished.is_empty() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => records.push(Record::from_message(&message, Arc::clone(&topic))),
                Some(Err(ClientError::PartitionEOF(partition))) => drop(unfinished.remove(&partition)),
                Some(Err(error)) => return Err(error),
                None if Instant::now() > until => {
                    return Err(ClientError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
                }
                None => {}
            }
        }
        Ok(records)
    })
    .await
}

/// What a service's group has committed on a topic: partition and offset, of those partitions where it has committed something.
pub async fn committed_offsets(
    config: &KafkaConfig,
    service: &str,
    topic: &str,
) -> Result<Vec<(i32, i64)>, KafkaError> {
    let topic = topic.to_owned();
    admin::blocking("offset request", config, Some(config.topics().group(service)), move |consumer| {
        let asked = partitions(consumer, &topic, Offset::Invalid)?;
        let committed = consumer.committed_offsets(asked, TIMEOUT)?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Ok(committed.elements().iter().filter_map(|it| Some((it.partition(), offset(it.offset())?))).collect())
    })
    .await
}

fn partitions(consumer: &BaseConsumer, topic: &str, offset: Offset) -> Result<TopicPartitionList, ClientError> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
        list.add_partition_offset(topic, partition.id(), offset)?;
    }
    Ok(list)
}
