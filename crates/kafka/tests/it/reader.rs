use chat_kafka::{KafkaError, Reader, Spans, committed, delete_topics, ensure_compacted_topic, offsets};

use crate::{DEADLINE, Setup, numbers, take};

async fn values(mut reader: Reader) -> Vec<String> {
    let mut values = Vec::new();
    let reading = async {
        while let Some(record) = reader.next().await.unwrap() {
            values.push(String::from_utf8(record.value().to_vec()).unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.expect("an end");
    values
}

#[tokio::test]
async fn a_reader_ends_at_the_end_that_was_there_when_it_was_opened() {
    let setup = Setup::new(3).await;
    assert!(values(Reader::all(&setup.kafka, &setup.topic()).await.unwrap()).await.is_empty());
    setup.produce("a", numbers(0..500)).await;
    setup.produce("b", numbers(500..600)).await;
    let reader = Reader::all(&setup.kafka, &setup.topic()).await.unwrap();
    assert_eq!(reader.total(), 600);
    setup.produce("a", numbers(600..610)).await;
    let read = values(reader).await;
    assert_eq!(read.iter().filter(|n| n.parse::<u32>().unwrap() < 500).cloned().collect::<Vec<_>>(), numbers(0..500));
    assert_eq!(read.len(), 600);
}

#[tokio::test]
async fn a_reader_of_some_offsets_reads_those_that_there_are() {
    let setup = Setup::new(1).await;
    setup.produce("a", numbers(0..10)).await;
    let spans = |span| Spans::from([(0, span), (7, 0..5)]);
    let of = async |span| values(Reader::some(&setup.kafka, &setup.topic(), &spans(span)).await.unwrap()).await;
    assert_eq!(of(3..6).await, numbers(3..6));
    assert_eq!(of(8..99).await, numbers(8..10));
    assert!(of(10..11).await.is_empty());
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_named() {
    let setup = Setup::new(1).await;
    let missing = setup.topic() + "-missing";
    let error = Reader::all(&setup.kafka, &missing).await.err().unwrap();
    assert!(matches!(&error, KafkaError::NoSuchTopic { topic } if *topic == missing), "{error:?}");
}

#[tokio::test]
async fn what_a_group_has_committed_is_told_by_partition() {
    let setup = Setup::new(2).await;
    setup.produce("a", numbers(0..7)).await;
    let group = setup.kafka.topics().group("group");
    assert!(committed(&setup.kafka, &group, &setup.topic()).await.unwrap().is_empty());
    let mut consumer = setup.consumer();
    take(&mut consumer, 7).await;
    consumer.close().await;
    let told = committed(&setup.kafka, &group, &setup.topic()).await.unwrap();
    assert_eq!(told.values().copied().collect::<Vec<_>>(), [7]);
    let held = offsets(&setup.kafka, &setup.topic()).await.unwrap();
    assert_eq!(told.iter().next().map(|(partition, _)| held[partition].clone()), Some(0..7));
}

#[tokio::test]
async fn a_compacted_topic_is_created_once() {
    let setup = Setup::new(1).await;
    let topic = setup.topic() + "-log";
    assert_eq!(ensure_compacted_topic(&setup.kafka, &topic, 1).await.unwrap().as_slice(), std::slice::from_ref(&topic));
    assert!(ensure_compacted_topic(&setup.kafka, &topic, 1).await.unwrap().is_empty());
    delete_topics(&setup.kafka, &[topic]).await.unwrap();
}
