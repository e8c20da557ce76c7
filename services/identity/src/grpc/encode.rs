//! From what the use cases answer to messages.

use xchat_ports::directory_store::KeyPackageCount;
use xchat_proto::{client, convert::id_bytes, identity as pb};
use xchat_types::AccountId;

use crate::{
    config::SignupGate,
    domain::username::Username,
    usecase::{Challenges, ClaimedPackage, Description, Opened, Revocations},
};

pub(super) fn description(description: Description) -> pb::DescribeResponse {
    let gate = match description.gate {
        SignupGate::Open => client::SignupGate::Open,
        SignupGate::Invite => client::SignupGate::Invite,
    };
    pb::DescribeResponse {
        server_id: id_bytes(&description.server),
        server_public_key: id_bytes(&description.public_key),
        server_name: description.name,
        signup_gate: gate.into(),
        jwks_json: description.jwks_json,
    }
}

pub(super) fn challenges(challenges: &Challenges) -> pb::ChallengeResponse {
    pb::ChallengeResponse {
        challenge: Some(client::ChallengeResponse {
            signup_challenge: challenges.signup.to_bytes().into(),
            login_nonce: challenges.login.as_bytes().to_vec().into(),
        }),
    }
}

pub(super) fn registered(account: &AccountId) -> pb::RegisterResponse {
    pb::RegisterResponse {
        register: Some(client::RegisterResponse {
            account_id: id_bytes(account),
        }),
    }
}

pub(super) fn logged_in(opened: Opened) -> pb::LoginResponse {
    pb::LoginResponse {
        login: Some(client::LoginResponse {
            session: Some(session(opened)),
        }),
    }
}

pub(super) fn refreshed(opened: Opened) -> pb::RefreshResponse {
    pb::RefreshResponse {
        refresh: Some(client::RefreshResponse {
            session: Some(session(opened)),
        }),
    }
}

fn session(opened: Opened) -> client::Session {
    client::Session {
        access_expires_at_ms: opened.access.expires_at.0,
        access_token: opened.access.text,
        refresh_token: opened.refresh,
        account_id: id_bytes(&opened.account),
    }
}

pub(super) fn username(username: &Username) -> pb::SetUsernameResponse {
    pb::SetUsernameResponse {
        set_username: Some(client::SetUsernameResponse {
            username: username.as_str().to_owned(),
        }),
    }
}

pub(super) fn looked_up(account: &AccountId) -> pb::LookupUsernameResponse {
    pb::LookupUsernameResponse {
        lookup_username: Some(client::LookupUsernameResponse {
            account_id: id_bytes(account),
        }),
    }
}

pub(super) fn published() -> pb::PublishKeyPackagesResponse {
    pb::PublishKeyPackagesResponse {
        publish: Some(client::PublishKeyPackagesResponse {}),
    }
}

pub(super) fn counts(counts: &[KeyPackageCount]) -> pb::CountKeyPackagesResponse {
    let counts = counts
        .iter()
        .map(|count| client::KeyPackageCount {
            suite: count.suite.into(),
            one_time: count.one_time,
            last_resort: count.last_resort,
        })
        .collect();
    pb::CountKeyPackagesResponse {
        counts: Some(client::CountKeyPackagesResponse { counts }),
    }
}

pub(super) fn claimed(packages: Vec<ClaimedPackage>) -> pb::ClaimKeyPackagesResponse {
    let packages = packages
        .into_iter()
        .map(|package| client::ClaimedKeyPackage {
            device_id: id_bytes(&package.device),
            last_resort: package.last_resort,
            key_package: package.bytes,
        })
        .collect();
    pb::ClaimKeyPackagesResponse {
        claim: Some(client::ClaimKeyPackagesResponse { packages }),
    }
}

pub(super) fn revocations(revocations: &Revocations) -> pb::ListRevocationsResponse {
    pb::ListRevocationsResponse {
        device_ids: revocations.devices.iter().map(id_bytes).collect(),
        now_minute: revocations.now.0,
    }
}
