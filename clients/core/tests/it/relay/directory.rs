//! Accounts, devices, names and key packages of the model.

use std::collections::BTreeMap;

use bytes::Bytes;
use xchat_core::Entropy;
use xchat_crypto::{
    Certificate, PublicKey, Signature,
    certificate::verify_chain,
    derive,
    login::{LoginNonce, LoginTranscript, RefreshTranscript},
    proof::{self, Challenge, Proof, SignedChallenge},
};
use xchat_mls::verify_key_package;
use xchat_proto::{
    client::{self, client_frame::Body as Ask, server_frame::Body as Answer},
    common::Reason,
    convert,
};
use xchat_types::{AccountId, ClaimId, DeviceId, KeyPackageRef, Millis};

use super::{Relay, error};

#[derive(Clone, Debug)]
struct Package {
    suite: u32,
    last_resort: bool,
    bytes: Bytes,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    devices: BTreeMap<DeviceId, (AccountId, PublicKey)>,
    pub(crate) names: BTreeMap<String, AccountId>,
    packages: BTreeMap<DeviceId, Vec<Package>>,
    pub(crate) claims: BTreeMap<ClaimId, Vec<client::ClaimedKeyPackage>>,
    nonces: Vec<[u8; 32]>,
    tokens: BTreeMap<DeviceId, Vec<u8>>,
    pub(crate) session_ms: u64,
    /// Whose packages are handed out, whoever is asked for.
    pub(crate) impostor: Option<AccountId>,
    now: Millis,
}

impl Relay {
    pub(super) fn before_login(
        &mut self,
        device: &mut Option<DeviceId>,
        entropy: &mut dyn Entropy,
        ask: &Ask,
    ) -> Option<Answer> {
        self.directory.now = self.now;
        Some(match ask {
            Ask::Hello(_) => Answer::Hello(client::HelloResponse {
                server_id: convert::id_bytes(&derive::server_id(&self.key.public())),
                server_public_key: convert::id_bytes(&self.key.public()),
                server_name: "relay".to_owned(),
                api_version: self.api_version,
                time_ms: self.now.0,
                signup_gate: client::SignupGate::Open.into(),
                limits: None,
            }),
            Ask::Challenge(_) => self.challenge(entropy),
            Ask::Register(register) => self.register(register),
            Ask::Login(login) => self.login(device, login),
            Ask::Refresh(refresh) => self.refresh(refresh),
            _ => return None,
        })
    }

    fn challenge(&mut self, entropy: &mut dyn Entropy) -> Answer {
        let (mut random, mut nonce) = ([0; 16], [0; 32]);
        entropy.fill(&mut random);
        entropy.fill(&mut nonce);
        self.directory.nonces.push(nonce);
        let challenge = Challenge {
            issued_at: self.now,
            effort: 0,
            target_bits: 0,
            random,
        };
        Answer::Challenge(client::ChallengeResponse {
            signup_challenge: challenge.sign(&self.key).to_bytes().into(),
            login_nonce: nonce.to_vec().into(),
        })
    }

    fn register(&mut self, register: &client::RegisterRequest) -> Answer {
        let certificate = Certificate::from_bytes(&register.certificate).unwrap();
        let account = derive::account_id(&certificate.root());
        let verified = verify_chain(account, &[certificate]).unwrap();
        let challenge = SignedChallenge::from_bytes(&register.signup_challenge).unwrap();
        let challenge = challenge.verify(&self.key.public()).unwrap();
        let solved = Proof::from_bytes(&register.proof).unwrap();
        proof::check(&challenge, &certificate.root(), &solved).unwrap();
        let name = register.username.clone();
        let taken = self.directory.names.get(&name);
        if taken.is_some_and(|by| *by != account) {
            return error(Reason::UsernameTaken, 0);
        }
        if !name.is_empty() {
            self.directory.names.insert(name, account);
        }
        let key = (account, verified.device_key);
        self.directory.devices.insert(verified.device_id, key);
        Answer::Register(client::RegisterResponse {
            account_id: convert::id_bytes(&account),
        })
    }

    fn login(&mut self, device: &mut Option<DeviceId>, login: &client::LoginRequest) -> Answer {
        let id: DeviceId = convert::id(&login.device_id, "device").unwrap();
        let Some((_, key)) = self.directory.devices.get(&id).copied() else {
            return error(Reason::DeviceUnknown, 0);
        };
        let nonce: [u8; 32] = login.login_nonce.as_ref().try_into().unwrap();
        let fresh = self
            .directory
            .nonces
            .iter()
            .position(|known| *known == nonce);
        let Some(at) = fresh else {
            return error(Reason::ChallengeExpired, 0);
        };
        self.directory.nonces.remove(at);
        let transcript = LoginTranscript {
            server: derive::server_id(&self.key.public()),
            device: id,
            nonce: LoginNonce::new(nonce),
            time: Millis(login.time_ms),
        };
        let signature = Signature::try_from(login.signature.as_ref()).unwrap();
        transcript
            .verify(&key, &signature)
            .expect("the login is signed");
        assert!(self.now.distance(Millis(login.time_ms)) < 60_000);
        *device = Some(id);
        Answer::Login(client::LoginResponse {
            session: Some(self.directory.session(id)),
        })
    }

    fn refresh(&mut self, refresh: &client::RefreshRequest) -> Answer {
        let id: DeviceId = convert::id(&refresh.device_id, "device").unwrap();
        let spent = self.directory.tokens.remove(&id);
        if spent.as_deref() != Some(refresh.refresh_token.as_ref()) {
            return error(Reason::SessionEnded, 0);
        }
        let transcript = RefreshTranscript {
            server: derive::server_id(&self.key.public()),
            device: id,
            token: &refresh.refresh_token,
            time: Millis(refresh.time_ms),
        };
        let signature = Signature::try_from(refresh.signature.as_ref()).unwrap();
        let (_, key) = self.directory.devices[&id];
        transcript
            .verify(&key, &signature)
            .expect("the refresh is signed");
        Answer::Refresh(client::RefreshResponse {
            session: Some(self.directory.session(id)),
        })
    }
}

impl Directory {
    fn session(&mut self, device: DeviceId) -> client::Session {
        let lifetime = match self.session_ms {
            0 => 300_000,
            set => set,
        };
        let serial = u64::try_from(self.nonces.len()).unwrap() + self.now.0;
        let token = [device.as_bytes().as_slice(), &serial.to_be_bytes()].concat();
        self.tokens.insert(device, token.clone());
        client::Session {
            access_token: "token".to_owned(),
            access_expires_at_ms: self.now.0 + lifetime,
            refresh_token: token.into(),
            account_id: convert::id_bytes(&self.devices[&device].0),
        }
    }

    pub(super) fn answer(&mut self, device: DeviceId, ask: Ask) -> Answer {
        match ask {
            Ask::SetUsername(set) => {
                let account = self.devices[&device].0;
                let owner = *self.names.entry(set.username.clone()).or_insert(account);
                if owner != account {
                    return error(Reason::UsernameTaken, 0);
                }
                Answer::SetUsername(client::SetUsernameResponse {
                    username: set.username,
                })
            }
            Ask::LookupUsername(lookup) => match self.names.get(&lookup.username) {
                Some(account) => Answer::LookupUsername(client::LookupUsernameResponse {
                    account_id: convert::id_bytes(account),
                }),
                None => error(Reason::UsernameUnknown, 0),
            },
            Ask::PublishKeyPackages(publish) => self.publish(device, publish),
            Ask::CountKeyPackages(_) => self.count(device),
            Ask::ClaimKeyPackages(claim) => self.claim(&claim),
            other => panic!("not a request of this server: {other:?}"),
        }
    }

    /// Packages on the shelf of a device.
    pub(crate) fn stock(&self, device: &DeviceId) -> usize {
        self.packages.get(device).map_or(0, Vec::len)
    }

    pub(crate) fn references(&self, device: &DeviceId, now: Millis) -> Vec<KeyPackageRef> {
        let shelf = self.packages[device].iter();
        let bytes = shelf.map(|package| package.bytes.to_vec().into());
        bytes
            .map(|bytes| verify_key_package(&bytes, now).unwrap().reference)
            .collect()
    }

    fn publish(&mut self, device: DeviceId, publish: client::PublishKeyPackagesRequest) -> Answer {
        assert!(publish.packages.len() <= 50);
        for package in publish.packages {
            let bytes = package.key_package.to_vec().into();
            let verified = verify_key_package(&bytes, self.now).expect("a lawful package");
            assert_eq!(verified.device, device);
            assert_eq!(u32::from(verified.suite.number()), package.suite);
            assert_eq!(verified.last_resort, package.last_resort);
            let shelf = self.packages.entry(device).or_default();
            if !shelf.iter().any(|known| known.bytes == package.key_package) {
                shelf.push(Package {
                    suite: package.suite,
                    last_resort: package.last_resort,
                    bytes: package.key_package,
                });
            }
        }
        Answer::PublishKeyPackages(client::PublishKeyPackagesResponse {})
    }

    fn count(&self, device: DeviceId) -> Answer {
        let shelf = self.packages.get(&device).cloned().unwrap_or_default();
        let of = |suite| shelf.iter().filter(move |package| package.suite == suite);
        let counts = [1, 2].map(|suite| client::KeyPackageCount {
            suite,
            one_time: u32::try_from(of(suite).filter(|p| !p.last_resort).count()).unwrap(),
            last_resort: of(suite).any(|package| package.last_resort),
        });
        Answer::CountKeyPackages(client::CountKeyPackagesResponse {
            counts: counts.to_vec(),
        })
    }

    fn claim(&mut self, claim: &client::ClaimKeyPackagesRequest) -> Answer {
        let id: ClaimId = convert::id(&claim.claim_id, "claim").unwrap();
        if let Some(packages) = self.claims.get(&id).cloned() {
            return Answer::ClaimKeyPackages(client::ClaimKeyPackagesResponse { packages });
        }
        let account: AccountId = convert::id(&claim.account_id, "account").unwrap();
        let account = self.impostor.unwrap_or(account);
        let devices = self.devices.iter().filter(|(_, (of, _))| *of == account);
        let devices: Vec<DeviceId> = devices.map(|(device, _)| *device).collect();
        if devices.is_empty() {
            return error(Reason::AccountUnknown, 0);
        }
        let mut packages = Vec::new();
        for device in devices {
            let shelf = self.packages.entry(device).or_default();
            let fits = |package: &Package| package.suite == claim.suite;
            let one_time = shelf.iter().position(|p| fits(p) && !p.last_resort);
            let package = match one_time {
                Some(at) => shelf.remove(at),
                None => match shelf.iter().find(|package| fits(package)) {
                    Some(last_resort) => last_resort.clone(),
                    None => continue,
                },
            };
            packages.push(client::ClaimedKeyPackage {
                device_id: convert::id_bytes(&device),
                last_resort: package.last_resort,
                key_package: package.bytes,
            });
        }
        if packages.is_empty() {
            return error(Reason::NoKeyPackages, 0);
        }
        self.claims.insert(id, packages.clone());
        Answer::ClaimKeyPackages(client::ClaimKeyPackagesResponse { packages })
    }
}
