//! Rules that no compiler checks: the template, the manifests, the contract
//! and the documents agree with the code.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use local::template;
use serde_json::{Value, json};
use shared::Config;

use crate::{
    contract::OPENAPI,
    faults::{Call, Fault},
    harness::{TestApp, activity, ago, with},
};

pub(crate) fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn functions() -> Vec<Value> {
    let template = template::parse().unwrap();
    let resources = template["Resources"].as_object().unwrap().values();
    resources
        .filter(|it| it["Type"] == "AWS::Serverless::Function")
        .cloned()
        .collect()
}

fn binary(function: &Value) -> String {
    function["Metadata"]["BuildProperties"]["Binary"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn the_template_sets_exactly_the_variables_that_are_read() {
    let read = std::cell::RefCell::new(BTreeSet::new());
    let _ = Config::from_lookup(|name| {
        // The SDK's own are Lambda's to set.
        if !name.starts_with("AWS_") {
            read.borrow_mut().insert(name.to_owned());
        }
        None
    });
    let template = template::parse().unwrap();
    let set = template["Globals"]["Function"]["Environment"]["Variables"]
        .as_object()
        .unwrap();
    assert_eq!(
        set.keys().cloned().collect::<BTreeSet<_>>(),
        read.into_inner()
    );
    for function in functions() {
        assert!(
            function["Properties"]["Environment"].is_null(),
            "{}",
            binary(&function)
        );
    }
}

#[test]
fn the_templates_routes_are_those_of_the_contract() {
    let routes: BTreeSet<_> = template::routes()
        .unwrap()
        .iter()
        .map(template::Route::key)
        .collect();
    let paths = OPENAPI["paths"].as_object().unwrap().iter();
    let contract: BTreeSet<_> = paths
        .flat_map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| *name != "parameters");
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(routes, contract);
}

#[test]
fn each_function_of_the_template_is_a_crate() {
    let binaries: BTreeSet<_> = functions().iter().map(binary).collect();
    let folders =
        fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../functions")).unwrap();
    let folders: BTreeSet<_> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(binaries, folders);
    for name in binaries {
        assert!(
            read(&format!("functions/{name}/Cargo.toml")).contains(&format!("name = \"{name}\""))
        );
    }
}

/// What a function may do: its name, the action, and the resource's logical id.
///
/// The calls of Lambda itself, for the log and the failures queue, are left out.
fn allowed() -> BTreeSet<Call> {
    let template = template::parse().unwrap();
    let mut allowed = BTreeSet::new();
    for function in functions() {
        let role = function["Properties"]["Role"].as_str().unwrap();
        let role = &template["Resources"][role.trim_end_matches(".Arn")];
        for policy in role["Properties"]["Policies"].as_array().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                if ["WriteLog", "KeepFailures"].contains(&statement["Sid"].as_str().unwrap()) {
                    continue;
                }
                let resource = usual(&statement["Resource"])
                    .as_str()
                    .expect("one resource a statement");
                let actions = match &statement["Action"] {
                    Value::Array(actions) => actions.clone(),
                    action => vec![action.clone()],
                };
                for action in actions {
                    let action = action.as_str().unwrap();
                    assert!(
                        !action.contains('*') && !action.contains("Scan"),
                        "{action}"
                    );
                    assert_ne!(resource, "*", "{action}");
                    allowed.insert((binary(&function), action.to_owned(), logical(resource)));
                }
            }
        }
    }
    allowed
}

/// What a value is unless a table was restored: the last part of that `!If`.
fn usual(value: &Value) -> &Value {
    if value[0] == "HasRestoredActivities" {
        &value[2]
    } else {
        value
    }
}

/// The thing behind an ARN of the template.
fn logical(resource: &str) -> String {
    let known = [
        "ActivitiesTable",
        "ExportsTable",
        "ExportsBucket",
        "ErasuresTable",
        "export-worker",
        "erasure-worker",
    ];
    let found = known.into_iter().find(|name| resource.contains(name));
    found
        .unwrap_or_else(|| panic!("unknown resource {resource}"))
        .to_owned()
}

/// The permission that a call needs.
fn needed((function, operation, table): Call) -> Call {
    let (action, resource) = match operation.as_str() {
        "Invoke" if function.starts_with("erasure") => {
            ("lambda:InvokeFunction".to_owned(), "erasure-worker")
        }
        "Invoke" => ("lambda:InvokeFunction".to_owned(), "export-worker"),
        // S3 takes every step of a multipart upload for a put.
        "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            ("s3:PutObject".to_owned(), "ExportsBucket")
        }
        "AbortMultipartUpload" | "DeleteObject" | "GetObject" => {
            (format!("s3:{operation}"), "ExportsBucket")
        }
        _ => match table.as_str() {
            "activities" => (format!("dynamodb:{operation}"), "ActivitiesTable"),
            "exports" => (format!("dynamodb:{operation}"), "ExportsTable"),
            "erasures" => (format!("dynamodb:{operation}"), "ErasuresTable"),
            table => panic!("{function} calls {operation} on {table:?}"),
        },
    };
    (function, action, resource.to_owned())
}

impl TestApp {
    /// Everything the functions do, the seldom things too.
    async fn do_everything(&self) {
        let sent = with("occurred_at", ago(5));
        let stored = self.record(&sent).await;
        self.read(&format!(
            "/v1/activities/{}",
            stored["id"].as_str().unwrap()
        ))
        .await;
        self.list("").await;
        self.read("/v1/exports").await;
        let late = with("occurred_at", "2020-01-01T00:00:00Z");
        let late = self
            .post("/v1/activities", &late)
            .header("idempotency-key", "k-1");
        late.token(&self.recorder()).send().await;
        self.record_wide(36).await;
        let year = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
        self.export(&year).await;
        self.faults.add("PutObject", Fault::Held, 1);
        self.cancelled(&json!({ "action": "none" }), "PutObject")
            .await;
        self.until_called("export-worker", "DeleteObject").await;
        self.faults.add("CompleteMultipartUpload", Fault::Held, 1);
        self.cancelled(&year, "CompleteMultipartUpload").await;
        self.until_called("export", "AbortMultipartUpload").await;
        // Answered twice: is the file there?
        self.faults
            .add("CompleteMultipartUpload", Fault::ReplyLost, 1);
        self.export(&year).await;
    }

    /// An erasure of several pages, whose first worker fails.
    async fn erase_twice(&self) {
        self.stack.load("contoso", 300, self.now()).unwrap();
        self.faults.add("erasure-worker", Fault::Lost, 3);
        assert_eq!(self.erase().await["state"], "done");
    }

    /// A worker that fails before its first part has a successor.
    async fn begin_twice(&self) {
        self.record_wide(36).await;
        let year = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
        // An upload without a checkpoint is ended by the next worker.
        self.faults.add("UploadPart", Fault::Lost, 3);
        let request = self.post("/v1/exports", &year).token(&self.reader());
        request.send().await;
        self.until_failures(1).await;
        self.advance(Duration::from_secs(61));
        self.read("/v1/exports").await;
        self.until_called("export-worker", "AbortMultipartUpload")
            .await;
        self.until("/v1/exports", |exports| {
            exports["items"][0]["state"] == "ready"
        })
        .await;
    }

    /// Deletes an export whose worker is held at an operation.
    async fn cancelled(&self, asked: &Value, held_at: &str) {
        let request = self.post("/v1/exports", asked).token(&self.reader());
        let export = request.send().await.json();
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        self.until(&path, |_| self.faults.is_held(held_at)).await;
        let delete = self.request(reqwest::Method::DELETE, &path);
        delete.token(&self.reader()).send().await;
        self.faults.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_may_do_exactly_what_it_does() {
    // A worker whose time is up after each page calls itself.
    let variables = [("MAX_RUNNING_EXPORTS", "2")];
    let app = TestApp::start_limited(&variables, Duration::from_secs(45)).await;
    app.do_everything().await;
    app.erase_twice().await;
    // Nothing that may still change is read as it was a moment ago.
    assert_eq!(app.faults.eventual_reads(), BTreeSet::new());
    let mut calls = app.faults.calls();
    let app = TestApp::start().await;
    app.begin_twice().await;
    calls.append(&mut app.faults.calls());
    let mut needed: BTreeSet<_> = calls.into_iter().map(needed).collect();
    // A link carries this right; whoever follows it uses it.
    needed.insert((
        "export".into(),
        "s3:GetObject".into(),
        "ExportsBucket".into(),
    ));
    assert_eq!(needed, allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_put_of_an_activity_requires_that_there_is_none() {
    let app = TestApp::start().await;
    let recorder = app.recorder();
    let order = with("occurred_at", ago(60));
    for key in ["k-1", "k-1", "k-2"] {
        let keyed = app.post("/v1/activities", &order).token(&recorder);
        let answer = keyed.header("idempotency-key", key).send().await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }
    let batch = json!({ "activities": [activity(), order] });
    let batch = app.post("/v1/activities/batch", &batch).token(&recorder);
    assert_eq!(batch.send().await.status, 200);
    app.export(&json!({})).await;
    app.erase().await;
    let writes = app.faults.writes_of("activities");
    let puts = writes.iter().filter(|write| write.operation == "PutItem");
    let by: BTreeSet<_> = puts.clone().map(|write| write.function.as_str()).collect();
    let all = [
        "erasure",
        "erasure-worker",
        "export",
        "export-worker",
        "record",
    ];
    assert_eq!(by, all.into());
    for put in puts {
        let condition = "attribute_not_exists(partition_key)";
        assert_eq!(put.condition, condition, "{}", put.function);
    }
    // The only change removes a customer's name and details, and does not create.
    let others = writes.iter().filter(|write| write.operation != "PutItem");
    let others: BTreeSet<_> = others
        .map(|write| (&*write.function, &*write.operation, &*write.condition))
        .collect();
    let condition = "attribute_exists(partition_key) AND customer_id = :customer";
    assert_eq!(
        others,
        BTreeSet::from([("erasure-worker", "UpdateItem", condition)])
    );
}

#[test]
fn imports_keep_to_the_layers() {
    let functions = [
        "record",
        "list",
        "export",
        "export-worker",
        "erasure",
        "erasure-worker",
    ];
    let imports =
        |manifest: &str, name: &str| manifest.contains(&format!("\n{name}.workspace = true"));
    for function in functions {
        let manifest = read(&format!("functions/{function}/Cargo.toml"));
        for other in functions.iter().chain(&["local", "tests"]) {
            assert!(!imports(&manifest, other), "{function} imports {other}");
        }
    }
    let shared = read("shared/Cargo.toml");
    for other in functions.iter().chain(&["local", "tests"]) {
        assert!(!imports(&shared, other), "shared imports {other}");
    }
    let tests = read("tests/Cargo.toml");
    assert!(functions.iter().all(|function| !imports(&tests, function)));
    let bench = read("bench/Cargo.toml");
    assert!(functions.iter().all(|function| !imports(&bench, function)));
}

#[test]
fn each_promise_has_its_test() {
    let (page, tests) = (read("docs/promises.md"), read("tests/it/promises.rs"));
    let promised: Vec<_> = page
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Test: `")?.strip_suffix("`."))
        .collect();
    let numbered = page
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    assert_eq!(numbered.count(), promised.len());
    let written = tests.matches("#[tokio::test]\nasync fn ").count();
    assert_eq!(written, promised.len());
    for name in promised {
        assert!(
            tests.contains(&format!("async fn {name}()")),
            "no test {name}"
        );
    }
}

/// The text of every Rust file below a folder.
fn sources(folder: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut text = String::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

#[test]
fn each_threat_names_tests_that_exist() {
    let page = read("docs/security.md");
    let (_, page) = page.split_once("\n## Threats\n").unwrap();
    let table = page.lines().filter(|line| line.starts_with("| "));
    let threats: Vec<_> = table.skip(2).collect();
    assert!(threats.len() > 15);
    let tests: String = ["tests/it", "shared/src", "functions"]
        .map(sources)
        .concat();
    for threat in threats {
        let shown = threat.rsplit(" | ").next().unwrap();
        let names = shown.split('`').skip(1).step_by(2);
        let names: Vec<_> = names
            .filter(|it| it.contains('_') && !it.contains('.'))
            .collect();
        for name in &names {
            assert!(tests.contains(&format!("fn {name}(")), "no test {name}");
        }
        let is_without = ["`PartnerId`", "`deny.toml`"]
            .iter()
            .any(|it| shown.contains(it));
        assert!(is_without || !names.is_empty(), "no test: {threat}");
    }
}

#[tokio::test]
async fn the_recorded_events_are_answered_as_their_names_say() {
    // The same files that `cargo lambda invoke` is given.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events");
    let app = TestApp::start().await;
    app.record(&activity()).await;
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (function, _) = name.split_once("__").expect("<function>__<what>.json");
        let event: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let url = format!(
            "{}/2015-03-31/functions/{function}/invocations",
            app.stack.url
        );
        let response = reqwest::Client::new()
            .post(url)
            .json(&event)
            .send()
            .await
            .unwrap();
        assert!(
            !response.headers().contains_key("x-amz-function-error"),
            "{name}"
        );
        let answer: Value = response.json().await.unwrap();
        if !function.ends_with("-worker") {
            let status = answer["statusCode"].as_u64().unwrap();
            let expected = match name {
                name if name.contains("no_role") => 403,
                "list__one" => 404,
                "erasure__create" => 202,
                name if name.contains("unknown") => 404,
                "record__activity" | "record__base64" => 201,
                "export__create" => 202,
                _ => 200,
            };
            assert_eq!(status, expected, "{name}: {answer}");
        }
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} events");
}
