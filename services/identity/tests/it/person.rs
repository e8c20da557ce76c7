//! Somebody with a root key and a device.

use tonic::{Response, Status};
use xchat_crypto::{
    Certificate, SecretKey,
    certificate::Grant,
    derive,
    login::{LoginNonce, LoginTranscript, RefreshTranscript},
    proof::{self, Proof, SignedChallenge},
};
use xchat_proto::{client as pb, convert::id_bytes, identity};
use xchat_types::{AccountId, DeviceId};

use crate::house::House;

#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) root: SecretKey,
    pub(crate) device: SecretKey,
}

type Answer<T> = Result<Response<T>, Status>;

impl Person {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            root: SecretKey::from_seed([number; 32]),
            device: SecretKey::from_seed([number ^ 0x80; 32]),
        }
    }

    pub(crate) fn account(&self) -> AccountId {
        derive::account_id(&self.root.public())
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        derive::device_id(&self.device.public())
    }

    pub(crate) fn certificate(&self, house: &House) -> Certificate {
        let grant = Grant {
            root: self.root.public(),
            device: self.device.public(),
            not_before: house.now(),
            may_certify: true,
        };
        Certificate::issue(&grant, &self.root)
    }

    /// A registration as an honest client sends it, with the proof done.
    pub(crate) async fn registration(&self, house: &House, username: &str) -> pb::RegisterRequest {
        let challenge = house.challenge().await.signup_challenge;
        let proof = self.prove(house, &challenge);
        pb::RegisterRequest {
            signup_challenge: challenge,
            proof: proof.to_bytes().to_vec().into(),
            certificate: self.certificate(house).to_bytes().into(),
            invite: String::new(),
            username: username.to_owned(),
        }
    }

    fn prove(&self, house: &House, challenge: &[u8]) -> Proof {
        let challenge = SignedChallenge::from_bytes(challenge)
            .unwrap()
            .verify(&house.keys.server_public_key())
            .unwrap();
        proof::solve(&challenge, &self.root.public(), |_| {}).unwrap()
    }

    pub(crate) async fn register(&self, house: &House, username: &str) {
        let request = self.registration(house, username).await;
        let answer = send(house, request).await.unwrap().into_inner();
        assert_eq!(
            answer.register.unwrap().account_id,
            id_bytes(&self.account())
        );
    }

    pub(crate) async fn login_request(&self, house: &House) -> pb::LoginRequest {
        let nonce = house.challenge().await.login_nonce;
        self.login_with(house, &nonce, house.now().0)
    }

    pub(crate) fn login_with(&self, house: &House, nonce: &[u8], time_ms: u64) -> pb::LoginRequest {
        let signature = LoginTranscript {
            server: house.keys.server_id(),
            device: self.device_id(),
            nonce: LoginNonce::try_from(nonce).unwrap(),
            time: xchat_types::Millis(time_ms),
        }
        .sign(&self.device);
        pb::LoginRequest {
            device_id: id_bytes(&self.device_id()),
            login_nonce: nonce.to_vec().into(),
            time_ms,
            signature: signature.as_bytes().to_vec().into(),
        }
    }

    pub(crate) async fn login(&self, house: &House) -> pb::Session {
        let request = self.login_request(house).await;
        let answer = login(house, request).await.unwrap().into_inner();
        answer.login.unwrap().session.unwrap()
    }

    pub(crate) fn refresh_request(&self, house: &House, token: &[u8]) -> pb::RefreshRequest {
        let time = house.now();
        let signature = RefreshTranscript {
            server: house.keys.server_id(),
            device: self.device_id(),
            token,
            time,
        }
        .sign(&self.device);
        pb::RefreshRequest {
            refresh_token: token.to_vec().into(),
            device_id: id_bytes(&self.device_id()),
            time_ms: time.0,
            signature: signature.as_bytes().to_vec().into(),
        }
    }

    pub(crate) async fn set_username(
        &self,
        house: &House,
        name: &str,
    ) -> Answer<identity::SetUsernameResponse> {
        let request = identity::SetUsernameRequest {
            account_id: id_bytes(&self.account()),
            set_username: Some(pb::SetUsernameRequest {
                username: name.to_owned(),
            }),
        };
        house.client().set_username(request).await
    }

    pub(crate) async fn lookup(
        &self,
        house: &House,
        name: &str,
    ) -> Answer<identity::LookupUsernameResponse> {
        let request = identity::LookupUsernameRequest {
            account_id: id_bytes(&self.account()),
            lookup_username: Some(pb::LookupUsernameRequest {
                username: name.to_owned(),
            }),
        };
        house.client().lookup_username(request).await
    }
}

pub(crate) async fn send(
    house: &House,
    request: pb::RegisterRequest,
) -> Answer<identity::RegisterResponse> {
    let request = identity::RegisterRequest {
        register: Some(request),
    };
    house.client().register(request).await
}

pub(crate) async fn login(
    house: &House,
    request: pb::LoginRequest,
) -> Answer<identity::LoginResponse> {
    let request = identity::LoginRequest {
        login: Some(request),
    };
    house.client().login(request).await
}

pub(crate) async fn refresh(
    house: &House,
    request: pb::RefreshRequest,
) -> Answer<identity::RefreshResponse> {
    let request = identity::RefreshRequest {
        refresh: Some(request),
    };
    house.client().refresh(request).await
}
