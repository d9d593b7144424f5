//! The isolation against the real stack.

use std::time::Duration;

use chat_store::Store;
use chat_testkit::{Isolation, assert_eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_isolation_has_its_own_tables_and_topics_and_takes_them_along() {
    let isolation = Isolation::new().await;
    let (kafka, topics, postgres) = (isolation.kafka(), isolation.topics().all(), isolation.postgres());
    Store::new(&postgres).unwrap().ping().await.unwrap();
    assert_eq!(chat_store::migrate(&postgres).await.unwrap(), Vec::<String>::new(), "migrated already");
    assert_eq!(
        chat_kafka::ensure_topics(&kafka, &topics, 3, 1).await.unwrap(),
        Vec::<String>::new(),
        "created already"
    );
    drop(isolation);
    // Kafka carries out deletions a moment later; then all can be created anew.
    assert_eventually!(
        chat_kafka::ensure_topics(&kafka, &topics, 1, 1).await.is_ok_and(|created| created.len() == topics.len()),
        within = Duration::from_secs(10),
        "topics of the isolation are gone"
    );
    chat_kafka::delete_topics(&kafka, &topics).await.unwrap();
    assert_ne!(chat_store::migrate(&postgres).await.unwrap(), Vec::<String>::new(), "the schema was gone");
    chat_store::drop_schema(&postgres).await.unwrap();
}
