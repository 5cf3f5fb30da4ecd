//! The export routes, and what `export-worker` makes of them.

mod create;
mod file;
mod life;
mod readers;
mod resume;
mod spreadsheet;

use std::{collections::HashMap, path::PathBuf, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    ExportStore,
    aws::exports::LeaseAttempt,
    model::export::{ExportId, WorkerEvent},
};

use crate::{
    faults::Fault,
    harness::{Answer, TestApp, activity, ago, at, eventually, with},
};

impl TestApp {
    pub(crate) async fn post_export(&self, body: &Value) -> Answer {
        self.post("/v1/exports", body)
            .token(&self.reader())
            .send()
            .await
    }

    async fn post_export_keyed(&self, body: &Value, key: &str) -> Answer {
        let request = self
            .post("/v1/exports", body)
            .header("idempotency-key", key);
        request.token(&self.reader()).send().await
    }

    async fn read_export(&self, export: &Value) -> Value {
        self.read(&format!("/v1/exports/{}", export["id"].as_str().unwrap()))
            .await
            .json()
    }

    async fn delete_export(&self, export: &Value) -> Answer {
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        self.request(Method::DELETE, &path)
            .token(&self.reader())
            .send()
            .await
    }

    /// Reads an export until it has ended.
    async fn ended(&self, export: &Value) -> Value {
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        let is_active =
            |export: &Value| export["state"] == "queued" || export["state"] == "running";
        self.until(&path, |export| !is_active(export)).await
    }

    /// The rows of a file without its header.
    async fn rows(&self, body: &Value) -> Vec<csv::StringRecord> {
        let export = self.export(body).await;
        let file = self.file(&export).await;
        let rows = csv::Reader::from_reader(file.as_slice()).into_records();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// A worker that takes the export's lease and is never heard of again.
    async fn dead_worker(&self, export: &Value) -> LeaseAttempt {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let store = ExportStore::new(dynamodb, self.stack.config.exports_table.clone());
        let export_id = ExportId::try_from(export["id"].as_str().unwrap()).unwrap();
        let event = WorkerEvent {
            partner_id: "contoso".into(),
            export_id,
        };
        store.take_lease(&event, self.now()).await.unwrap()
    }

    async fn item(&self, export: &Value) -> HashMap<String, AttributeValue> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let id = export["id"].as_str().unwrap().to_owned();
        let item = dynamodb
            .get_item()
            .table_name(&self.stack.config.exports_table)
            .key("partition_key", AttributeValue::S("contoso".into()))
            .key("sort_key", AttributeValue::S(id));
        item.send().await.unwrap().item.unwrap()
    }

    async fn has_checkpoint(&self, export: &Value) -> bool {
        let item = self.item(export).await;
        assert!(item.contains_key("upload_id"));
        item.contains_key("checkpoint")
    }

    /// Makes an export's checkpoint one of another version of the worker.
    async fn set_checkpoint_version(&self, export: &Value, version: u8) {
        let item = self.item(export).await;
        let checkpoint = item["checkpoint"].as_m().unwrap();
        let mut hash = checkpoint["hash"].as_b().unwrap().clone().into_inner();
        hash[0] = version;
        // Its last four bytes are a checksum.
        let end = hash.len() - 4;
        let check = Sha256::digest(&hash[..end]);
        hash[end..].copy_from_slice(&check[..4]);
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let update = dynamodb
            .update_item()
            .table_name(&self.stack.config.exports_table)
            .key("partition_key", item["partition_key"].clone())
            .key("sort_key", item["sort_key"].clone())
            .update_expression("SET checkpoint.#hash = :hash")
            .expression_attribute_names("#hash", "hash")
            .expression_attribute_values(":hash", AttributeValue::B(hash.into()));
        update.send().await.unwrap();
    }

    /// Waits until the item itself says that its export has failed.
    async fn until_written_off(&self, export: &Value) {
        for _ in 0..1_500 {
            if self.item(export).await["state"].as_s().unwrap() == "failed" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody wrote down that the export has failed");
    }

    async fn until_nothing_is_left(&self) {
        let gone = eventually(|| self.files_left().is_empty()).await;
        assert!(gone, "left in the bucket: {:?}", self.files_left());
    }

    /// Reads an export until it has ended; each time its worker is gone, the
    /// minute passes after which a read calls the next one.
    pub(crate) async fn healed(&self, export: &Value) -> Value {
        let mut failures = self.worker_failures();
        for _ in 0..6_000 {
            let read = self.read_export(export).await;
            if read["state"] != "queued" && read["state"] != "running" {
                return read;
            }
            self.advance_if_worker_is_gone(&mut failures).await;
        }
        panic!("the export did not end");
    }

    /// The SHA-256 of an export's file as it lies in the bucket's folder: a link
    /// of a clock that is ahead would be refused.
    pub(crate) fn stored_hash(&self, export: &Value) -> String {
        let file = std::fs::read(self.stored_file("contoso", export)).unwrap();
        base16ct::lower::encode_string(&Sha256::digest(file))
    }

    /// Where an export's file lies in the bucket's folder.
    pub(crate) fn stored_file(&self, partner: &str, export: &Value) -> PathBuf {
        let partner = base16ct::lower::encode_string(&Sha256::digest(partner));
        let folder = self
            .stack
            .s3_dir
            .join("exports/exports")
            .join(&partner[..16]);
        folder
            .join(export["id"].as_str().unwrap())
            .join("activity-log")
    }

    /// What lies in the bucket beside finished files.
    fn leftovers(&self) -> Vec<String> {
        let mut left = self.files_left();
        left.retain(|name| name != "activity-log");
        left
    }

    /// What lies in the bucket's folder: objects and parts of uploads, without
    /// what `s3s-fs` notes about either.
    pub(crate) fn files_left(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut folders = vec![self.stack.s3_dir.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false if name.starts_with(".bucket-") => {}
                    false => left.push(name),
                }
            }
        }
        left
    }

    async fn trail(&self, action: &str) -> Vec<Value> {
        self.list_all(&format!("action={action}")).await
    }
}

fn year() -> Value {
    json!({ "from": "2000-01-01", "to": "2999-12-31" })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A range that ended an hour ago, so that exports of it hold the same.
fn past() -> Value {
    json!({ "from": "2000-01-01", "to": ago(3_600), "style": "raw" })
}
