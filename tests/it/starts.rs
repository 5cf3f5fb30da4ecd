//! What a function does before its first event: it opens its connections.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{Client, config::Credentials};
use shared::{ActivityStore, ErasureStore, ExportStore, aws::sdk};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{faults::Fault, harness::TestApp, logs::Log};

/// DynamoDB's answer to a read of an item that does not exist.
const EMPTY_ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n\
    content-length: 2\r\nconnection: close\r\n\r\n{}";

/// The request that a store sends in `act`; a server without items answers it.
async fn captured_request(act: impl AsyncFnOnce(Client)) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .build();
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = aws_sdk_dynamodb::config::Builder::from(&sdk).credentials_provider(credentials);
    let client = Client::from_conf(config.build());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with('}') {
            let mut bytes = [0; 4_096];
            let read = stream.read(&mut bytes).await.unwrap();
            request += str::from_utf8(&bytes[..read]).unwrap();
        }
        stream.write_all(EMPTY_ANSWER.as_bytes()).await.unwrap();
        request
    };
    tokio::select! {
        biased;
        request = async { tokio::join!(serve, act(client)).0 } => request,
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("nobody asked"),
    }
}

#[tokio::test]
async fn each_store_opens_its_connection_by_reading_an_item_that_never_exists() {
    let app = TestApp::start().await;
    let config = &app.stack.config;
    let (exports, erasures) = (config.exports_table.clone(), config.erasures_table.clone());
    let requests = [
        captured_request(async |client| ActivityStore::new(client, config).open().await).await,
        captured_request(async |client| ExportStore::new(client, exports).open().await).await,
        captured_request(async |client| ErasureStore::new(client, erasures).open().await).await,
    ];
    for (request, table) in requests.iter().zip(["activities", "exports", "erasures"]) {
        assert!(request.contains("DynamoDB_20120810.GetItem"), "{request}");
        assert!(
            request.contains(&format!(r#""TableName":"{table}""#)),
            "{request}"
        );
        assert!(
            request.contains(r##""partition_key":{"S":"#"}"##),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_start_without_an_answer_logs_why_and_goes_on() {
    let log = Log::default();
    let _capture = log.capture("it", "shared=warn");
    let app = TestApp::start().await;
    let sdk = app.stack.sdk.to_builder().timeout_config(sdk::timeouts());
    let sdk = sdk.http_client(app.faults.client()).build();
    let activities = ActivityStore::new(Client::new(&sdk), &app.stack.config);
    log.take();
    for (fault, why) in [
        (Fault::Throttled, "ThrottlingException"),
        (Fault::Lost, "dispatch failure"),
        (Fault::Hung, "deadline has elapsed"),
    ] {
        app.faults.add("GetItem", fault, 3);
        activities.open().await;
        let line = log.take();
        assert!(line.contains(r#""table":"activities""#), "{line}");
        assert!(line.contains(why), "{fault:?}: {line}");
    }
    app.faults.clear();
    activities.open().await;
    assert_eq!(log.take(), "");
}
