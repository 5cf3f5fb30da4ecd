//! Copies of a service, for tests that begin with the same data many times.

use std::{collections::HashMap, fs, path::Path};

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use local::Options;
use shared::{Moment, aws::activities::Item};

use crate::harness::TestApp;

/// The most items that one request may write.
const WRITES_MAX: usize = 25;

/// A service that is kept as it is, and what is copied of it.
pub(crate) struct Original {
    app: TestApp,
    /// What its clock said.
    now: Moment,
    items: Vec<(String, Item)>,
}

impl Original {
    /// Reads all that is copied; the service must not be used any more.
    pub(crate) async fn new(app: TestApp) -> Self {
        let config = &app.stack.config;
        let mut items = Vec::new();
        for table in [
            &config.activities_table,
            &config.archive_table,
            &config.erasures_table,
            &config.exports_table,
        ] {
            let scan = app.dynamodb().scan().table_name(table);
            let mut pages = scan.into_paginator().items().send();
            while let Some(item) = pages.next().await {
                items.push((table.clone(), item.unwrap()));
            }
        }
        let now = app.now();
        Self { app, now, items }
    }

    /// Starts a service with the same variables, items and objects, at the same moment.
    pub(crate) async fn copy(&self) -> TestApp {
        self.copy_with(&[]).await
    }

    /// As [`Original::copy`], with some variables set.
    pub(crate) async fn copy_with(&self, changed: &[(&str, &str)]) -> TestApp {
        let variables = self.app.stack.environment.iter();
        let changed: Vec<_> = changed
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        // The addresses of its stores are its own; the key of checkpoints is the same.
        let variables = variables.filter(|(name, _)| !name.starts_with("AWS_"));
        let app = TestApp::start_from(Options {
            variables: variables.chain(&changed).cloned().collect(),
            ..Options::in_memory()
        })
        .await;
        for items in self.items.chunks(WRITES_MAX) {
            put_all(&app, items).await;
        }
        copy_folder(&self.app.stack.s3_dir, &app.stack.s3_dir);
        app.set_ahead(self.now.as_millis() - app.now().as_millis());
        app
    }
}

pub(crate) async fn put_all(app: &TestApp, items: &[(String, Item)]) {
    let mut requests: HashMap<String, Vec<WriteRequest>> = HashMap::new();
    for (table, item) in items {
        let put = PutRequest::builder().set_item(Some(item.clone()));
        let put = WriteRequest::builder().put_request(put.build().unwrap());
        let of_table = requests.entry(table.clone()).or_default();
        of_table.push(put.build());
    }
    let write = app.dynamodb().batch_write_item();
    let written = write
        .set_request_items(Some(requests))
        .send()
        .await
        .unwrap();
    assert!(written.unprocessed_items.is_none_or(|left| left.is_empty()));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, copy) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}
