use super::*;

/// A room's receipts, and how much time has passed.
struct Stage {
    receipts: Receipts,
    began: Instant,
    ms: u64,
    people: Vec<UserId>,
    /// Who was told one by one, with the seq.
    told: Vec<(usize, i64)>,
}

impl Stage {
    fn new() -> Self {
        let people = (0..400).map(|_| UserId::generate()).collect();
        Self { receipts: Receipts::default(), began: Instant::now(), ms: 0, people, told: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.began + Duration::from_millis(self.ms)
    }

    fn mark(&mut self, person: usize, seq: i64) {
        if self.receipts.take(self.people[person], seq, &seq.to_string(), self.now()) {
            self.told.push((person, seq));
        }
    }

    /// What is told until this time, with the hub's tick.
    fn until(&mut self, ms: u64) -> usize {
        let mut summaries = 0;
        while self.ms < ms {
            self.ms += 50;
            let of = |user: UserId| self.people.iter().position(|person| *person == user).unwrap();
            let due = self.receipts.due(self.began + Duration::from_millis(self.ms));
            self.told.extend(due.into_iter().map(|(user, json)| (of(user), json.parse::<i64>().unwrap())));
            summaries += usize::from(self.receipts.summary_due(self.now()));
        }
        summaries
    }

    fn take(&mut self) -> Vec<(usize, i64)> {
        self.told.sort_unstable();
        std::mem::take(&mut self.told)
    }

    fn read(&mut self, marks: &[(usize, i64)]) -> Vec<(i64, u32)> {
        let marks = marks.iter().map(|(person, seq)| (self.people[*person], *seq)).collect();
        let summary = self.receipts.read(RoomId::generate(), Some(marks), self.now()).unwrap();
        summary.positions.iter().map(|position| (position.seq, position.members)).collect()
    }
}

#[test]
fn a_mark_alone_is_told_at_once_and_what_comes_in_its_window_once_per_member_at_its_end() {
    let mut stage = Stage::new();
    stage.mark(0, 1);
    assert_eq!(stage.take(), [(0, 1)]);
    for seq in 2..9 {
        stage.mark(0, seq);
        stage.mark(1, seq);
    }
    assert_eq!(stage.take(), []);
    stage.until(50);
    assert_eq!(stage.take(), [], "the window goes on");
    stage.until(100);
    assert_eq!(stage.take(), [(0, 8), (1, 8)]);
    stage.mark(0, 9);
    assert_eq!(stage.take(), [], "the next window");
    stage.until(200);
    assert_eq!(stage.take(), [(0, 9)]);
    assert_eq!(stage.until(300), 0);
    stage.mark(0, 10);
    assert_eq!(stage.take(), [(0, 10)], "nothing came in the last window");
}

#[test]
fn a_mark_that_is_not_ahead_is_told_to_nobody() {
    let mut stage = Stage::new();
    for seq in [5, 5, 3, 0, -1] {
        stage.mark(0, seq);
    }
    stage.until(1_000);
    assert_eq!(stage.take(), [(0, 5)]);
}

#[test]
fn fifty_in_a_second_are_told_one_by_one_and_more_by_their_summary() {
    for (readers, singles, summaries) in [(1, 1, 0), (50, 50, 0), (51, 1, 1), (400, 1, 1)] {
        let mut stage = Stage::new();
        for person in 0..readers {
            stage.mark(person, 1);
        }
        assert_eq!(stage.until(900), summaries, "{readers} readers");
        assert_eq!(stage.take().len(), singles, "{readers} readers");
    }
}

#[test]
fn a_stream_of_marks_is_told_within_bounds_and_ends_with_a_summary_after_the_last_change() {
    let mut stage = Stage::new();
    let (mut summaries, mut marks) = (0, vec![(0, 0); 400]);
    // 400 readers at 200 a second, five times.
    for turn in 0..2_000_u64 {
        let (person, seq) = (usize::try_from(turn % 400).unwrap(), i64::try_from(turn / 400).unwrap() + 1);
        summaries += stage.until(turn * 5);
        stage.mark(person, seq);
        marks[person] = (person, seq);
        if stage.receipts.reading {
            stage.read(&marks);
        }
    }
    let singles = stage.take().len();
    assert!(singles <= SINGLES * 11, "{singles} one by one in ten seconds");
    assert!((8..=11).contains(&summaries), "{summaries} summaries in ten seconds");
    let mut last = Vec::new();
    while stage.until(stage.ms + 1_000) > 0 {
        last = stage.read(&marks);
    }
    assert_eq!(last, [(5, 400)]);
}

#[test]
fn after_a_summary_every_change_is_followed_by_another_at_most_one_a_second() {
    let mut stage = Stage::new();
    for person in 0..60 {
        stage.mark(person, 1);
    }
    assert_eq!(stage.until(50), 1);
    stage.mark(0, 2);
    assert_eq!(stage.until(2_000), 0, "one at a time");
    let marks: Vec<(usize, i64)> = (0..60).map(|person| (person, 1)).collect();
    assert_eq!(stage.read(&marks), [(2, 1), (1, 59)], "what was told stays, whatever the stores say");
    assert_eq!(stage.until(2_950), 0);
    assert_eq!(stage.until(3_000), 1, "what came during the reading is in the next");
    assert!(stage.receipts.read(RoomId::generate(), None, stage.now()).is_none());
    assert_eq!(stage.until(4_000), 1, "tried again");
    assert_eq!(stage.read(&[(0, 2), (1, 4)]), [(4, 1), (2, 1)], "who left is not counted");
    assert_eq!(stage.until(9_000), 0, "nothing changed");
    stage.take();
    stage.mark(1, 3);
    assert_eq!((stage.until(9_500), stage.take()), (0, vec![]), "behind what the summary told");
    stage.mark(1, 5);
    assert_eq!((stage.until(9_600), stage.take()), (1, vec![(1, 5)]), "told by itself and in a summary");
}

#[test]
fn what_waited_in_a_process_that_slept_is_not_told_and_a_new_connection_brings_a_summary_where_there_was_one() {
    let mut stage = Stage::new();
    stage.mark(0, 1);
    stage.mark(1, 1);
    stage.receipts.slept();
    stage.receipts.unsure();
    assert_eq!((stage.until(500), stage.take()), (0, vec![(0, 1)]));
    for person in 0..60 {
        stage.mark(person, 2);
    }
    assert_eq!(stage.until(600), 1);
    stage.read(&[]);
    stage.receipts.unsure();
    assert_eq!(stage.until(1_700), 1);
}

#[test]
fn nothing_is_remembered_of_those_who_left() {
    let mut stage = Stage::new();
    for person in 0..60 {
        stage.mark(person, 2);
    }
    assert_eq!(stage.until(100), 1);
    assert_eq!(stage.read(&[(0, 1), (60, 1)]), [(2, 1), (1, 1)]);
    assert_eq!(stage.receipts.told.len(), 2);
}
