//! Which certificate authorities the functions' connections to AWS trust.

use std::{path::Path, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::{Client, config::Credentials, error::DisplayErrorContext};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sha2::{Digest, Sha256};
use shared::aws::sdk;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use crate::harness::TestApp;

/// Amazon's roots and the first 8 bytes of their SHA-256 fingerprints.
///
/// Source: <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: [(&str, &str); 5] = [
    ("Amazon Root CA 1", "8E:CD:E6:88:4F:3D:87:B1"),
    ("Amazon Root CA 2", "1B:A5:B2:AA:8C:65:40:1A"),
    ("Amazon Root CA 3", "18:CE:6C:FE:7B:F1:4E:60"),
    ("Amazon Root CA 4", "E3:5D:28:41:9E:D0:20:25"),
    ("Starfield Services Root CA - G2", "56:8D:69:05:A2:C8:87:08"),
];

#[test]
fn only_amazons_roots_are_compiled_in() {
    let roots = pem::parse_many(include_str!("../../shared/src/aws/amazon_roots.pem")).unwrap();
    let found: Vec<_> = roots
        .iter()
        .map(|root| {
            let digest = Sha256::digest(root.contents());
            let bytes: Vec<_> = digest[..8]
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect();
            bytes.join(":")
        })
        .collect();
    assert_eq!(found, AMAZON_ROOTS.map(|(_, fingerprint)| fingerprint));
}

/// `make smoke` shows that no file with certificates is read: it would fail.
#[tokio::test]
async fn a_functions_calls_use_our_http_client_and_have_a_time_limit() {
    let app = TestApp::start().await;
    let sdk = sdk::config(&app.stack.config).await.unwrap();
    assert!(sdk.http_client().is_some());
    let timeouts = sdk.timeout_config().unwrap();
    assert!(timeouts.operation_timeout().is_some());
}

/// Starts a server with a certificate of this authority; returns its address.
///
/// It gives each request an empty answer.
async fn serve(authority: &CertifiedIssuer<'_, KeyPair>) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(answer(listener, TlsAcceptor::from(Arc::new(config))));
    format!("https://localhost:{port}")
}

async fn answer(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that does not trust the authority closes the connection.
        let Ok(mut stream) = acceptor.accept(stream).await else {
            continue;
        };
        let _ = stream.read(&mut [0; 8_192]).await;
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n\
            content-length: 2\r\nconnection: close\r\n\r\n{}";
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// Calls the server with a client that trusts this bundle, or Amazon's roots.
async fn ask(url: &str, ca_bundle: Option<&Path>) -> Result<(), String> {
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .http_client(sdk::http_client(ca_bundle).map_err(|error| error.chain())?)
        .build();
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = aws_sdk_dynamodb::config::Builder::from(&sdk).credentials_provider(credentials);
    let client = Client::from_conf(config.build());
    let asked = client.list_tables().send().await;
    asked
        .map(drop)
        .map_err(|error| DisplayErrorContext(error).to_string())
}

#[tokio::test]
async fn a_server_is_trusted_by_amazons_roots_or_by_the_bundle_that_is_named() {
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, another) = (authority("ours"), authority("another"));
    let folder = tempfile::tempdir().unwrap();
    let bundle = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let url = serve(&ours).await;
    let ours = bundle("ours.pem", another.pem() + &ours.pem());
    let another = bundle("another.pem", another.pem());
    assert_eq!(ask(&url, Some(&ours)).await, Ok(()));
    for refused in [Some(another.as_path()), None] {
        let error = ask(&url, refused).await.unwrap_err();
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
    let absent = ask(&url, Some(&folder.path().join("absent.pem"))).await;
    assert!(absent.unwrap_err().contains("AWS_CA_BUNDLE"));
    let empty = bundle("empty.pem", "no certificate".into());
    let empty = ask(&url, Some(&empty)).await;
    assert!(empty.unwrap_err().contains("AWS_CA_BUNDLE"));
}
