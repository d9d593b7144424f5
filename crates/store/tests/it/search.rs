use std::time::Duration;

use chat_protocol::{ClientMessageId, Entry, EntryType, MessageId, RoomId, UserId};
use chat_store::{Applied, SearchOutcome, SearchQuery};

use crate::{DELETE, Db, changed, edit, message, room_command};

impl Db {
    async fn find_page(&self, query: SearchQuery<'_>) -> (Vec<Entry>, bool) {
        match self.store.search(query).await.unwrap() {
            SearchOutcome::Found { messages, more } => (messages.into_iter().map(|found| found.entry).collect(), more),
            other => panic!("{other:?}"),
        }
    }

    /// What the user finds, newest first.
    async fn find(&self, user_id: UserId, text: &str) -> Vec<String> {
        let query = SearchQuery { user_id, room_id: None, text, before: None, limit: 50 };
        self.find_page(query).await.0.into_iter().map(|entry| entry.content).collect()
    }

    /// Messages that the index alone knows to have a word which ends with this character.
    async fn indexed(&self, room: RoomId, last: &str) -> i64 {
        let count = "SELECT count(*) FROM messages WHERE type = 'TEXT' AND deleted_at IS NULL
                     AND search_terms(room_id, seq, content) @@ (SELECT search_terms($1, 1, $2)::TEXT::TSQUERY)";
        self.sql(async |client| {
            client.batch_execute("SET enable_seqscan = off").await.unwrap();
            client.query_one(count, &[&room.0, &last]).await.unwrap().get(0)
        })
        .await
    }
}

#[tokio::test]
async fn words_of_any_language_are_found_inside_longer_ones() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let texts = [
        "내일 점심같이 먹을래요?",
        "Lunch tomorrow AT the Café",
        "明日は東京タワーで会いましょう",
        "ＦＵＬＬ　ｗｉｄｔｈ",
        "찬성 👍🏽 100%_sure c:\\temp \"quoted\" it's",
        "밥",
        "cafe\u{301} in two pieces",
        "first\nsecond\tthird",
    ];
    for text in texts {
        db.say(room, alice, text).await;
    }
    let nothing: &[usize] = &[];
    for (query, expected) in [
        ("점심", &[0][..]),
        ("심같", &[0]),
        ("먹을 내일", &[0]),
        ("먹을 모레", nothing),
        ("lunch", &[1]),
        ("LUNCH the", &[1]),
        ("unc", &[1]),
        ("京タ", &[2]),
        ("東京タワー", &[2]),
        ("full width", &[3]),
        ("ｌｕｎｃｈ", &[1]),
        ("👍🏽", &[4]),
        ("👍", &[4]),
        ("0%_s", &[4]),
        ("%", &[4]),
        ("_", &[4]),
        ("c:\\temp", &[4]),
        ("\\", &[4]),
        ("\"quoted\" it's", &[4]),
        ("' & | ! :* <->", nothing),
        ("밥", &[5]),
        ("점", &[0]),
        ("요?", &[0]),
        ("?", &[0]),
        ("CAFÉ", &[6, 1]),
        ("cafe\u{301}", &[6, 1]),
        ("first third", &[7]),
        ("zzz", nothing),
    ] {
        let expected: Vec<&str> = expected.iter().map(|index| texts[*index]).collect();
        assert_eq!(db.find(alice, query).await, expected, "{query}");
    }
    db.drop().await;
}

#[tokio::test]
async fn only_messages_of_ones_own_rooms_since_one_joined_are_found() {
    let db = Db::new().await;
    let (alice, bob, eve) = (db.user("alice").await, db.user("bob").await, db.user("eve").await);
    let room = db.group(alice, &[]).await;
    db.say(room, alice, "before treasure").await;
    let (invitation, leaving) = (ClientMessageId::generate(), ClientMessageId::generate());
    let invited = db.store.invite_members(&room_command(room, alice, &invitation), &[bob]).await.unwrap();
    assert!(matches!(invited, Applied::Committed { .. }), "{invited:?}");
    db.say(room, alice, "after treasure").await;
    let picture = ClientMessageId::generate();
    let picture = chat_store::NewMessage { entry_type: EntryType::Image, ..message(room, alice, &picture, "treasure") };
    db.store.append_messages(&[picture]).await.unwrap();
    assert_eq!(db.find(alice, "treasure").await, ["after treasure", "before treasure"]);
    assert_eq!(db.find(bob, "treasure").await, ["after treasure"]);
    assert_eq!(db.find(bob, "team").await, Vec::<String>::new(), "system entries are not found");
    assert_eq!(db.find(eve, "treasure").await, Vec::<String>::new());
    let left = db.store.leave_room(&room_command(room, bob, &leaving)).await.unwrap();
    assert!(matches!(left, Applied::Committed { .. }), "{left:?}");
    assert_eq!(db.find(bob, "treasure").await, Vec::<String>::new());
    db.drop().await;
}

#[tokio::test]
async fn what_was_deleted_or_edited_away_is_not_found_and_has_left_the_index() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let (deleted, edited) = (db.say(room, alice, "비밀번호 one").await, db.say(room, alice, "비밀번호 two").await);
    assert_eq!((db.find(alice, "비밀").await.len(), db.indexed(room, "호").await), (2, 2));
    changed(db.change(room, alice, deleted.message_id, DELETE).await);
    changed(db.change(room, alice, edited.message_id, edit("새로운 text")).await);
    assert_eq!(db.find(alice, "비밀").await, Vec::<String>::new());
    assert_eq!(db.find(alice, "새로").await, ["새로운 text"]);
    assert_eq!(db.indexed(room, "호").await, 0);
    db.drop().await;
}

#[tokio::test]
async fn pages_of_several_rooms_are_complete_without_duplicates_and_newest_first() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let rooms = [db.group(alice, &[]).await, db.group(alice, &[]).await, db.group(alice, &[]).await];
    let mut said: Vec<MessageId> = Vec::new();
    for turn in 0..6 {
        // Messages of one batch have the same time.
        let ids: Vec<ClientMessageId> = (0..6).map(|_| ClientMessageId::generate()).collect();
        let places = ids.iter().enumerate().map(|(place, id)| (rooms[(turn + place) % 3], id));
        let batch: Vec<_> = places.map(|(room, id)| message(room, alice, id, "needle in hay")).collect();
        said.extend(batch.iter().map(|message| message.message_id));
        db.store.append_messages(&batch).await.unwrap();
        db.say(rooms[0], alice, "only hay").await;
    }
    for limit in [1, 4, 35, 36, 50] {
        let (mut found, mut before): (Vec<Entry>, _) = (Vec::new(), None);
        loop {
            let query = SearchQuery { user_id: alice, room_id: None, text: "needle", before, limit };
            let (page, more) = db.find_page(query).await;
            assert!(page.len() == limit as usize || !more);
            before = page.last().map(|last| last.message_id);
            found.extend(page);
            if !more {
                break;
            }
        }
        assert!(found.is_sorted_by_key(|entry| std::cmp::Reverse(entry.sent_at)), "pages of {limit}");
        let mut ids: Vec<MessageId> = found.iter().map(|entry| entry.message_id).collect();
        let mut expected = said.clone();
        ids.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ids, expected, "pages of {limit}");
    }
    let query = SearchQuery { user_id: alice, room_id: Some(rooms[1]), text: "needle", before: None, limit: 50 };
    let (page, more) = db.find_page(query).await;
    assert_eq!((page.len(), more), (12, false));
    assert!(page.iter().all(|entry| entry.room_id == rooms[1]));
    db.drop().await;
}

#[tokio::test]
async fn a_room_is_searched_across_stretches_of_the_index() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    let mut expected = vec![db.say(room, alice, "needle").await.seq];
    for head in [1_022, 1_023, 1_024, 3_071, 3_072] {
        let grow = "UPDATE rooms SET head_seq = $2 WHERE id = $1";
        db.sql(async |client| client.execute(grow, &[&room.0, &i64::from(head)]).await.unwrap()).await;
        expected.insert(0, db.say(room, alice, "needle").await.seq);
    }
    let seqs = |page: (Vec<Entry>, bool)| (page.0.iter().map(|entry| entry.seq).collect::<Vec<_>>(), page.1);
    let query = |before, limit| SearchQuery { user_id: alice, room_id: None, text: "needle", before, limit };
    let all = db.find_page(query(None, 50)).await;
    let third = all.0[2].message_id;
    assert_eq!(seqs(all), (expected.clone(), false));
    assert_eq!(seqs(db.find_page(query(None, 2)).await), (expected[..2].to_vec(), true));
    assert_eq!(seqs(db.find_page(query(Some(third), 2)).await), (expected[3..5].to_vec(), true));
    db.drop().await;
}

#[tokio::test]
async fn a_search_that_takes_too_long_or_starts_nowhere_says_so() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    db.say(room, alice, "hay").await;
    let query = SearchQuery { user_id: alice, room_id: None, text: "hay", before: None, limit: 5 };
    assert_eq!(db.store.search_within(query, Duration::ZERO).await.unwrap(), SearchOutcome::TooBroad);
    let query = SearchQuery { before: Some(MessageId::generate()), ..query };
    assert_eq!(db.store.search(query).await.unwrap(), SearchOutcome::UnknownBefore);
    db.drop().await;
}

#[tokio::test]
async fn a_very_long_message_is_found_by_its_first_500_characters() {
    let db = Db::new().await;
    let alice = db.user("alice").await;
    let room = db.group(alice, &[]).await;
    db.say(room, alice, &format!("{} early {} late", "x".repeat(490), "y".repeat(200))).await;
    db.say(room, alice, &"ﷺ".repeat(1_000)).await;
    assert_eq!(db.find(alice, "early").await.len(), 1);
    assert_eq!(db.find(alice, "late").await.len(), 0);
    assert_eq!(db.find(alice, "صلى").await.len(), 1);
    db.drop().await;
}
