//! `docs/operations.md` agrees with the template, the code and itself.

use std::{collections::BTreeSet, io::Write, process::Stdio};

use aws_sdk_dynamodb::types::AttributeValue;
use local::template;
use serde_json::{Value, json};
use shared::metrics;

use crate::{
    guards::read,
    harness::{TestApp, activity},
};

/// The lines of a section, down to the next heading.
fn section(heading: &str) -> String {
    let page = read("docs/operations.md");
    let begun = page.lines().skip_while(|line| *line != heading).skip(1);
    let lines: Vec<_> = begun.take_while(|line| !line.starts_with('#')).collect();
    assert!(!lines.is_empty(), "no {heading}");
    lines.join("\n")
}

/// What stands between backticks in the first cells of a section's table.
fn rows(heading: &str) -> BTreeSet<String> {
    let section = section(heading);
    let cells = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    cells
        .flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned))
        .filter(|name| !name.trim().is_empty() && name.trim() != ",")
        .collect()
}

fn resources(kind: &str) -> Vec<(String, Value)> {
    let template = template::parse().unwrap();
    let resources = template["Resources"].as_object().unwrap().clone();
    let found: Vec<_> = resources
        .into_iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(id, resource)| (id, resource["Properties"].clone()))
        .collect();
    assert!(!found.is_empty(), "no {kind}");
    found
}

#[test]
fn each_alarm_is_explained() {
    let alarms: BTreeSet<_> = resources("AWS::CloudWatch::Alarm")
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(rows("## Alarms"), alarms);
}

/// The metrics of ours that alarms and the dashboard show.
fn shown() -> BTreeSet<String> {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let alarms = alarms
        .iter()
        .filter(|(_, alarm)| alarm["Namespace"] == metrics::NAMESPACE)
        .map(|(_, alarm)| alarm["MetricName"].as_str().unwrap().to_owned());
    let dashboards = resources("AWS::CloudWatch::Dashboard");
    let body = dashboards[0].1["DashboardBody"][0].as_str().unwrap();
    let body: Value = serde_json::from_str(body).expect("a dashboard is JSON");
    let widgets = body["widgets"].as_array().unwrap().iter();
    let lines = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
    let lines = lines.filter_map(|line| match line[0].as_str() {
        Some(metrics::NAMESPACE) => line[1].as_str().map(str::to_owned),
        Some(_) => None,
        None => {
            let search = line[0]["expression"].as_str().unwrap();
            assert!(search.contains(&format!("{{{},", metrics::NAMESPACE)));
            Some(search.split('"').nth(1).unwrap().to_owned())
        }
    });
    alarms.chain(lines).collect()
}

#[test]
fn what_is_counted_is_shown_and_explained() {
    let counted = rows("## Metrics");
    assert_eq!(shown(), counted);
    let source = read("shared/src/metrics.rs");
    for name in counted {
        assert!(source.contains(&format!("    {name}: ")), "{name}");
    }
}

#[test]
fn the_outputs_and_parameters_that_are_named_are_there() {
    let (page, template) = (read("docs/operations.md"), template::parse().unwrap());
    let outputs = page.split("$(output ").skip(1);
    let mut seen = 0;
    for name in outputs.map(|rest| rest.split(')').next().unwrap()) {
        assert!(template["Outputs"][name].is_object(), "no output {name}");
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} outputs");
    for name in rows("### Parameters") {
        assert!(template["Parameters"][&name].is_object(), "no {name}");
    }
    assert!(page.contains("RestoredActivitiesTable=\"$NEW\""));
    assert!(template["Parameters"]["RestoredActivitiesTable"].is_object());
}

#[test]
fn a_shell_can_read_the_commands() {
    let page = read("docs/operations.md");
    let blocks: Vec<_> = page.split("```bash\n").skip(1).collect();
    for block in &blocks {
        let commands = block.split("```").next().unwrap();
        let mut bash = std::process::Command::new("bash")
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = bash.stdin.take().unwrap();
        input.write_all(commands.as_bytes()).unwrap();
        drop(input);
        assert!(bash.wait().unwrap().success(), "{commands}");
    }
    assert!(blocks.len() >= 10, "only {} blocks", blocks.len());
}

/// A table's items as the SDK has them.
type Item = std::collections::HashMap<String, AttributeValue>;

fn value(json: &Value) -> AttributeValue {
    let (kind, inner) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(inner.as_str().unwrap().into()),
        "N" => AttributeValue::N(inner.as_str().unwrap().into()),
        "M" => AttributeValue::M(values(inner)),
        kind => panic!("{kind}"),
    }
}

fn values(json: &Value) -> Item {
    let object = json.as_object().unwrap().iter();
    object.map(|(name, it)| (name.clone(), value(it))).collect()
}

/// An option of a command on the page, between single quotes.
fn option(command: &str, name: &str) -> String {
    let option = command.split(&format!("--{name} '")).nth(1).unwrap();
    option.split('\'').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_restore_brought_back_is_erased_again() {
    let app = TestApp::start().await;
    let client = aws_sdk_dynamodb::Client::new(&app.stack.sdk);
    let stored = app.record(&activity()).await;
    let items = client.scan().table_name("activities").send().await.unwrap();
    let before = items.items.unwrap().remove(0);
    let path = format!("/v1/activities/{}", stored["id"].as_str().unwrap());
    let erasure = app.erase().await;
    let id = erasure["id"].as_str().unwrap();
    assert_eq!(app.read(&path).await.json()["customer"]["name"], "[erased]");

    // The restore, the page's step 6, and its step 8.
    let put = client.put_item().table_name("activities");
    put.set_item(Some(before)).send().await.unwrap();
    assert_ne!(app.read(&path).await.json()["customer"]["name"], "[erased]");
    put_back(&client, id).await;
    let event = json!({ "partner_id": "contoso", "erasure_id": id });
    let worked = app.stack.functions.call("erasure-worker", event).await;
    assert_eq!(worked.unwrap(), Value::Null);
    assert_eq!(app.read(&path).await.json()["customer"]["name"], "[erased]");
    let done = app.erasure(&format!("/v1/erasures/{id}")).await;
    assert_eq!(
        (&done["state"], &done["progress"]["erased"]),
        (&json!("done"), &json!(1))
    );
}

/// Runs the `update-item` of the page, word for word.
async fn put_back(client: &aws_sdk_dynamodb::Client, id: &str) {
    let page = read("docs/operations.md");
    let command = page.split("aws dynamodb update-item").nth(1).unwrap();
    let names = option(command, "expression-attribute-names");
    let names: std::collections::HashMap<_, _> = serde_json::from_str(&names).unwrap();
    let new = option(command, "expression-attribute-values");
    let key = json!({ "partition_key": { "S": "contoso" }, "sort_key": { "S": id } });
    let update = client.update_item().table_name("erasures");
    let update = update
        .set_key(Some(values(&key)))
        .update_expression(option(command, "update-expression"))
        .set_expression_attribute_names(Some(names))
        .set_expression_attribute_values(Some(values(&serde_json::from_str(&new).unwrap())));
    update.send().await.unwrap();
}
