//! Topics and groups, as setup, checks and tests need them.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError as ClientError, RDKafkaErrorCode},
};

use crate::{KafkaConfig, KafkaError};

const TIMEOUT: Duration = Duration::from_secs(10);

fn client(config: &KafkaConfig) -> ClientConfig {
    let mut client = config.client("chat-admin");
    client.remove("statistics.interval.ms");
    config.finish(client)
}

fn admin(config: &KafkaConfig) -> Result<AdminClient<DefaultClientContext>, KafkaError> {
    client(config).create().map_err(KafkaError::Client)
}

/// Creates the topics that are missing and returns their names. Safe to run twice, also at once.
pub async fn ensure_topics(
    config: &KafkaConfig,
    topics: &[String],
    partitions: i32,
    replication: i32,
) -> Result<Vec<String>, KafkaError> {
    let new: Vec<NewTopic<'_>> =
        topics.iter().map(|name| NewTopic::new(name, partitions, TopicReplication::Fixed(replication))).collect();
    create(config, &new).await
}

/// Creates a topic of one partition that keeps the last record of every key for ever, if it is missing, and returns its name then.
pub async fn ensure_compacted_topic(
    config: &KafkaConfig,
    topic: &str,
    replication: i32,
) -> Result<Vec<String>, KafkaError> {
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(replication)).set("cleanup.policy", "compact");
    create(config, &[new]).await
}

async fn create(config: &KafkaConfig, new: &[NewTopic<'_>]) -> Result<Vec<String>, KafkaError> {
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    let results = admin(config)?.create_topics(new, &options).await;
    let results = results.map_err(|source| KafkaError::Admin { what: "topic creation", source })?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(topic) => created.push(topic),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(KafkaError::Topic { topic, code }),
        }
    }
    Ok(created)
}

/// Deletes topics; those that are not there are fine.
pub async fn delete_topics(config: &KafkaConfig, topics: &[String]) -> Result<(), KafkaError> {
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    let results = admin(config)?.delete_topics(&names, &options).await;
    for result in results.map_err(|source| KafkaError::Admin { what: "topic deletion", source })? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => return Err(KafkaError::Topic { topic, code }),
        }
    }
    Ok(())
}

/// Asks the cluster for its brokers and returns how many there are.
pub async fn cluster_reachable(config: &KafkaConfig, within: Duration) -> Result<usize, KafkaError> {
    blocking("metadata request", config, None, move |consumer| {
        consumer.fetch_metadata(None, within).map(|metadata| metadata.brokers().len())
    })
    .await
}

/// The offsets that each partition of a topic holds now.
pub async fn offsets(config: &KafkaConfig, topic: &str) -> Result<BTreeMap<i32, Range<i64>>, KafkaError> {
    let name = topic.to_owned();
    let offsets = blocking("offset request", config, None, move |consumer| {
        let mut offsets = BTreeMap::new();
        for partition in partitions(consumer, &name)? {
            let (low, high) = consumer.fetch_watermarks(&name, partition, TIMEOUT)?;
            offsets.insert(partition, low..high);
        }
        Ok(offsets)
    })
    .await?;
    if offsets.is_empty() { Err(KafkaError::NoSuchTopic { topic: topic.to_owned() }) } else { Ok(offsets) }
}

/// What a group (its full name) has committed of a topic: the next offset of each partition that it has read from.
pub async fn committed(config: &KafkaConfig, group: &str, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let topic = topic.to_owned();
    blocking("request for committed offsets", config, Some(group.to_owned()), move |consumer| {
        let mut list = TopicPartitionList::new();
        for partition in partitions(consumer, &topic)? {
            list.add_partition(&topic, partition);
        }
        let committed = consumer.committed_offsets(list, TIMEOUT)?;
        let offset = |entry: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match entry.offset() {
            Offset::Offset(offset) => Some((entry.partition(), offset)),
            _ => None,
        };
        Ok(committed.elements().into_iter().filter_map(offset).collect())
    })
    .await
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>, ClientError> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
    Ok(partitions.map(rdkafka::metadata::MetadataPartition::id).collect())
}

/// How many records of the topics a service's group has not committed yet.
pub async fn group_lag(config: &KafkaConfig, service: &str, topics: &[String]) -> Result<i64, KafkaError> {
    let topics = topics.to_vec();
    blocking("lag request", config, Some(config.topics().group(service)), move |consumer| {
        let mut lag = 0;
        for topic in &topics {
            let mut list = TopicPartitionList::new();
            for partition in partitions(consumer, topic)? {
                list.add_partition(topic, partition);
            }
            for committed in consumer.committed_offsets(list, TIMEOUT)?.elements() {
                let (low, high) = consumer.fetch_watermarks(topic, committed.partition(), TIMEOUT)?;
                let next = if let Offset::Offset(offset) = committed.offset() { offset } else { low };
                lag += (high - next).max(0);
            }
        }
        Ok(lag)
    })
    .await
}

/// Runs blocking requests of a consumer that joins no group, on a thread for that.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    config: &KafkaConfig,
    group: Option<String>,
    ask: impl FnOnce(&BaseConsumer) -> Result<T, ClientError> + Send + 'static,
) -> Result<T, KafkaError> {
    let mut client = client(config);
    client.set("group.id", group.as_deref().unwrap_or("chat-admin"));
    let answer = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create().map_err(KafkaError::Client)?;
        ask(&consumer).map_err(|source| KafkaError::Admin { what, source })
    });
    answer.await.map_err(|_| KafkaError::Cancelled)?
}
