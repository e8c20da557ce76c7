//! Each kind of fault, planted into a history that is right.

use super::*;

const ROOM: Conversation = 3;

fn hash(seed: u64) -> Hash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&seed.to_be_bytes());
    hash
}

fn content(device: Device, counter: u64) -> Hash {
    hash(device as u64 * 1_000 + counter)
}

/// Two devices in one conversation, each with five records from counter 3 on, by turns, above
/// sequence 5.
fn right() -> History {
    let mut history = History::default();
    let mut records = Vec::new();
    for number in 0..10_u64 {
        let (device, counter) = ((number % 2) as usize, 3 + number / 2);
        records.push(Record {
            sequence: 6 + number,
            sender: Some(device),
            counter,
            content: content(device, counter),
            head: hash(77 + number),
        });
    }
    for device in 0..2 {
        let own = records
            .iter()
            .filter(|record| record.sender == Some(device));
        let submit = |record: &Record| Submit {
            conversation: ROOM,
            counter: record.counter,
            content: record.content,
            accepted: 1,
            outcomes: vec![Told::Applied(record.sequence)],
        };
        let received = |record: &Record| Received {
            conversation: ROOM,
            record: *record,
            read: record.content,
        };
        history.diaries.push(Diary {
            member_of: vec![ROOM],
            submits: own.map(submit).collect(),
            received: records.iter().map(received).collect(),
            rolled_back: false,
        });
        history.cursors.extend([7, 9].map(|stored| Cursor {
            device,
            conversation: ROOM,
            acked: stored,
            stored,
            head: 10,
        }));
    }
    let held = Held {
        after: 5,
        dense: true,
        records,
    };
    history.held.insert(ROOM, held);
    history
}

fn found(change: impl FnOnce(&mut History)) -> Vec<Violation> {
    let mut history = right();
    change(&mut history);
    check(&history)
}

fn held(history: &mut History) -> &mut Vec<Record> {
    &mut history.held.get_mut(&ROOM).unwrap().records
}

#[test]
fn a_history_that_is_right_passes() {
    assert_eq!(check(&right()), []);
}

#[test]
fn an_accepted_record_without_a_place_is_lost() {
    let found = found(|history| {
        let submit = Submit {
            counter: 8,
            outcomes: Vec::new(),
            ..history.diaries[1].submits[4].clone()
        };
        history.diaries[1].submits.push(submit);
    });
    let lost = Violation::Lost {
        device: 1,
        conversation: ROOM,
        counter: 8,
    };
    assert_eq!(found, [lost]);
}

#[test]
fn a_record_whose_acceptance_is_unknown_may_be_there_or_not() {
    let found = found(|history| {
        history.diaries[1].submits[4].accepted = 0;
        let mut submit = history.diaries[1].submits[4].clone();
        (submit.counter, submit.outcomes) = (8, Vec::new());
        history.diaries[1].submits.push(submit);
    });
    assert_eq!(found, []);
}

#[test]
fn a_record_that_the_server_dropped_from_the_end_is_lost_and_its_readers_say_so() {
    let found = found(|history| {
        held(history).pop();
    });
    assert!(found.contains(&Violation::Lost {
        device: 1,
        conversation: ROOM,
        counter: 7
    }));
    assert!(found.contains(&Violation::Invented {
        conversation: ROOM,
        sequence: 15
    }));
}

#[test]
fn a_record_in_the_middle_that_is_gone_leaves_a_gap() {
    let found = found(|history| {
        held(history).remove(4);
    });
    assert!(found.contains(&Violation::Gap {
        conversation: ROOM,
        expected: 10,
        found: 11
    }));
    assert!(found.contains(&Violation::Lost {
        device: 0,
        conversation: ROOM,
        counter: 5
    }));
}

#[test]
fn a_record_in_two_places_is_doubled() {
    let found = found(|history| {
        let again = Record {
            sequence: 16,
            ..held(history)[9]
        };
        held(history).push(again);
        for diary in &mut history.diaries {
            let read = again.content;
            diary.received.push(Received {
                conversation: ROOM,
                record: again,
                read,
            });
        }
    });
    assert_eq!(
        found,
        [Violation::Doubled {
            conversation: ROOM,
            sequence: 16
        }]
    );
}

#[test]
fn a_record_that_a_device_applied_twice_is_doubled() {
    let found = found(|history| {
        let again = history.diaries[0].received[9];
        history.diaries[0].received.push(again);
    });
    assert_eq!(
        found,
        [Violation::Doubled {
            conversation: ROOM,
            sequence: 15
        }]
    );
}

#[test]
fn a_senders_records_in_another_order_are_found_though_all_see_the_same() {
    let found = found(|history| {
        let swap = |one: &mut Record, other: &mut Record| {
            std::mem::swap(&mut one.counter, &mut other.counter);
            std::mem::swap(&mut one.content, &mut other.content);
        };
        let records = held(history);
        let (left, right) = records.split_at_mut(4);
        swap(&mut left[2], &mut right[0]);
        let records = records.clone();
        for diary in &mut history.diaries {
            for (received, record) in diary.received.iter_mut().zip(&records) {
                (received.record, received.read) = (*record, record.content);
            }
            diary.submits[1].outcomes.clear();
            diary.submits[2].outcomes.clear();
        }
    });
    let reordered = Violation::Reordered {
        conversation: ROOM,
        sequence: 10,
    };
    assert!(found.contains(&reordered), "{found:?}");
}

#[test]
fn a_device_that_got_records_in_another_order_is_found() {
    let found = found(|history| history.diaries[1].received.swap(2, 5));
    let reordered = |violation: &Violation| matches!(violation, Violation::Reordered { .. });
    assert!(found.iter().any(reordered), "{found:?}");
}

#[test]
fn a_device_that_skipped_a_record_has_a_gap() {
    let found = found(|history| {
        history.diaries[1].received.remove(5);
    });
    assert_eq!(
        found,
        [Violation::Gap {
            conversation: ROOM,
            expected: 11,
            found: 12
        }]
    );
}

#[test]
fn a_device_that_never_saw_the_end_is_found() {
    let found = found(|history| history.diaries[0].received.truncate(7));
    let undelivered = Violation::Undelivered {
        device: 0,
        conversation: ROOM,
        first: 13,
        count: 3,
    };
    assert_eq!(found, [undelivered]);
}

#[test]
fn two_devices_with_other_head_hashes_have_diverged() {
    let found = found(|history| history.diaries[1].received[3].record.head[0] ^= 1);
    assert_eq!(
        found,
        [Violation::Diverged {
            conversation: ROOM,
            sequence: 9
        }]
    );
}

#[test]
fn a_sender_that_was_told_another_place_has_diverged() {
    let found = found(|history| history.diaries[0].submits[1].outcomes = vec![Told::Applied(9)]);
    assert_eq!(
        found,
        [Violation::Diverged {
            conversation: ROOM,
            sequence: 9
        }]
    );
}

#[test]
fn an_accepted_record_has_exactly_one_outcome() {
    let refused = Told::Refused("too_late".to_owned());
    for (told, outcomes) in [(0, vec![]), (2, vec![Told::Applied(8), refused])] {
        let found = found(|history| history.diaries[0].submits[1].outcomes = outcomes);
        let wrong = Violation::Outcomes {
            device: 0,
            conversation: ROOM,
            counter: 4,
            told,
        };
        assert!(found.contains(&wrong), "{found:?}");
    }
}

#[test]
fn a_refusal_of_a_record_that_has_a_place_is_found() {
    let refused = Told::Refused("counter_gap".to_owned());
    let found = found(|history| history.diaries[0].submits[1].outcomes = vec![refused]);
    assert_eq!(
        found,
        [Violation::Diverged {
            conversation: ROOM,
            sequence: 8
        }]
    );
}

#[test]
fn a_record_that_nobody_handed_in_is_invented() {
    let found = found(|history| {
        history.diaries[1].submits.pop();
    });
    assert_eq!(
        found,
        [Violation::Invented {
            conversation: ROOM,
            sequence: 15
        }]
    );
}

#[test]
fn another_content_than_was_handed_in_is_altered() {
    let found = found(|history| history.diaries[0].submits[0].content[9] ^= 4);
    assert_eq!(
        found,
        [Violation::Altered {
            conversation: ROOM,
            sequence: 6
        }]
    );
}

#[test]
fn a_payload_that_came_bent_is_altered() {
    let found = found(|history| history.diaries[0].received[1].read[31] ^= 128);
    assert_eq!(
        found,
        [Violation::Altered {
            conversation: ROOM,
            sequence: 7
        }]
    );
}

#[test]
fn a_cursor_that_went_back_passed_the_head_or_forgot_an_ack_is_found() {
    let broken = [Violation::Cursor {
        device: 1,
        conversation: ROOM,
    }];
    let lower = |history: &mut History| {
        history.cursors[3].stored = 6;
        history.cursors[3].acked = 6;
    };
    assert_eq!(found(lower), broken);
    assert_eq!(found(|history| history.cursors[3].head = 8), broken);
    assert_eq!(found(|history| history.cursors[3].acked = 10), broken);
    assert_eq!(
        found(|history| history.diaries[1].rolled_back = true),
        broken
    );
}

#[test]
fn of_filtered_records_only_the_order_is_asked() {
    let found = found(|history| {
        let held = history.held.get_mut(&ROOM).unwrap();
        held.dense = false;
        for record in &mut held.records {
            record.sequence *= 2;
        }
        for diary in &mut history.diaries {
            for received in &mut diary.received {
                received.record.sequence *= 2;
            }
            for submit in &mut diary.submits {
                (submit.accepted, submit.outcomes) = (0, Vec::new());
            }
        }
    });
    assert_eq!(found, []);
}
