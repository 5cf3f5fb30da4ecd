//! `docs/operations.md` agrees with the template and the code, and works.

use std::{collections::BTreeSet, io::Write, process::Stdio, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use local::template;
use serde_json::{Value, json};
use shared::{Moment, metrics};

use crate::{
    faults::Fault,
    guards::read,
    harness::{TestApp, activity},
};

/// The lines of a section, down to the next heading.
fn section(heading: &str) -> String {
    let page = read("docs/operations.md");
    let below = page.lines().skip_while(|line| *line != heading).skip(1);
    let lines: Vec<_> = below.take_while(|line| !line.starts_with('#')).collect();
    assert!(!lines.is_empty(), "no {heading}");
    lines.join("\n")
}

/// The names in backticks in the first column of a section's table.
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

/// Our own metrics that the alarms and the dashboard use.
fn shown_metrics() -> BTreeSet<String> {
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

#[tokio::test]
async fn each_metric_is_shown_and_explained() {
    let explained = rows("## Metrics");
    assert_eq!(shown_metrics(), explained);
    let counting = async {
        metrics::recorded(false);
        metrics::recorded(true);
        metrics::refused("conflict");
        metrics::listed(1);
        metrics::exported(1, 1);
        metrics::erased(1);
        metrics::failed();
        metrics::streamed(1);
        metrics::not_streamed();
        metrics::oldest_open_task(Moment::MIN, Moment::MAX);
        metrics::sealed(1);
        metrics::seal_failed();
        metrics::seal_lag(Moment::MIN, Moment::MAX);
        metrics::store_latency(Duration::from_millis(1));
    };
    let ((), tally) = metrics::counted(counting).await;
    let line = tally.line("it", "r-1", Moment::MAX).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let counted = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    let names = counted
        .unwrap()
        .iter()
        .map(|metric| metric["Name"].as_str().unwrap().to_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), explained);
}

#[test]
fn the_named_outputs_and_parameters_exist() {
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
fn each_log_group_is_named() {
    let named: BTreeSet<_> = rows("## Logs")
        .iter()
        .map(|row| row.rsplit("<stack>").next().unwrap().to_owned())
        .collect();
    for (id, properties) in resources("AWS::Logs::LogGroup") {
        let name = properties["LogGroupName"].as_str();
        let (_, name) = name.unwrap().rsplit_once("${AWS::StackName}").unwrap();
        assert!(named.contains(name), "{id}: {name}");
    }
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

/// The filter expression of the page that begins with `part`.
fn filter(part: &str) -> String {
    let page = read("docs/operations.md");
    let mut filters = page.split("--filter-expression '").skip(1);
    let filter = filters.find(|rest| rest.starts_with(part)).unwrap();
    filter.split('\'').next().unwrap().to_owned()
}

impl TestApp {
    /// The customers whose erasure has ended since, found by the page's filter.
    async fn erased_since(&self, since: Moment) -> Vec<String> {
        let client = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let scan = client.scan().table_name("erasures");
        let scan = scan
            .filter_expression(filter("attribute_exists(customer_id)"))
            .expression_attribute_values(":good", AttributeValue::S(since.to_string()));
        let items = scan.send().await.unwrap().items.unwrap();
        let customers = items.iter().map(|item| item["customer_id"].as_s().unwrap());
        customers.cloned().collect()
    }

    /// How many erasures are under way, found by the page's filter.
    async fn under_way(&self, since: Moment) -> i32 {
        let client = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let scan = client.scan().table_name("erasures");
        let scan = scan
            .filter_expression(filter("#state IN"))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":queued", AttributeValue::S("queued".into()))
            .expression_attribute_values(":running", AttributeValue::S("running".into()))
            .expression_attribute_values(":since", AttributeValue::S(since.to_string()));
        scan.send().await.unwrap().count
    }
}

#[tokio::test]
async fn what_a_restore_brought_back_is_erased_again() {
    let app = TestApp::start().await;
    let client = aws_sdk_dynamodb::Client::new(&app.stack.sdk);
    let stored = app.record(&activity()).await;
    let items = client.scan().table_name("activities").send().await.unwrap();
    let before = items.items.unwrap().remove(0);
    let path = format!("/v1/activities/{}", stored["id"].as_str().unwrap());
    let name = async || app.read(&path).await.json()["customer"]["name"].clone();
    let last_good = app.now();
    assert_eq!(app.erase().await["state"], "done");
    assert_eq!(name().await, "[erased]");

    // A day later the table is restored; that day's erasures are still known.
    app.advance(Duration::from_hours(24));
    let put = client.put_item().table_name("activities");
    put.set_item(Some(before)).send().await.unwrap();
    assert_eq!(name().await, activity()["customer"]["name"]);
    assert_eq!(app.erased_since(app.now()).await, Vec::<String>::new());
    let customers = app.erased_since(last_good).await;
    assert_eq!(customers, ["c-1"]);

    // The last step of the page: erase these customers again.
    let event = read("tests/events/erasure__create.json");
    let mut event: Value = serde_json::from_str(&event).unwrap();
    event["body"] = json!({ "customer_id": customers[0] }).to_string().into();
    event["requestContext"]["authorizer"]["jwt"]["claims"] = json!({
        "partner_id": "contoso", "roles": "global_admin", "sub": "operations", "name": "Operations",
    });
    app.faults.add("Query", Fault::Held, 1);
    let answer = app.stack.functions.call("erasure", event).await.unwrap();
    assert_eq!(answer["statusCode"], 202, "{answer}");
    assert_eq!(app.under_way(last_good).await, 1);
    app.faults.release();
    app.until(&path, |it| it["customer"]["name"] == "[erased]")
        .await;
    let location = answer["headers"]["location"].as_str().unwrap();
    let admin = app.token("contoso", "global_admin");
    while app.get(location).token(&admin).send().await.json()["state"] != "done" {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.under_way(last_good).await, 0);
}
