use super::*;

const LIVE: ConversationId = conversation(1);
const SILENT: ConversationId = conversation(2);

const fn conversation(n: u8) -> ConversationId {
    ConversationId::new([n; 32])
}

/// Pushes one record each; how many were admitted.
fn push(window: &mut Window, to: ConversationId, sequences: std::ops::RangeInclusive<u64>) -> u32 {
    let mut admitted = 0;
    for sequence in sequences {
        admitted += u32::from(window.admit(to, Sequence(sequence), 1));
    }
    admitted
}

#[test]
fn a_device_that_does_not_acknowledge_is_pushed_a_bounded_number_of_records_of_a_conversation() {
    let mut window = Window::new(256);
    assert_eq!(push(&mut window, SILENT, 1..=1_000), 64);
}

#[test]
fn many_conversations_together_are_pushed_at_most_the_limit() {
    let mut window = Window::new(256);
    let pushed: u32 = (0..100)
        .map(|n| push(&mut window, conversation(n), 1..=60))
        .sum();
    assert_eq!(pushed, 256);
}

#[test]
fn conversations_that_are_never_acknowledged_do_not_stop_the_others() {
    let mut window = Window::new(256);
    for silent in 10..200 {
        push(&mut window, conversation(silent), 1..=100);
    }
    for n in 1..=1_000 {
        let pushed = window.admit(LIVE, Sequence(n), 1);
        assert!(pushed, "silent conversations closed the window at {n}");
        assert!(!window.acknowledge(LIVE, Sequence(n)));
    }
}

#[test]
fn a_conversation_that_was_set_aside_comes_back_with_one_resync() {
    let mut window = Window::new(256);
    push(&mut window, SILENT, 1..=100);
    assert!(
        !window.acknowledge(SILENT, Sequence(31)),
        "33 are still out"
    );
    assert!(
        window.acknowledge(SILENT, Sequence(32)),
        "65 to 100 were missed"
    );
    assert!(!window.acknowledge(SILENT, Sequence(33)));
    assert_eq!(push(&mut window, SILENT, 101..=110), 10);
}

#[test]
fn a_device_that_pulled_what_it_missed_is_not_told_to_resync() {
    let mut window = Window::new(256);
    push(&mut window, SILENT, 1..=100);
    assert!(!window.acknowledge(SILENT, Sequence(100)));
    assert!(window.admit(SILENT, Sequence(101), 1));
}

#[test]
fn records_of_a_conversation_that_came_back_count_again() {
    let mut window = Window::new(8);
    assert_eq!(push(&mut window, SILENT, 1..=3), 2);
    assert!(window.acknowledge(SILENT, Sequence(1)), "3 was missed");
    let pushed: u32 = (10..30)
        .map(|n| push(&mut window, conversation(n), 1..=1))
        .sum();
    assert_eq!(
        pushed, 7,
        "one of the eight is out in the first conversation"
    );
}

#[test]
fn a_closed_window_opens_once_with_a_resync_when_half_is_acknowledged() {
    let mut window = Window::new(8);
    for n in 1..=8 {
        assert_eq!(push(&mut window, conversation(n), 1..=1), 1);
    }
    assert!(!window.admit(conversation(9), Sequence(1), 1));
    for n in 1..=3 {
        assert!(!window.acknowledge(conversation(n), Sequence(1)));
    }
    assert!(
        !window.admit(conversation(9), Sequence(1), 1),
        "still closed"
    );
    assert!(window.acknowledge(conversation(4), Sequence(1)));
    assert!(!window.acknowledge(conversation(5), Sequence(1)));
    assert!(window.admit(conversation(9), Sequence(2), 1));
}

#[test]
fn a_window_that_acknowledgements_cannot_open_is_opened_all_the_same() {
    let mut window = Window::new(256);
    for silent in 10..20 {
        push(&mut window, conversation(silent), 1..=60);
    }
    assert!(!window.admit(LIVE, Sequence(1), 1));
    assert!(!window.unstick(), "it may have closed a moment ago");
    assert!(window.unstick());
    assert!(window.admit(LIVE, Sequence(2), 1));
    assert!(!window.unstick());
}

#[test]
fn a_device_that_keeps_up_with_a_steady_stream_is_always_pushed_to() {
    let mut window = Window::new(16);
    for n in 1..=100 {
        assert!(window.admit(LIVE, Sequence(n), 1), "at {n}");
        // Always two behind.
        window.acknowledge(LIVE, Sequence(n.saturating_sub(2)));
    }
}

#[test]
fn an_old_acknowledgement_frees_nothing() {
    let mut window = Window::new(8);
    assert!(window.admit(LIVE, Sequence(7), 2));
    assert!(!window.acknowledge(LIVE, Sequence(6)));
    assert!(!window.admit(LIVE, Sequence(8), 1));
}

#[test]
fn a_reset_forgets_what_was_set_aside() {
    let mut window = Window::new(256);
    push(&mut window, SILENT, 1..=100);
    window.reset();
    assert_eq!(push(&mut window, SILENT, 101..=110), 10);
}
