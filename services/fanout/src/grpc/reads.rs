//! Requests of one answer.

use bytes::Bytes;
use xchat_mls::control_hash;
use xchat_proto::{
    Required, client, convert,
    fanout::{
        AckRequest, AckResponse, AckWelcomeRequest, AckWelcomeResponse, FetchOutcomesRequest,
        FetchOutcomesResponse, FetchTreeRequest, FetchTreeResponse, FetchWelcomesRequest,
        FetchWelcomesResponse, ListMarksRequest, ListMarksResponse, PullRequest, PullResponse,
    },
};
use xchat_types::{Counter, DeviceId, Epoch, Incarnation, Sequence};

use super::id;
use crate::{
    Error,
    deliver::push::welcome,
    domain::{Stop, effects::Founded, sender::Answer},
    usecase::Fanout,
};

fn device(bytes: &Bytes) -> Result<DeviceId, Error> {
    id(bytes, "device_id")
}

impl Fanout {
    pub(super) async fn answer_pull(&self, request: PullRequest) -> Result<PullResponse, Error> {
        let device = device(&request.device_id)?;
        let pull = request.pull.required("pull")?;
        let conversation = id(&pull.conversation_id, "conversation_id")?;
        let limit = usize::try_from(pull.limit).unwrap_or(0);
        let after = Sequence(pull.after_sequence);
        let pulled = self.pull(device, conversation, after, limit).await?;
        Ok(PullResponse {
            pull: Some(client::PullResponse {
                records: pulled.records,
                head_sequence: pulled.through.0,
            }),
        })
    }

    /// Every acknowledgement is tried; the first that fails is told.
    pub(super) async fn answer_ack(&self, request: AckRequest) -> Result<AckResponse, Error> {
        let device = device(&request.device_id)?;
        let mut first_failure = Ok(());
        for ack in &request.acks {
            let conversation = id(&ack.conversation_id, "conversation_id")?;
            let sequence = Sequence(ack.sequence);
            let result = self.acknowledge(device, conversation, sequence).await;
            first_failure = first_failure.and(result);
        }
        first_failure.map(|()| AckResponse {})
    }

    pub(super) async fn answer_list_marks(
        &self,
        request: ListMarksRequest,
    ) -> Result<ListMarksResponse, Error> {
        let device = device(&request.device_id)?;
        let after = request
            .list_marks
            .required("list_marks")?
            .after_conversation_id;
        let after = if after.is_empty() {
            None
        } else {
            Some(id(&after, "after_conversation_id")?)
        };
        let (marks, next) = self.list_marks(device, after).await?;
        let marks = marks.iter().map(|mark| client::Mark {
            conversation_id: convert::id_bytes(&mark.conversation),
            sequence: mark.sequence.0,
        });
        Ok(ListMarksResponse {
            list_marks: Some(client::ListMarksResponse {
                marks: marks.collect(),
                next_marks_after: next.as_ref().map(convert::id_bytes).unwrap_or_default(),
            }),
        })
    }

    pub(super) async fn answer_fetch_outcomes(
        &self,
        request: FetchOutcomesRequest,
    ) -> Result<FetchOutcomesResponse, Error> {
        let device = device(&request.device_id)?;
        let fetch = request.fetch_outcomes.required("fetch_outcomes")?;
        let conversation = id(&fetch.conversation_id, "conversation_id")?;
        let sender = self.fetch_outcomes(device, conversation).await?;
        let outcome = |(counter, answer): (Counter, &Answer)| client::CounterOutcome {
            counter: counter.0,
            outcome: Some((&answer.outcome).into()),
            digest_prefix: Bytes::copy_from_slice(&answer.digest_prefix),
        };
        Ok(FetchOutcomesResponse {
            fetch_outcomes: Some(client::FetchOutcomesResponse {
                last_counter: sender.last.0,
                outcomes: sender.answers().map(outcome).collect(),
            }),
        })
    }

    pub(super) async fn answer_fetch_welcomes(
        &self,
        request: FetchWelcomesRequest,
    ) -> Result<FetchWelcomesResponse, Error> {
        let stored = self.fetch_welcomes(device(&request.device_id)?).await?;
        let welcomes = stored
            .iter()
            .map(|stored| welcome(&stored.conversation, &stored.invitation))
            .collect();
        Ok(FetchWelcomesResponse { welcomes })
    }

    pub(super) async fn answer_ack_welcome(
        &self,
        request: AckWelcomeRequest,
    ) -> Result<AckWelcomeResponse, Error> {
        let device = device(&request.device_id)?;
        let reference = id(&request.welcome_ref, "welcome_ref")?;
        self.acknowledge_welcome(device, reference).await?;
        Ok(AckWelcomeResponse {})
    }

    pub(super) async fn answer_fetch_tree(
        &self,
        request: FetchTreeRequest,
    ) -> Result<FetchTreeResponse, Error> {
        let device = device(&request.device_id)?;
        let fetch = request.fetch_tree.required("fetch_tree")?;
        let conversation = id(&fetch.conversation_id, "conversation_id")?;
        let (incarnation, epoch) = (Incarnation(fetch.incarnation), Epoch(fetch.epoch));
        let founded = self
            .fetch_tree(device, conversation, incarnation, epoch)
            .await?;
        Ok(FetchTreeResponse {
            fetch_tree: Some(tree(&founded)?),
        })
    }
}

fn tree(founded: &Founded) -> Result<client::FetchTreeResponse, Error> {
    let ratchet_tree = founded.snapshot.ratchet_tree().map_err(Stop::Group)?;
    Ok(client::FetchTreeResponse {
        ratchet_tree: ratchet_tree.into_bytes().into(),
        control_state: founded.control.to_bytes().into(),
        judge_version: founded.judge.0,
        link: Some(client::HeadLink {
            previous_head_hash: convert::id_bytes(&founded.previous_head_hash),
            sequence: founded.sequence.0,
            appended_at_ms: founded.appended_at.0,
            accepted_at_ms: founded.accepted_at.0,
            bucket: None,
            control_hash: convert::id_bytes(&control_hash(&founded.control, founded.judge)),
            digest: convert::id_bytes(&founded.digest),
        }),
    })
}
