//! What every message store does.

mod marks;
mod mutations;
mod once;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_types::{ConversationId, DeviceId, Millis};

pub use self::{marks::*, mutations::*, once::*};
use crate::MessageStore;

/// Makes stores of an adapter. Every store is empty; its clock stands before the year 2100.
#[async_trait]
pub trait Factory: fmt::Debug + Send + Sync {
    async fn create(&self) -> Arc<dyn MessageStore>;

    /// The same store after a clean stop. An adapter that keeps nothing returns it as it is.
    async fn reopen(&self, store: Arc<dyn MessageStore>) -> Arc<dyn MessageStore>;
}

/// Tests of the message store contract for each of the factories.
#[macro_export]
macro_rules! message_store_contract {
    ($factories:expr) => {
        $crate::contract_clauses! { message_store, $factories,
            a_new_conversation_has_neither_head_nor_rows
            a_mutation_shows_in_the_head_and_the_rows_asked_for
            a_mutation_that_leaves_the_head_alone_is_refused
            a_mutation_at_or_below_the_stamp_of_the_head_changes_nothing
            replays_in_any_order_end_in_the_state_of_the_last_writers
            a_deleted_row_stays_deleted_when_an_older_mutation_is_replayed
            concurrent_mutations_end_with_the_highest_stamp
            members_come_with_the_head_in_device_order
            conversations_do_not_mix
            rows_written_once_read_back_and_a_repetition_changes_nothing
            envelopes_page_in_order_with_the_payload_of_each_class
            envelopes_with_holes_are_read_around_the_holes
            a_row_that_has_expired_already_is_not_written
            group_states_are_read_by_range_of_one_incarnation
            a_deleted_group_state_stays_deleted_when_its_write_is_replayed
            welcomes_are_read_by_device_and_deleted_one_by_one
            a_lower_mark_never_hides_a_higher_one
            acknowledging_keeps_a_higher_mark
            a_deleted_mark_does_not_come_back_with_its_replay
            marks_page_in_conversation_order
            a_cursor_only_grows
            what_was_synced_is_there_after_reopening
        }
    };
}

/// Late enough for every clock: 2100-01-01.
const FAR: Millis = Millis(4_102_444_800_000);

fn conversation(number: u8) -> ConversationId {
    ConversationId::new([number; ConversationId::LEN])
}

fn device(number: u8) -> DeviceId {
    DeviceId::new([number; DeviceId::LEN])
}

fn value(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
