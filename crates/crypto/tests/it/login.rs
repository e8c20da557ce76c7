//! Login and refresh transcripts bind all that they name.

use xchat_crypto::{
    BadSignature,
    derive::{device_id, server_id},
    login::{LoginNonce, LoginTranscript, RefreshTranscript},
};
use xchat_types::{DeviceId, Millis, ServerId};

use crate::sample::key;

fn login() -> LoginTranscript {
    LoginTranscript {
        server: server_id(&key(9).public()),
        device: device_id(&key(2).public()),
        nonce: LoginNonce::new([5; 32]),
        time: Millis(1_700_000_000_000),
    }
}

#[test]
fn a_login_verifies_only_for_its_server_device_nonce_and_time() {
    let signature = login().sign(&key(2));
    assert_eq!(login().verify(&key(2).public(), &signature), Ok(()));
    let others = [
        LoginTranscript {
            server: ServerId::new([0; 32]),
            ..login()
        },
        LoginTranscript {
            device: DeviceId::new([0; 16]),
            ..login()
        },
        LoginTranscript {
            nonce: LoginNonce::new([6; 32]),
            ..login()
        },
        LoginTranscript {
            time: Millis(1_700_000_000_001),
            ..login()
        },
    ];
    for other in others {
        let verified = other.verify(&key(2).public(), &signature);
        assert_eq!(verified, Err(BadSignature), "{other:?}");
    }
    assert_eq!(
        login().verify(&key(3).public(), &signature),
        Err(BadSignature)
    );
}

#[test]
fn a_refresh_verifies_only_for_its_token_and_never_as_a_login() {
    let refresh = |token| RefreshTranscript {
        server: login().server,
        device: login().device,
        token,
        time: login().time,
    };
    let signature = refresh(b"token").sign(&key(2));
    let public = key(2).public();
    assert_eq!(refresh(b"token").verify(&public, &signature), Ok(()));
    assert_eq!(
        refresh(b"tokem").verify(&public, &signature),
        Err(BadSignature)
    );
    let hashed = refresh(b"token").to_bytes()[48..80].try_into().unwrap();
    let as_login = LoginTranscript {
        nonce: LoginNonce::new(hashed),
        ..login()
    };
    assert_eq!(as_login.to_bytes(), refresh(b"token").to_bytes());
    assert_eq!(as_login.verify(&public, &signature), Err(BadSignature));
}
