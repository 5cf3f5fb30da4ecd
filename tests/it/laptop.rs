//! What only `local` has: data on disk, ports that are busy, unusable folders.

use std::time::Duration;

use aws_sdk_s3::{error::ProvideErrorMetadata, primitives::ByteStream};
use local::{Options, Stack};
use shared::{Clock, Moment};

async fn start(options: Options) -> Result<Stack, local::Error> {
    Stack::start(options).await
}

fn on_disk(folder: &std::path::Path) -> Options {
    Options {
        data_dir: Some(folder.to_owned()),
        ..Options::in_memory()
    }
}

/// A token of the development issuer.
async fn dev_token(stack: &Stack) -> String {
    let url = format!(
        "{}/dev/token?partner_id=contoso&roles=admin_agent",
        stack.url
    );
    let token: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    token["access_token"].as_str().unwrap().to_owned()
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
    let token = &dev_token(&first).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_links_work_with_a_clock_that_is_more_than_a_year_ahead() {
    let ahead = Duration::from_hours(24 * 400);
    let begun = Clock::system().now();
    let options = Options::in_memory().with_clock_ahead(ahead);
    let stack = start(options).await.unwrap();
    let token = dev_token(&stack).await;
    let client = reqwest::Client::new();
    let export = client.post(format!("{}/v1/exports", stack.url));
    let export = export.bearer_auth(&token).header("prefer", "wait=5");
    let export = export.body("{}").send().await.unwrap();
    let export: serde_json::Value = export.json().await.unwrap();
    let created: Moment = export["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created >= begun.plus(ahead), "{created}");
    let link = export["download"]["url"].as_str().unwrap();
    let file = client.get(link).send().await.unwrap();
    assert_eq!(file.status(), 200, "{}", file.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_stores_no_object_in_the_place_of_another_unless_asked() {
    let stack = start(Options::in_memory()).await.unwrap();
    let s3 = aws_sdk_s3::Client::new(&stack.sdk);
    let put = async |key: &str, condition: Option<&str>| {
        let put = s3.put_object().bucket("archive").key(key);
        let put = put.set_if_none_match(condition.map(str::to_owned));
        let done = put.body(ByteStream::from_static(b"rows")).send().await;
        done.map(drop).map_err(|error| {
            let answer = error.raw_response().unwrap().status().as_u16();
            (answer, error.code().unwrap_or_default().to_owned())
        })
    };
    assert_eq!(put("archive/v1/a", Some("*")).await, Ok(()));
    assert_eq!(put("archive/v1/b", Some("*")).await, Ok(()));
    let refused = Err((412, "PreconditionFailed".to_owned()));
    assert_eq!(put("archive/v1/a", Some("*")).await, refused);
    assert_eq!(put("archive/v1/a", None).await, Ok(()));
}

#[tokio::test]
async fn checkpoints_are_signed_by_a_key_of_the_data_folder_unless_another_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let keys = async |variables: &[(&str, &str)]| {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).into(), (*value).into()));
        let options = Options {
            variables: variables.collect(),
            ..on_disk(folder.path())
        };
        start(options).await.unwrap().config.signing_keys.clone()
    };
    assert_eq!(keys(&[("SIGNING_KEYS", "")]).await, Vec::<String>::new());
    let file = folder.path().join("checkpoints.pem");
    assert!(!file.exists());
    assert_eq!(keys(&[]).await, [file.to_str().unwrap()]);
    let made = std::fs::read(&file).unwrap();
    keys(&[]).await;
    assert_eq!(std::fs::read(&file).unwrap(), made);
}

#[tokio::test]
async fn a_data_folder_whose_path_cannot_be_in_a_list_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("Acme, Inc");
    let refused = start(on_disk(&folder)).await;
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("Acme, Inc") && message.contains("comma"),
        "{message}"
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
