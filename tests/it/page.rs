//! The files of the page and the sign-in for development, as `local` has them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use local::{Options, Stack};
use reqwest::{Client, Response, Url, redirect::Policy};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const VERIFIER: &str = "a-verifier-of-at-least-43-characters-as-rfc-7636-asks";

/// A browser that does not follow redirects.
fn browser() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn start(page: Option<&std::path::Path>) -> Stack {
    let options = Options {
        page: page.map(Into::into),
        ..Options::in_memory()
    };
    Stack::start(options).await.unwrap()
}

/// The address where a person signs in; a test can change parameters.
fn authorize(stack: &Stack, changed: &[(&str, &str)]) -> Url {
    let redirect_uri = format!("{}/", stack.url);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut query = vec![
        ("client_id", "page"),
        ("redirect_uri", &redirect_uri),
        ("response_type", "code"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", "s-1"),
        ("nonce", "n-1"),
    ];
    query.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
    query.extend(changed);
    let url = format!("{}/dev/sign-in", stack.url);
    Url::parse_with_params(&url, query).unwrap()
}

/// A parameter of the address that an answer redirects the browser to.
fn redirect_parameter(answer: &Response, name: &str) -> Option<String> {
    let location = answer.headers()["location"].to_str().unwrap();
    let url = Url::parse(location).unwrap();
    let mut pairs = url.query_pairs().into_owned();
    pairs.find_map(|(found, value)| (found == name).then_some(value))
}

fn form(pairs: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://form", pairs).unwrap();
    url.query().unwrap().to_owned()
}

async fn post(url: impl reqwest::IntoUrl, pairs: &[(&str, &str)]) -> Response {
    let request = browser()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded");
    request.body(form(pairs)).send().await.unwrap()
}

async fn submit(stack: &Stack) -> Response {
    let person = [
        ("partner_id", "contoso"),
        ("role", "admin_agent"),
        ("name", "ann"),
    ];
    post(authorize(stack, &[]), &person).await
}

async fn exchange(stack: &Stack, code: &str, verifier: &str) -> Response {
    let redirect_uri = format!("{}/", stack.url);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "page"),
        ("redirect_uri", &redirect_uri),
        ("code", code),
        ("code_verifier", verifier),
    ];
    post(format!("{}/dev/sign-in/token", stack.url), &form).await
}

#[tokio::test]
async fn a_person_signs_in_with_a_code_and_reads_the_log() {
    let stack = start(None).await;
    let answer = submit(&stack).await;
    assert_eq!(redirect_parameter(&answer, "state").unwrap(), "s-1");
    let code = redirect_parameter(&answer, "code").unwrap();
    let answer = exchange(&stack, &code, VERIFIER).await;
    let tokens: Value = answer.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let list = format!("{}/v1/activities", stack.url);
    let read = async |token: &str| {
        let request = browser().get(&list).bearer_auth(token);
        request.send().await.unwrap().status()
    };
    assert_eq!(read(token).await, 200);
    // Neither a code nor an identity token gives a right to read.
    assert_eq!(read(&code).await, 401);
    assert_eq!(read(tokens["id_token"].as_str().unwrap()).await, 401);
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier() {
    let stack = start(None).await;
    let code = redirect_parameter(&submit(&stack).await, "code").unwrap();
    for (code, verifier) in [(code.as_str(), "another"), ("no-code", VERIFIER)] {
        let answer = exchange(&stack, code, verifier).await;
        assert_eq!(answer.status(), 400);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_is_sent_only_to_pages_on_this_machine() {
    let stack = start(None).await;
    for (name, value) in [
        ("redirect_uri", "https://elsewhere.example/"),
        ("redirect_uri", "http://127.0.0.1.elsewhere.example/"),
        ("response_type", "token"),
        ("code_challenge_method", "plain"),
    ] {
        let url = authorize(&stack, &[(name, value)]);
        let answer = browser().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{name}={value}");
    }
}

#[tokio::test]
async fn a_session_answers_without_a_form_until_it_ends() {
    let stack = start(None).await;
    let silent = authorize(&stack, &[("prompt", "none")]);
    let cookie = |answer: &Response| {
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let ask = async |cookie: &str| {
        let request = browser().get(silent.clone()).header("cookie", cookie);
        request.send().await.unwrap()
    };
    let answer = ask("").await;
    assert_eq!(
        redirect_parameter(&answer, "error").unwrap(),
        "login_required"
    );
    let session = cookie(&submit(&stack).await);
    assert!(redirect_parameter(&ask(&session).await, "code").is_some());
    let out = browser().get(format!("{}/dev/sign-out", stack.url));
    let ended = cookie(&out.send().await.unwrap());
    let answer = ask(&ended).await;
    assert_eq!(
        redirect_parameter(&answer, "error").unwrap(),
        "login_required"
    );
}

#[tokio::test]
async fn the_sign_in_sends_browsers_to_pages_of_this_machine_and_of_the_portal_alone() {
    let stack = Stack::start(Options {
        portal_origin: Some("https://portal.example".parse().unwrap()),
        ..Options::in_memory()
    })
    .await
    .unwrap();
    for (page, is_trusted) in [
        ("http://localhost:5173/", true),
        ("http://[::1]:5173/", true),
        ("https://portal.example/log", true),
        ("https://evil.example/", false),
        ("http://127.0.0.1@evil.example/", false),
        ("javascript://127.0.0.1/%0aalert(1)", false),
        ("data://localhost/text", false),
        ("ftp://localhost/", false),
        ("//localhost/", false),
        ("", false),
    ] {
        let silent = [("redirect_uri", page), ("prompt", "none")];
        let out = form(&[("post_logout_redirect_uri", page)]);
        let out = format!("{}/dev/sign-out?{out}", stack.url);
        for url in [authorize(&stack, &silent), out.parse().unwrap()] {
            let answer = browser().get(url.clone()).send().await.unwrap();
            let expected = if is_trusted { 303 } else { 400 };
            assert_eq!(answer.status(), expected, "{url}");
            assert_eq!(answer.headers().contains_key("location"), is_trusted);
        }
    }
}

/// The answer to a path that is sent unchanged.
///
/// An HTTP client would resolve the dots in the path first.
async fn answer_to_raw_path(stack: &Stack, path: &str) -> String {
    let host = stack.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_page_is_served_beside_the_api_which_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "the page").unwrap();
    std::fs::write(folder.path().join("assets/a.js"), "1").unwrap();
    std::fs::write(folder.path().join("renewed.html"), "renewed").unwrap();
    std::fs::write(folder.path().join("secret"), "no").unwrap();
    let stack = start(Some(folder.path())).await;
    let get = async |path: &str| browser().get(format!("{}{path}", stack.url)).send().await;
    let page = get("/").await.unwrap();
    let policy = page.headers()["content-security-policy"].clone();
    assert_eq!(policy, *local::page::content_security_policy("'none'"));
    assert_eq!(page.text().await.unwrap(), "the page");
    let renewed = get("/renewed.html").await.unwrap();
    assert_eq!(
        renewed.headers()["content-security-policy"],
        local::page::RENEWAL_POLICY
    );
    let script = get("/assets/a.js").await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript");
    assert_eq!(script.headers()["x-content-type-options"], "nosniff");
    let config: Value = get("/config.json").await.unwrap().json().await.unwrap();
    assert_eq!(config["issuer"], stack.url);
    assert_eq!(config["frame_ancestors"], "'none'");
    for path in ["/secret", "/nothing", "/v2/nothing"] {
        assert_eq!(get(path).await.unwrap().status(), 404, "{path}");
    }
    assert_eq!(get("/v1/nothing").await.unwrap().status(), 401);
    for path in ["/assets/../secret", "/assets/%2e%2e/secret"] {
        let answer = answer_to_raw_path(&stack, path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let script = answer_to_raw_path(&stack, "/assets/a.js").await;
    assert!(script.starts_with("HTTP/1.1 200 "), "{script}");
    let without_page = start(None).await;
    let answer = reqwest::get(&without_page.url).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"message":"Not Found"}"#);
}
