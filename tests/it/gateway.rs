//! What API Gateway does before a function is called, as the local one does it.

use reqwest::Method;

use crate::harness::{TestApp, activity};

/// More headers than a token alone, up to a size of request line and headers.
fn padding(app: &TestApp, path: &str, token: &str, bytes: usize) -> String {
    let host = app.stack.url.trim_start_matches("http://");
    let sent = [
        format!("GET {path} HTTP/1.1"),
        format!("authorization: Bearer {token}"),
        "accept: */*".into(),
        format!("host: {host}"),
        "x-padding: ".into(),
    ];
    let sent: usize = sent.iter().map(|line| line.len() + "\r\n".len()).sum();
    "x".repeat(bytes - sent)
}

#[tokio::test]
async fn request_line_and_headers_may_have_10240_bytes() {
    let app = TestApp::start().await;
    let (path, token) = ("/v1/activities", app.reader());
    for (bytes, status) in [(10_240, 200), (10_241, 431)] {
        let padding = padding(&app, path, &token, bytes);
        let request = app.get(path).token(&token).header("x-padding", &padding);
        let answer = request.send().await;
        assert_eq!(answer.status, status, "{bytes} bytes: {}", answer.text);
    }
    let long = format!("/v1/activities?actor={}", "x".repeat(10_240));
    let answer = app.read(&long).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (431, r#"{"message":"Request Header Fields Too Large"}"#)
    );
}

#[tokio::test]
async fn a_path_is_matched_as_it_is_decoded() {
    let app = TestApp::start().await;
    let id = app.record(&activity()).await["id"].clone();
    let id = id.as_str().unwrap();
    let escaped = id.replace('-', "%2D");
    let answer = app.read(&format!("/v1/activities/{escaped}")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["id"].as_str()),
        (200, Some(id))
    );
    let slash = app.read(&format!("/v1/activities/{id}%2Fx")).await;
    assert_eq!(slash.status, 404);
    for odd in ["%22", "%23", "%3C", "%20", "%ff", "%00", "한국"] {
        let answer = app.read(&format!("/v1/activities/{odd}")).await;
        assert!(
            answer.refusal().starts_with("400 id must be"),
            "{odd}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn each_answer_of_a_function_demands_tls_and_no_guess_of_its_type() {
    let app = TestApp::start().await;
    let sent = app.post("/v1/activities", &activity());
    let sent = sent.token(&app.recorder()).send().await;
    let contract = app.get("/v1/openapi.json").send().await;
    let mut answers = vec![sent, contract];
    for (path, role) in [
        ("/v1/activities", "admin_agent"),
        ("/v1/activities?limit=x", "admin_agent"),
        ("/v1/exports", "activity_recorder"),
        (
            "/v1/erasures/019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d",
            "global_admin",
        ),
    ] {
        let token = app.token("contoso", role);
        answers.push(app.get(path).token(&token).send().await);
    }
    let statuses: Vec<_> = answers.iter().map(|it| it.status.as_u16()).collect();
    assert_eq!(statuses, [201, 200, 200, 400, 403, 404]);
    for answer in answers {
        let tls = answer.header("strict-transport-security");
        assert_eq!(tls, "max-age=63072000", "{}", answer.status);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn a_made_up_scheme_does_not_reach_the_function() {
    let app = TestApp::start().await;
    let request = app
        .request(Method::GET, "/v1/activities")
        .header("x-forwarded-proto", "a b");
    let answer = request.token(&app.reader()).send().await;
    assert_eq!(answer.status, 200);
}
