//! What browsers may do with a developer's stack: pages on this machine and the
//! portal's may use it, and no other website.

use std::time::Duration;

use local::{Options, Stack, template};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::TestApp;

/// Where the stack listens: API and page, DynamoDB, S3.
fn ports(stack: &Stack) -> [String; 3] {
    [&stack.url, &stack.dynamodb_url, &stack.s3_url]
        .map(|url| url.trim_start_matches("http://").to_owned())
}

/// What a port answers until it closes the connection, as text.
async fn answer_to(port: &str, sent: &str) -> String {
    let mut stream = TcpStream::connect(port).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

/// A request with these lines after its first one.
fn request(first: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
    format!("{first} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n")
}

async fn start(portal_origin: Option<&str>) -> Stack {
    let options = Options {
        portal_origin: portal_origin.map(|origin| local::origin(origin).unwrap()),
        ..Options::in_memory()
    };
    Stack::start(options).await.unwrap()
}

#[tokio::test]
async fn another_website_reaches_none_of_the_three_ports() {
    let stack = start(Some("https://portal.example")).await;
    for port in ports(&stack) {
        let number = port.rsplit(':').next().unwrap();
        let (own, localhost) = (format!("host: {port}"), format!("host: localhost:{number}"));
        let rebound = format!("host: evil.example:{number}");
        for (headers, is_refused) in [
            (vec![own.as_str()], false),
            (vec![&localhost], false),
            (vec!["host: [::1]:1"], false),
            (vec!["host: portal.example"], false),
            (vec![&own, "origin: http://localhost:5173"], false),
            (vec![&own, "origin: http://127.0.0.1"], false),
            (vec![&own, "origin: https://portal.example"], false),
            (vec![&rebound], true),
            (vec![&rebound, "origin: http://localhost"], true),
            (vec!["x-nothing: 1"], true),
            (vec![&own, &rebound], true),
            (vec![&own, "origin: https://evil.example"], true),
            (vec![&own, "origin: http://localhost.evil.example"], true),
            (vec![&own, "origin: null"], true),
        ] {
            for method in ["GET", "POST", "OPTIONS", "DELETE"] {
                for path in ["/", "/dev/token?partner_id=contoso", "/v1/openapi.json"] {
                    let sent = request(&format!("{method} {path}"), &headers);
                    let answer = answer_to(&port, &sent).await;
                    let refused = answer.starts_with("http/1.1 403 ") && answer.contains("must be");
                    assert_eq!(refused, is_refused, "{port} {sent}\n{answer}");
                    if is_refused {
                        assert!(!answer.contains("access-control"), "{sent}\n{answer}");
                    }
                }
            }
        }
        let elsewhere = request("GET http://evil.example/", &[&own]);
        assert!(answer_to(&port, &elsewhere).await.contains(" 403 "));
    }
}

const PREFLIGHT: [&str; 3] = [
    "origin: http://localhost:5173",
    "access-control-request-method: POST",
    "access-control-request-headers: authorization,idempotency-key",
];

#[tokio::test]
async fn a_page_on_another_port_is_answered_as_the_deployed_api_answers_the_portal() {
    let stack = start(None).await;
    let [api, dynamodb, s3] = ports(&stack);
    let cors = template::cors().unwrap();
    let origin = "access-control-allow-origin: http://localhost:5173\r\n".to_owned();
    let exposed = format!(
        "access-control-expose-headers: {}\r\n",
        cors.expose_headers.join(",")
    );
    let own = format!("host: {api}");
    let preflight = [&[own.as_str()], &PREFLIGHT[..]].concat();
    for path in [
        "/v1/activities",
        "/v1/exports/x",
        "/dev/sign-in/token",
        "/nothing",
    ] {
        let answer = answer_to(&api, &request(&format!("OPTIONS {path}"), &preflight)).await;
        assert!(answer.starts_with("http/1.1 204 "), "{path}: {answer}");
        for line in [
            origin.clone(),
            exposed.clone(),
            "access-control-allow-methods: get,post,delete\r\n".into(),
            format!(
                "access-control-allow-headers: {}\r\n",
                cors.allow_headers.join(",")
            ),
            format!("access-control-max-age: {}\r\n", cors.max_age),
            "vary: origin\r\n".into(),
        ] {
            assert!(answer.contains(&line), "{path}: no {line}{answer}");
        }
    }
    for (path, status) in [
        ("/v1/openapi.json", 200),
        ("/v1/activities", 401),
        ("/.well-known/openid-configuration", 200),
    ] {
        let sent = request(&format!("GET {path}"), &[&own, PREFLIGHT[0]]);
        let answer = answer_to(&api, &sent).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
        assert!(
            answer.contains(&origin) && answer.contains(&exposed),
            "{answer}"
        );
        assert!(!answer.contains("access-control-allow-methods"), "{answer}");
    }
    let plain = answer_to(&api, &request("GET /v1/openapi.json", &[&own])).await;
    assert!(!plain.contains("access-control"), "{plain}");
    // The stores and Lambda's invoke call are for the functions, not for pages.
    let invoke = "OPTIONS /2015-03-31/functions/record/invocations";
    for (port, first) in [(&dynamodb, "OPTIONS /"), (&s3, "OPTIONS /"), (&api, invoke)] {
        let host = format!("host: {port}");
        let headers = [&[host.as_str()], &PREFLIGHT[..]].concat();
        let answer = answer_to(port, &request(first, &headers)).await;
        assert!(!answer.contains("access-control"), "{answer}");
    }
}

#[tokio::test]
async fn half_a_request_is_not_waited_for() {
    let options = Options {
        request_timeout: Duration::from_millis(200),
        ..Options::in_memory()
    };
    let stack = Stack::start(options).await.unwrap();
    for port in ports(&stack) {
        for half in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: localhost\r\nx: "] {
            // It ends only because the port closes the connection.
            let answer = answer_to(&port, half).await;
            assert!(!answer.starts_with("http/1.1 2"), "{port}: {answer}");
        }
    }
    let [api, dynamodb, _] = ports(&stack);
    let claims = json!({ "exp": 4_000_000_000_u64 });
    let token = format!("authorization: {}", stack.issuer.sign(claims).unwrap());
    let headers = ["host: localhost", "content-length: 100", &token];
    let half = request("POST /v1/activities", &headers) + "{";
    assert!(answer_to(&api, &half).await.starts_with("http/1.1 408 "));
    let half = request("POST /", &headers) + "{";
    assert!(answer_to(&dynamodb, &half).await.starts_with("http/1.1 4"));
}

#[tokio::test]
async fn an_unknown_operation_of_dynamodb_is_named() {
    let app = TestApp::start().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&app.stack.sdk);
    let refused = dynamodb.list_backups().send().await.unwrap_err();
    let refused = format!("{refused:?}");
    assert!(refused.contains("ListBackups"), "{refused}");
    let absent = dynamodb.describe_table().table_name("nothing").send().await;
    let absent = absent.unwrap_err().into_service_error();
    assert!(absent.is_resource_not_found_exception(), "{absent:?}");
}
