//! The id that the cluster gave the topic when it was made. rdkafka has no safe call for it.

#![allow(unsafe_code, reason = "librdkafka's DescribeTopics by its C interface")]

use std::{ffi::CString, ptr};

use rdkafka::{bindings as sys, types::RDKafka};

/// Asks for the id of a topic, as 16 bytes. Blocks for at most `timeout_ms`, twice.
pub(crate) fn topic_id(client: *mut RDKafka, topic: &str, timeout_ms: i32) -> Option<[u8; 16]> {
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    let mut message = [0; 256];
    // SAFETY: `client` lives as long as its owner, who waits for this call. Every object made here
    // is destroyed here, the event (which owns result, description and id) after its last use.
    unsafe {
        let queue = sys::rd_kafka_queue_new(client);
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let options = sys::rd_kafka_AdminOptions_new(
            client,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options,
            timeout_ms,
            message.as_mut_ptr(),
            message.len(),
        );
        sys::rd_kafka_DescribeTopics(client, topics, options, queue);
        let event = sys::rd_kafka_queue_poll(queue, timeout_ms.saturating_mul(2));
        let id = if event.is_null() { None } else { id_of(event) };
        if !event.is_null() {
            sys::rd_kafka_event_destroy(event);
        }
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_TopicCollection_destroy(topics);
        sys::rd_kafka_queue_destroy(queue);
        id
    }
}

/// # Safety
/// `event` is an event of librdkafka that is alive.
unsafe fn id_of(event: *mut sys::rd_kafka_event_t) -> Option<[u8; 16]> {
    // SAFETY: as promised by the caller; each pointer is checked before it is followed.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return None;
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, ptr::from_mut(&mut count));
        if topics.is_null() || count == 0 {
            return None;
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(*topics);
        if id.is_null() {
            return None;
        }
        let most = sys::rd_kafka_Uuid_most_significant_bits(id).to_be_bytes();
        let least = sys::rd_kafka_Uuid_least_significant_bits(id).to_be_bytes();
        let mut bytes = [0; 16];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&most);
        low.copy_from_slice(&least);
        (bytes != [0; 16]).then_some(bytes)
    }
}
