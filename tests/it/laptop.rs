//! What only `local` has: data on disk, ports that are busy, unusable folders.

use std::time::Duration;

use local::{Options, Stack};

async fn start(options: Options) -> Result<Stack, local::Error> {
    Stack::start(options).await
}

fn on_disk(folder: &std::path::Path) -> Options {
    Options {
        data_dir: Some(folder.to_owned()),
        ..Options::in_memory()
    }
}

async fn listed(stack: &Stack, token: &str) -> serde_json::Value {
    let url = format!(
        "{}/v1/activities?from=2000-01-01&to=2999-12-31&limit=500",
        stack.url
    );
    let request = reqwest::Client::new().get(url).bearer_auth(token);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_the_data_and_the_key_again() {
    let folder = tempfile::tempdir().unwrap();
    let preload = vec![("contoso".to_owned(), 20)];
    let first = start(Options {
        preload,
        ..on_disk(folder.path())
    })
    .await
    .unwrap();
    let port = first.url.rsplit(':').next().unwrap().parse().unwrap();
    let url = format!(
        "{}/dev/token?partner_id=contoso&roles=admin_agent",
        first.url
    );
    let token: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let token = token["access_token"].as_str().unwrap();
    let before = listed(&first, token).await;
    assert_eq!(before["items"].as_array().unwrap().len(), 20);
    drop(first);
    // The port must be the same, because it is a part of the tokens' issuer.
    // The first stack may need a moment to close it.
    let mut second = None;
    for _ in 0..200 {
        let options = Options {
            port,
            ..on_disk(folder.path())
        };
        match start(options).await {
            Ok(stack) => {
                second = Some(stack);
                break;
            }
            Err(local::Error::Port { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(
        listed(&second.unwrap(), token).await["items"],
        before["items"]
    );
}

#[tokio::test]
async fn a_busy_port_is_named_with_its_flag() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let refused = start(Options {
        s3_port: port,
        ..Options::in_memory()
    })
    .await;
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains(&format!("port {port}")) && message.contains("--s3-port"),
        "{message}"
    );
}

#[tokio::test]
async fn a_folder_that_can_not_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = start(on_disk(&file.path().join("data"))).await;
    assert!(refused.unwrap_err().to_string().contains("can't be used"));
}
