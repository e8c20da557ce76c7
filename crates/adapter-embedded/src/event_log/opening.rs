//! Steps of opening: options, identity, a first segment, a mended tail.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;
use xchat_ports::{Clock, Rng};
use xchat_types::Millis;

use super::{
    Shared,
    disk::Disk,
    frame::RECORD_OVERHEAD,
    header::SegmentHeader,
    identity::Identity,
    index::Index,
    options::LogOptions,
    recovery::{self, Recovered},
    segment::{self, Segment},
    writer::Writer,
};
use crate::OpenError;

pub(super) fn check_options(folder: &Path, options: LogOptions) -> Result<(), OpenError> {
    let partitions = usize::try_from(options.partitions).unwrap_or(usize::MAX);
    let least = SegmentHeader::size(partitions.min(1 << 20)) + 2 * RECORD_OVERHEAD;
    let fits = usize::try_from(options.segment_bytes).is_ok_and(|bytes| bytes >= least);
    if partitions == 0 || partitions > 1 << 20 || !fits {
        return Err(OpenError::Unusable {
            path: folder.to_owned(),
            why: format!(
                "a log of {partitions} partitions in segments of {} bytes can't be made",
                options.segment_bytes
            ),
        });
    }
    Ok(())
}

pub(super) fn find_identity(
    disk: &dyn Disk,
    folder: &Path,
    options: LogOptions,
    rng: &dyn Rng,
) -> Result<Identity, OpenError> {
    let unusable = |why: String| OpenError::Unusable {
        path: folder.to_owned(),
        why,
    };
    let Some(identity) = Identity::read(disk, folder)? else {
        let orphans = segment::list(disk, folder).map_err(|error| OpenError::io(folder, error))?;
        if !orphans.is_empty() {
            return Err(unusable(
                "it holds segments, but not the file `log` that names their log".to_owned(),
            ));
        }
        return Identity::create(disk, folder, options.partitions, rng);
    };
    if identity.partitions != options.partitions {
        return Err(unusable(format!(
            "it was made with {} partitions, which can't change, and the configuration says {}",
            identity.partitions, options.partitions
        )));
    }
    Ok(identity)
}

/// The first segment of a log that has none.
pub(super) fn begin(
    disk: &dyn Disk,
    folder: &Path,
    identity: Identity,
    options: LogOptions,
) -> Result<Recovered, OpenError> {
    let partitions = usize::try_from(identity.partitions).unwrap_or(usize::MAX);
    let header = SegmentHeader {
        log: identity.id,
        number: 1,
        length: u64::from(options.segment_bytes),
        previous_end: 0,
        last_appended_at: Millis(0),
        next: vec![0; partitions],
    };
    let end = SegmentHeader::size(partitions) as u64;
    let segment =
        Segment::create(disk, folder, header).map_err(|error| OpenError::io(folder, error))?;
    let mut index = Index::new(&segment);
    let active = Arc::new(segment);
    index.add_segment(Arc::clone(&active));
    Ok(Recovered {
        index,
        active,
        end,
        synced: end,
        cut: None,
    })
}

/// Mends the tail and makes the writer that goes on behind it.
pub(super) fn prepare(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    identity: Identity,
    (options, clock): (LogOptions, Arc<dyn Clock>),
    recovered: Recovered,
) -> io::Result<(Arc<Shared>, Writer)> {
    recovery::mend_tail(&recovered)?;
    let next = recovered.index.next();
    let last_appended_at = recovered.index.last_appended_at();
    let holds_records = next != recovered.active.header.next;
    let shared = Arc::new(Shared {
        index: Mutex::new(recovered.index),
        appended: Notify::new(),
    });
    let mut writer = Writer {
        disk: Arc::clone(disk),
        folder: folder.to_owned(),
        log: identity.id,
        options,
        clock,
        shared: Arc::clone(&shared),
        active: recovered.active,
        position: recovered.end,
        next,
        last_appended_at,
        // When its first record came is not kept: its age counts from the last one.
        first_at: holds_records.then_some(last_appended_at),
        ended: false,
    };
    writer.mark()?;
    Ok((shared, writer))
}
