//! The template, manifests, contract and documents agree with the code.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use local::template;
use reqwest::Method;
use serde_json::{Value, json};
use shared::Config;

use crate::{
    contract::OPENAPI,
    faults::{Call, Fault},
    harness::{TestApp, activity, ago, with},
    sweeper::erasure_with_stale_end,
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
        // Lambda itself sets the variables of the SDK.
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
    // It serves `/v1//auditrecords`, which no contract can describe.
    let greedy = BTreeSet::from(["GET /v1/{proxy+}".to_owned()]);
    assert_eq!(&routes - &greedy, contract);
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

/// What the template allows: function, action, and the resource's logical id.
///
/// The calls of Lambda itself, for the log and the failures queue, are left out.
fn allowed_permissions() -> BTreeSet<Call> {
    let template = template::parse().unwrap();
    let mut allowed = BTreeSet::new();
    for function in functions() {
        let role = function["Properties"]["Role"].as_str().unwrap();
        let role = &template["Resources"][role.trim_end_matches(".Arn")];
        for policy in role["Properties"]["Policies"].as_array().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                // Lambda itself writes the log, reads the stream and fills the queue.
                let by_lambda = ["WriteLog", "KeepFailures", "ReadStream"];
                if by_lambda.contains(&statement["Sid"].as_str().unwrap()) {
                    continue;
                }
                let resource = unless_restored(&statement["Resource"])
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
                    allowed.insert((binary(&function), action.to_owned(), logical_id(resource)));
                }
            }
        }
    }
    allowed
}

/// The value for a stack whose table was not restored from a backup.
///
/// The template has an `!If` where the values differ.
fn unless_restored(value: &Value) -> &Value {
    if value[0] == "HasRestoredActivities" {
        &value[2]
    } else {
        value
    }
}

/// The logical id of the resource that an ARN of the template names.
fn logical_id(resource: &str) -> String {
    let known = [
        "ActivitiesTable",
        "ArchiveBucket",
        "ArchiveTable",
        "CheckpointsBucket",
        "ErasuresTable",
        "EventBus",
        "ExportsBucket",
        "ExportsTable",
        "erasure-worker",
        "export-worker",
        "seal-worker",
    ];
    let found = known.into_iter().find(|name| resource.contains(name));
    found
        .unwrap_or_else(|| panic!("unknown resource {resource}"))
        .to_owned()
}

/// The permission that a call needs, in the form of `allowed_permissions`.
fn needed_permission((function, operation, store): Call) -> Call {
    let (action, resource) = match operation.as_str() {
        "Invoke" if function.starts_with("erasure") => {
            ("lambda:InvokeFunction".to_owned(), "erasure-worker")
        }
        "Invoke" => ("lambda:InvokeFunction".to_owned(), "export-worker"),
        // S3 asks for the permission to put an object at each of these steps.
        "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            ("s3:PutObject".to_owned(), bucket_id(&store))
        }
        "ListObjectsV2" => ("s3:ListBucket".to_owned(), bucket_id(&store)),
        "AbortMultipartUpload" | "DeleteObject" | "GetObject" => {
            (format!("s3:{operation}"), bucket_id(&store))
        }
        "PutEvents" => ("events:PutEvents".to_owned(), "EventBus"),
        _ => (format!("dynamodb:{operation}"), table_id(&store)),
    };
    (function, action, resource.to_owned())
}

/// The logical id of a table of `local`.
fn table_id(table: &str) -> &'static str {
    match table {
        "activities" => "ActivitiesTable",
        "archive" => "ArchiveTable",
        "erasures" => "ErasuresTable",
        "exports" => "ExportsTable",
        _ => panic!("no table {table:?}"),
    }
}

/// The logical id of a bucket of `local`.
fn bucket_id(bucket: &str) -> &'static str {
    match bucket {
        "archive" => "ArchiveBucket",
        "checkpoints" => "CheckpointsBucket",
        "exports" => "ExportsBucket",
        _ => panic!("no bucket {bucket:?}"),
    }
}

/// What no call of a run shows that functions need.
fn permissions_without_a_call() -> BTreeSet<Call> {
    let needed = [
        // The sweeper calls all workers; a call does not show which one it is for.
        ("sweeper", "lambda:InvokeFunction", "erasure-worker"),
        ("sweeper", "lambda:InvokeFunction", "seal-worker"),
        // Not used by a call, but by the person who follows a download link.
        ("export", "s3:GetObject", "ExportsBucket"),
        // S3 asks for it when an object is read that is gone; else it would answer 403.
        ("list", "s3:ListBucket", "ArchiveBucket"),
        ("auditrecords", "s3:ListBucket", "ArchiveBucket"),
        ("export-worker", "s3:ListBucket", "ArchiveBucket"),
    ];
    needed
        .map(|(function, action, resource)| (function.into(), action.into(), resource.into()))
        .into()
}

impl TestApp {
    /// Makes the functions do everything that they can do, also rare things.
    async fn do_everything(&self) {
        let sent = with("occurred_at", ago(5));
        let stored = self.record(&sent).await;
        self.read(&format!(
            "/v1/activities/{}",
            stored["id"].as_str().unwrap()
        ))
        .await;
        self.list("").await;
        self.read("/v1/auditrecords").await;
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
        self.delete_while_held(&json!({ "action": "none" }), "PutObject")
            .await;
        self.until_called("export-worker", "DeleteObject").await;
        self.faults.add("CompleteMultipartUpload", Fault::Held, 1);
        self.delete_while_held(&year, "CompleteMultipartUpload")
            .await;
        self.until_called("export", "AbortMultipartUpload").await;
        // The SDK repeats the lost call and gets an error; the worker must then
        // read whether the file is complete.
        self.faults
            .add("CompleteMultipartUpload", Fault::ReplyLost, 1);
        self.export(&year).await;
    }

    /// Erases several pages; the first worker fails, and a second one goes on.
    async fn erase_with_second_worker(&self) {
        self.stack.load("contoso", 1_100, self.now()).unwrap();
        self.faults.add("erasure-worker", Fault::Lost, 3);
        assert_eq!(self.erase().await["state"], "done");
    }

    /// Sweeps tasks without a worker, tasks that have ended, and an old end of a walk.
    async fn sweep_everything(&self) {
        self.export_without_worker().await;
        self.erasure_without_worker().await;
        self.advance(Duration::from_secs(61));
        self.sweep().await;
        self.until_all_ended().await;
        assert_eq!(self.faults.count("sweeper", "Invoke"), 2, "one a worker");
        self.sweep().await;
    }

    /// Seals a log, reads, exports and erases what is sealed, and seals what came since.
    async fn seal_everything(&self) {
        let stored = self.record(&activity()).await;
        let path = format!("/v1/activities/{}", stored["id"].as_str().unwrap());
        self.advance(Duration::from_hours(72));
        self.seal().await;
        self.call_sweeper(&json!({ "sweep": "logs" })).await;
        self.delete_item(&stored).await;
        let year = json!({ "from": "2000-01-01", "to": "2999-12-31" });
        assert_eq!(self.read(&path).await.status, 200, "out of the archive");
        self.list("from=2000-01-01&to=2999-12-31").await;
        let records = "/v1/auditrecords?startDate=2000-01-01&endDate=2999-12-31";
        self.read(records).await;
        self.read(&path.replace("activities", "auditrecords")).await;
        self.export(&year).await;
        assert_eq!(self.erase().await["state"], "done");
        self.record(&with("occurred_at", self.now().to_string()))
            .await;
        self.advance(Duration::from_hours(72));
        // One import is closed, and the next one ends by itself.
        let importer = self.token("contoso", "history_importer");
        for method in [Method::PUT, Method::GET, Method::DELETE, Method::PUT] {
            let import = self.request(method, "/v1/import").token(&importer);
            assert_eq!(import.send().await.status, 200);
        }
        self.advance(Duration::from_hours(7 * 24));
        // A checkpoint whose answer was lost is compared.
        self.faults.add("PutObject", Fault::ReplyLost, 1);
        self.seal().await;
        self.run_sealer().await;
    }

    /// Lets each function be the first that records something for a partner.
    async fn register_by_everyone(&self) {
        let importer = self.token("fabrikam", "history_importer");
        let import = self.request(Method::PUT, "/v1/import").token(&importer);
        assert_eq!(import.send().await.status, 200);
        self.erase().await;
        let northwind = self.token("northwind", "admin_agent");
        let asked = self.post("/v1/exports", &json!({})).token(&northwind);
        let asked = asked.send().await;
        while self.registered().await.len() < 3 {
            tokio::task::yield_now().await;
        }
        // As for an export that was ready before partners were registered.
        self.forget("northwind").await;
        let path = asked.header("location");
        while self.get(path).token(&northwind).send().await.json()["state"] != "ready" {
            tokio::task::yield_now().await;
        }
    }

    /// Removes a partner from the registry.
    async fn forget(&self, partner: &str) {
        for partition in 0..16 {
            let delete = self.dynamodb().delete_item();
            let delete = delete.table_name(&self.stack.config.archive_table);
            let partition = AttributeValue::S(format!("#partners#{partition:x}"));
            let delete = delete.key("partition_key", partition);
            let delete = delete.key("sort_key", AttributeValue::S(partner.into()));
            delete.send().await.unwrap();
        }
    }

    async fn call_sweeper(&self, event: &Value) {
        let swept = self.stack.functions.call("sweeper", event.clone());
        swept.await.unwrap();
    }

    /// Exports a file whose first worker fails before it has stored a part.
    async fn export_with_second_worker(&self) {
        self.record_wide(36).await;
        let year = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
        // The upload has no checkpoint, so the second worker aborts it.
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

    /// Requests an export; deletes it while its worker is held at an operation.
    async fn delete_while_held(&self, body: &Value, operation: &str) {
        let request = self.post("/v1/exports", body).token(&self.reader());
        let export = request.send().await.json();
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        self.until(&path, |_| self.faults.is_held(operation)).await;
        let delete = self.request(Method::DELETE, &path);
        delete.token(&self.reader()).send().await;
        self.faults.release();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_may_do_exactly_what_it_does() {
    // A worker hands over 45 s before its time ends: here, after each page.
    let variables = [("MAX_RUNNING_EXPORTS", "2")];
    let app = TestApp::start_limited(&variables, Duration::from_secs(45)).await;
    app.do_everything().await;
    app.erase_with_second_worker().await;
    // What may still change is read with strong consistency.
    assert_eq!(app.faults.eventual_reads(), BTreeSet::new());
    let mut calls = app.faults.calls();
    let app = TestApp::start().await;
    app.export_with_second_worker().await;
    app.sweep_everything().await;
    calls.append(&mut app.faults.calls());
    let (app, _, _) = erasure_with_stale_end(false).await;
    app.sweep().await;
    app.until_all_ended().await;
    calls.append(&mut app.faults.calls());
    let app = TestApp::start_sealing(&[("HOT_DAYS", "1")]).await;
    app.seal_everything().await;
    calls.append(&mut app.faults.calls());
    let app = TestApp::start().await;
    app.register_by_everyone().await;
    calls.append(&mut app.faults.calls());
    let app = TestApp::start_streaming("activity").await;
    app.record(&activity()).await;
    app.until_called("stream", "PutEvents").await;
    calls.append(&mut app.faults.calls());
    // IAM asks for the permissions of a transaction's parts, which are among the calls.
    calls.retain(|(_, operation, _)| operation != "TransactWriteItems");
    let mut needed: BTreeSet<_> = calls.into_iter().map(needed_permission).collect();
    needed.append(&mut permissions_without_a_call());
    let allowed = allowed_permissions();
    let missing: Vec<_> = needed.difference(&allowed).collect();
    let unused: Vec<_> = allowed.difference(&needed).collect();
    let none: [&Call; 0] = [];
    assert_eq!((missing, unused), (none.into(), none.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_registers_partners_writes_nothing_else_into_the_archives_table() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.export(&json!({})).await;
    app.erase().await;
    let seals = ["erasure-worker", "seal-worker"];
    let writes = app.faults.writes_of("archive");
    let others = writes.iter().filter(|it| !seals.contains(&&*it.function));
    for write in others {
        assert_eq!(write.operation, "PutItem", "{write:?}");
        assert!(write.partition.starts_with("#partners#"), "{write:?}");
    }
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
        "auditrecords",
        "export",
        "export-worker",
        "erasure",
        "erasure-worker",
        "import",
        "seal-worker",
        "sweeper",
    ];
    let imports =
        |manifest: &str, name: &str| manifest.contains(&format!("\n{name}.workspace = true"));
    for function in functions {
        let manifest = read(&format!("functions/{function}/Cargo.toml"));
        for other in functions.iter().chain(&["admin", "local", "tests"]) {
            assert!(!imports(&manifest, other), "{function} imports {other}");
        }
    }
    let shared = read("shared/Cargo.toml");
    for other in functions.iter().chain(&["admin", "local", "tests"]) {
        assert!(!imports(&shared, other), "shared imports {other}");
    }
    // A reader need not trust more of ours than what hashes.
    let verify = read("verify/Cargo.toml");
    for other in ["shared", "activity-log", "archive", "local"] {
        assert!(!imports(&verify, other), "verify imports {other}");
    }
    for crate_ in ["shared", "log", "archive", "proof", "local", "verify"] {
        let manifest = read(&format!("{crate_}/Cargo.toml"));
        assert!(!imports(&manifest, "admin"), "{crate_} imports admin");
    }
    let (tests, bench) = (read("tests/Cargo.toml"), read("bench/Cargo.toml"));
    for function in functions {
        // The simulation runs many executions of one function in a process.
        let is_simulated = function == "record";
        assert!(is_simulated || !imports(&bench, function), "{function}");
        // One writes files, of the other a second one runs with another configuration.
        let is_tested_alone = ["export-worker", "record"].contains(&function);
        assert!(is_tested_alone || !imports(&tests, function), "{function}");
    }
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
fn no_function_scans_a_table_or_has_what_only_operators_do() {
    assert!(sources("admin/src").contains(".scan()"));
    for folder in [
        "shared/src",
        "functions",
        "log/src",
        "archive/src",
        "local/src",
    ] {
        assert!(!sources(folder).contains(".scan()"), "{folder}");
    }
    let mut manifests = vec!["log/Cargo.toml".to_owned(), "local/Cargo.toml".to_owned()];
    manifests.extend(
        functions()
            .iter()
            .map(|it| format!("functions/{}/Cargo.toml", binary(it))),
    );
    for manifest in manifests {
        assert!(!read(&manifest).contains("\"operate\""), "{manifest}");
    }
}

#[test]
fn each_threat_names_tests_that_exist() {
    let page = read("docs/security.md");
    let (_, page) = page.split_once("\n## Threats\n").unwrap();
    let table = page.lines().filter(|line| line.starts_with("| "));
    let threats: Vec<_> = table.skip(2).collect();
    assert!(threats.len() > 15);
    let tests: String = ["tests/it", "shared/src", "functions", "partner-center"]
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
        let needs_no_test = ["`PartnerId`", "`deny.toml`"]
            .iter()
            .any(|it| shown.contains(it));
        assert!(needs_no_test || !names.is_empty(), "no test: {threat}");
    }
}

#[tokio::test]
async fn the_recorded_events_are_answered_as_their_names_say() {
    // A developer can pass these files to `cargo lambda invoke`.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events");
    let app = TestApp::start_streaming("activity").await;
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
        if function == "stream" {
            assert_eq!(answer, json!({ "batchItemFailures": [] }), "{name}");
        } else if !function.ends_with("-worker") && function != "sweeper" {
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
