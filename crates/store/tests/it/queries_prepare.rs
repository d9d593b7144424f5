use crate::Db;

#[tokio::test]
async fn every_query_prepares_on_the_migrated_schema() {
    let db = Db::new().await;
    for (file, query) in chat_store::QUERIES {
        if let Err(error) = db.store.prepare(query).await {
            panic!("{file}: {error}");
        }
    }
    db.drop().await;
}

#[tokio::test]
async fn migrating_twice_at_once_applies_each_migration_once() {
    let db = Db::new().await;
    chat_store::drop_schema(&db.config).await.unwrap();
    let (first, second) = tokio::join!(chat_store::migrate(&db.config), chat_store::migrate(&db.config));
    let applied = [first.unwrap().len(), second.unwrap().len()];
    assert!(applied.contains(&0) && applied.iter().sum::<usize>() > 0, "{applied:?}");
    db.drop().await;
}
