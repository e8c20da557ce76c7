//! An installation with a verifier, and the means to forge tokens against it.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use xchat_adapter_memory::{ManualClock, MemoryDirectoryStore, SeededRng};
use xchat_auth::{
    InstallationKeys, KeySet, RevocationList, TokenIssuer, Verifier,
    revocation::StoreRevocations,
    token::{AUDIENCE, TOKEN_TYPE, issuer_name},
};
use xchat_crypto::SecretKey;
use xchat_ports::Clock;
use xchat_types::{AccountId, DeviceId};

pub(crate) const ACCOUNT: AccountId = AccountId::new([7; 32]);
pub(crate) const DEVICE: DeviceId = DeviceId::new([9; 16]);

pub(crate) struct Installation {
    pub(crate) _dir: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) keys: InstallationKeys,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: MemoryDirectoryStore,
    pub(crate) verifier: Verifier,
    pub(crate) issuer: TokenIssuer,
}

impl Installation {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("installation.key");
        let keys = InstallationKeys::load_or_create(&path, &SeededRng::new(1)).unwrap();
        let clock = Arc::new(ManualClock::default());
        let store = MemoryDirectoryStore::new();
        let verifier = verifier(&keys, &store, &clock);
        verifier.revocations().refresh().await.unwrap();
        let issuer = TokenIssuer::new(&keys, Duration::from_mins(5)).unwrap();
        Self {
            _dir: dir,
            path,
            keys,
            clock,
            store,
            verifier,
            issuer,
        }
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.clock.now().seconds()
    }

    pub(crate) fn token(&self) -> String {
        self.issuer
            .issue(&ACCOUNT, &DEVICE, self.clock.now())
            .unwrap()
            .text
    }

    /// The current access key, as only the key file has it.
    pub(crate) fn access_key(&self) -> SecretKey {
        let file: Value = serde_json::from_slice(&fs::read(&self.path).unwrap()).unwrap();
        let seed = hex::decode(file["access_key"].as_str().unwrap()).unwrap();
        SecretKey::from_seed(seed.try_into().unwrap())
    }

    pub(crate) fn kid(&self) -> String {
        let set: Value = serde_json::from_str(&self.keys.jwks_json().unwrap()).unwrap();
        set["keys"][0]["kid"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": TOKEN_TYPE, "kid": self.kid()})
    }

    pub(crate) fn claims(&self) -> Value {
        let now = self.seconds();
        json!({
            "iss": issuer_name(&self.keys.server_id()),
            "aud": AUDIENCE,
            "sub": ACCOUNT.to_hex(),
            "did": DEVICE.to_hex(),
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        })
    }

    /// Signs whatever is given with the real key: what is refused then is refused for its content.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        sign_with(&self.access_key(), header, claims)
    }
}

pub(crate) fn verifier(
    keys: &InstallationKeys,
    store: &MemoryDirectoryStore,
    clock: &Arc<ManualClock>,
) -> Verifier {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let source = Arc::new(StoreRevocations(Arc::new(store.clone())));
    let list = Arc::new(RevocationList::new(source, Arc::clone(&clock)));
    let set = KeySet::from_json(&keys.jwks_json().unwrap()).unwrap();
    Verifier::new(&keys.server_id(), set, list, clock)
}

pub(crate) fn sign_with(key: &SecretKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign_unlabelled(message.as_bytes());
    format!("{message}.{}", encode(signature))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
