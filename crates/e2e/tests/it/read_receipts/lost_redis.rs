//! Redis loses everything.

use chat_e2e::{OwnRedis, PATIENCE, Person, System, Talk, deadline};
use chat_protocol::frame::ServerPush;
use chat_testkit::assert_eventually;
use futures_util::future::join_all;

use super::{group_with_messages, mark, next_mark, people};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_redis_was_killed_and_lost_everything_marks_and_counts_are_right_again() {
    const HEAD: i64 = 7;
    let mut redis = OwnRedis::start().await;
    let system = System::on_redis(&redis.url()).await;
    let members = people(&system, 12).await;
    let room = group_with_messages(&system, &members, HEAD - 1).await;
    let mut at_owner = system.connect(1, &members[0], &[(room, None)]).await;
    let read = async |readers: &[Person], seq: i64| {
        join_all(readers.iter().map(|reader| mark(&system, 0, reader, room, seq))).await;
    };
    read(&members[1..], 3).await;
    for _ in &members[1..] {
        next_mark(&mut at_owner).await;
    }
    // These are told, perhaps stored, perhaps not, when Redis goes; the others come when it is away or new.
    read(&members[1..6], 5).await;
    let (later, ()) = tokio::join!(read(&members[6..9], HEAD), redis.lose_everything());
    let () = later;
    read(&members[9..], 6).await;

    let expected = |index: usize| match index {
        0 | 6..9 => HEAD,
        1..6 => 5,
        _ => 6,
    };
    let owner = system.rest(0, &members[0]);
    let exact = async || {
        let marks = owner.read_marks(room).await.unwrap();
        let of = |person: &Person| marks.iter().find(|mark| mark.user_id == person.id).unwrap().last_read_seq;
        members.iter().enumerate().all(|(index, person)| of(person) == expected(index))
    };
    assert_eventually!(exact().await, within = PATIENCE * 4, "marks are right again");
    for (index, person) in members.iter().enumerate() {
        for gateway in [0, 1] {
            let rest = system.rest(gateway, person);
            let listed = rest.rooms().await.unwrap().remove(0);
            assert_eq!((listed.read_seq, listed.unread_count), (expected(index), HEAD - expected(index)), "{index}");
        }
    }
    let summary = system.rest(1, &members[0]).read_summary(room).await.unwrap();
    let positions: Vec<(i64, u32)> =
        summary.positions.iter().map(|position| (position.seq, position.members)).collect();
    assert_eq!(positions, [(7, 4), (6, 3), (5, 5)]);

    // And it goes on: a mark behind is told to nobody, the next one is.
    mark(&system, 1, &members[1], room, 4).await;
    mark(&system, 1, &members[1], room, 6).await;
    let told = at_owner.hear("the next mark", |push| match push {
        ServerPush::Read(receipt) if receipt.user_id == members[1].id && receipt.last_read_seq != 5 => {
            Some(receipt.last_read_seq)
        }
        _ => None,
    });
    assert_eq!(deadline("told again", PATIENCE * 4, told).await, 6);
}
