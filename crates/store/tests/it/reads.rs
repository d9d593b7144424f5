use chat_protocol::ClientMessageId;

use crate::{Db, message};

fn seqs(page: &chat_store::Page) -> Vec<i64> {
    page.entries.iter().map(|entry| entry.seq).collect()
}

#[tokio::test]
async fn history_pages_both_ways_and_says_whether_there_is_more() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let ids: Vec<ClientMessageId> = (0..9).map(|_| ClientMessageId::generate()).collect();
    let batch: Vec<_> = ids.iter().map(|id| message(room, alice, id, "hi")).collect();
    db.store.append_messages(&batch).await.unwrap();
    let newest = db.store.page_before(room, i64::MAX, 1, 4).await.unwrap();
    assert_eq!((seqs(&newest), newest.more), (vec![10, 9, 8, 7], true));
    let oldest = db.store.page_before(room, 3, 1, 4).await.unwrap();
    assert_eq!((seqs(&oldest), oldest.more), (vec![2, 1], false));
    let clamped = db.store.page_before(room, i64::MAX, 9, 4).await.unwrap();
    assert_eq!((seqs(&clamped), clamped.more), (vec![10, 9], false), "nothing from before the membership");
    let after = db.store.page_after(room, 7, 2).await.unwrap();
    assert_eq!((seqs(&after), after.more), (vec![8, 9], true));
    assert_eq!(db.store.heads(&[room]).await.unwrap(), [(room, 10)]);
    db.drop().await;
}

#[tokio::test]
async fn history_is_found_by_offset_and_an_entry_by_its_id() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let (room, other) = (db.group(alice, &[]).await, db.group(alice, &[]).await);
    let ids: Vec<ClientMessageId> = (0..9).map(|_| ClientMessageId::generate()).collect();
    let batch: Vec<_> = ids.iter().map(|id| message(room, alice, id, "hi")).collect();
    db.store.append_messages(&batch).await.unwrap();
    let page = |visible_from, offset, limit| db.store.page_at_offset(room, visible_from, offset, limit);
    for (visible_from, offset, limit, expected, more) in [
        (1, 0, 3, vec![10, 9, 8], true),
        (1, 3, 3, vec![7, 6, 5], true),
        (1, 8, 3, vec![2, 1], false),
        (1, 10, 3, vec![], false),
        (9, 1, 3, vec![9], false),
        (9, 2, 3, vec![], false),
    ] {
        let page = page(visible_from, offset, limit).await.unwrap();
        assert_eq!((seqs(&page), page.more), (expected, more), "from {visible_from}, offset {offset}");
    }
    let entry = page(1, 2, 1).await.unwrap().entries.remove(0);
    assert_eq!(db.store.seq_of_message(room, entry.message_id).await.unwrap(), Some(8));
    assert_eq!(db.store.seq_of_message(other, entry.message_id).await.unwrap(), None, "another room's");
    db.drop().await;
}

#[tokio::test]
async fn users_are_found_by_the_beginning_of_their_nickname() {
    let db = Db::new().await;
    let (kim, _) = (db.user("Kim_민수").await, db.user("Lee").await);
    let found = db.store.users_by_prefix("kim_", 10).await.unwrap();
    assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [kim]);
    assert_eq!(db.store.users_by_prefix("%", 10).await.unwrap(), [], "wildcards are characters");
    db.drop().await;
}
