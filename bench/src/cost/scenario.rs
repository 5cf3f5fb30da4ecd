//! What is recorded, listed and exported, and what each million of it uses.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::time::Duration;

use serde_json::{Value, json};
use shared::{Moment, model::export::Compression};

use super::{
    activities::{Activities, FILTER, SPAN, Size},
    prices::Prices,
    service::Service,
    usage::Usage,
};
use crate::{Error, request::ApiRequest, samples::float};

/// A million of what a scenario does.
const MILLION: f64 = 1e6;

/// How many activities are recorded singly.
const SINGLY: usize = 200;

/// How many activities are recorded in batches of 25.
const IN_BATCHES_OF_25: usize = 1_000;

/// The most pages that are listed.
const PAGES: usize = 100;

/// How long an exported file is kept, in months.
const FILE_MONTHS: f64 = 7.0 / 30.0;

/// After this time nothing can be recorded any more of what happened before.
pub(super) const TOO_OLD_AFTER: Duration = Duration::from_hours(8 * 24);

/// What is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Record one activity a request.
    RecordSingly,
    /// Record so many activities a request.
    RecordBatch(usize),
    /// List a page.
    List(Filter),
    /// Export all rows as CSV.
    Export(Compression),
    /// Seal all activities; the table keeps them, or forgets them later.
    Seal { forgets: bool },
}

/// How old the activities are that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Others can still be recorded among them.
    Open,
    /// No other can be recorded among them any more.
    TooOld,
    /// They are read from segments.
    Sealed,
}

/// Which activities a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// All.
    None,
    /// One in ten.
    OneInTen,
}

/// An action, the log that it was done on, and what it used.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) action: Action,
    pub(super) size: Size,
    pub(super) age: Age,
    /// Over how many shards the log is spread.
    pub(super) shards: u32,
    /// For a million activities recorded, pages listed or rows exported.
    pub(super) per_million: Usage,
}

/// One service with activities of one size.
pub(super) struct Run<'a> {
    pub(super) service: Service<'a>,
    pub(super) prices: &'a Prices,
    shards: u32,
    pub(super) size: Size,
    pub(super) activities: Activities,
    /// The end of every range that is read.
    end: Moment,
    pub(super) age: Age,
}

impl<'a> Run<'a> {
    pub(super) async fn start(
        shards: u32,
        hot_days: u32,
        size: Size,
        prices: &'a Prices,
    ) -> Result<Self, Error> {
        let service = Service::start(shards, hot_days, prices).await?;
        let end = service.now();
        let mut run = Self {
            service,
            prices,
            shards,
            size,
            activities: Activities::new(end),
            end,
            age: Age::Open,
        };
        // A process registers a partner once, which is not what an activity costs.
        run.record_singly(1, prices.assumed.record_ms).await?;
        Ok(run)
    }

    /// Sets the clock ahead until nothing can be recorded in the range any more.
    pub(super) fn get_too_old(&mut self) {
        self.service.set_ahead(TOO_OLD_AFTER);
        self.age = Age::TooOld;
    }

    /// Records some singly, some in batches of 25, and the rest in batches of 100.
    pub(super) async fn record(&mut self, count: usize) -> Result<[Scenario; 3], Error> {
        let assumed = &self.prices.assumed;
        let rest = count.saturating_sub(SINGLY + IN_BATCHES_OF_25).max(100);
        Ok([
            self.record_singly(SINGLY, assumed.record_ms).await?,
            self.record_batches(25, IN_BATCHES_OF_25 / 25, assumed.batch_of_25_ms)
                .await?,
            self.record_batches(100, rest / 100, assumed.batch_of_100_ms)
                .await?,
        ])
    }

    async fn record_singly(&mut self, count: usize, assumed_ms: f64) -> Result<Scenario, Error> {
        for _ in 0..count {
            let (activity, key) = self.activities.next(self.size);
            let request = ApiRequest {
                idempotency_key: Some(key),
                body: Some(activity),
                assumed_ms,
                ..self.request("record", "POST /v1/activities")
            };
            self.service.send(request).await?;
        }
        Ok(self.scenario(Action::RecordSingly, count))
    }

    pub(super) async fn record_batches(
        &mut self,
        batch: usize,
        count: usize,
        assumed_ms: f64,
    ) -> Result<Scenario, Error> {
        for _ in 0..count {
            let keyed = |_| {
                let (mut activity, key) = self.activities.next(self.size);
                activity["idempotency_key"] = key.into();
                activity
            };
            let activities: Vec<Value> = (0..batch).map(keyed).collect();
            let request = ApiRequest {
                body: Some(json!({ "activities": activities })),
                assumed_ms,
                ..self.request("record", "POST /v1/activities/batch")
            };
            let answer = self.service.send(request).await?;
            let results = answer["results"].as_array().into_iter().flatten();
            let recorded = results.filter(|result| result["status"] == 201).count();
            if recorded != batch {
                return Err(format!("a batch was not recorded: {answer}").into());
            }
        }
        Ok(self.scenario(Action::RecordBatch(batch), count * batch))
    }

    pub(super) async fn read(&mut self) -> Result<(Vec<Scenario>, Vec<Scenario>), Error> {
        let (mut lists, mut exports) = (Vec::new(), Vec::new());
        for filter in [Filter::None, Filter::OneInTen] {
            lists.push(self.list(filter).await?);
        }
        for compression in [Compression::None, Compression::Gzip] {
            exports.push(self.export(compression).await?);
        }
        Ok((lists, exports))
    }

    /// Walks pages of 100, newest first.
    pub(super) async fn list(&mut self, filter: Filter) -> Result<Scenario, Error> {
        let (from, to) = (self.end.minus(SPAN), self.end);
        let assumed = &self.prices.assumed;
        let (condition, assumed_ms) = match filter {
            Filter::None => ("", assumed.list_page_ms),
            Filter::OneInTen => (FILTER, assumed.list_filtered_page_ms),
        };
        let first = format!("from={from}&to={to}&limit=100&{condition}");
        let (mut query, mut pages) = (first.clone(), 0);
        while pages < PAGES {
            let request = ApiRequest {
                query,
                assumed_ms,
                ..self.request("list", "GET /v1/activities")
            };
            let page = self.service.send(request).await?;
            pages += 1;
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            query = format!("{first}&cursor={cursor}");
        }
        Ok(self.scenario(Action::List(filter), pages))
    }

    /// Asks for an export, has the worker write it, looks at it, and downloads it once.
    pub(super) async fn export(&mut self, compression: Compression) -> Result<Scenario, Error> {
        let (rows, bytes) = self.file(compression).await?;
        self.service.add(Usage {
            s3_reads: 1.0,
            s3_byte_months: float(bytes) * FILE_MONTHS,
            out_bytes: float(bytes),
            ..Usage::default()
        });
        let mut scenario = self.scenario(Action::Export(compression), rows);
        let read_units = scenario.per_million.read_units;
        scenario.per_million.gigabyte_seconds += self.worker_time(read_units, compression)?;
        Ok(scenario)
    }

    /// The rows and bytes of a file that is asked for and written.
    async fn file(&mut self, compression: Compression) -> Result<(usize, u64), Error> {
        let style = match compression {
            Compression::None => "spreadsheet",
            Compression::Gzip => "raw",
        };
        let assumed_ms = self.prices.assumed.export_request_ms;
        let body = json!({ "from": self.end.minus(SPAN), "to": self.end,
            "format": "csv", "style": style, "compression": compression });
        let create = ApiRequest {
            body: Some(body),
            assumed_ms,
            ..self.request("export", "POST /v1/exports")
        };
        let created = self.service.send(create).await?;
        self.service.work().await?;
        let get = ApiRequest {
            id: created["id"].as_str(),
            assumed_ms,
            ..self.request("export", "GET /v1/exports/{id}")
        };
        let export = self.service.send(get).await?;
        let file = &export["file"];
        match (file["rows"].as_u64(), file["bytes"].as_u64()) {
            (Some(rows), Some(bytes)) => Ok((usize::try_from(rows)?, bytes)),
            _ => Err(format!("the export is not ready: {export}").into()),
        }
    }

    /// The worker's gigabyte-seconds for a million rows: it is as fast as its CPU and
    /// the partitions' read units let it be.
    fn worker_time(&self, read_units: f64, compression: Compression) -> Result<f64, Error> {
        let assumed = &self.prices.assumed;
        let rows_per_second = match compression {
            Compression::None => assumed.worker_csv_rows_per_second,
            Compression::Gzip => assumed.worker_gzip_rows_per_second,
        };
        let units_per_second = assumed.partition_read_units_per_second * f64::from(self.shards);
        let seconds = (read_units / units_per_second).max(MILLION / rows_per_second);
        Ok(self.service.gigabytes("export-worker")? * seconds)
    }

    fn request<'b>(&self, function: &'b str, route: &'b str) -> ApiRequest<'b> {
        ApiRequest {
            function,
            route,
            partner: self.size.partner(),
            ..ApiRequest::default()
        }
    }

    /// What was used since the last scenario, by so many activities, pages or rows.
    pub(super) fn scenario(&mut self, action: Action, count: usize) -> Scenario {
        let used = self.service.take();
        Scenario {
            action,
            size: self.size,
            age: self.age,
            shards: self.shards,
            per_million: used.times(MILLION / float(count.max(1))),
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "counts are whole")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_counts_what_is_billed() {
        let prices = Prices::read().unwrap();
        let mut run = Run::start(1, 0, Size::Large, &prices).await.unwrap();
        let single = run.record_singly(4, 8.0).await.unwrap().per_million;
        assert_eq!(single.api_requests, MILLION);
        assert_eq!(single.calls, MILLION);
        assert_eq!(single.write_units, 2.0 * MILLION);
        assert_eq!(single.gigabyte_seconds, 0.25 * 0.008 * MILLION);

        let batch = run.record_batches(25, 2, 8.0).await.unwrap().per_million;
        assert_eq!(batch.api_requests, MILLION / 25.0);
        assert_eq!(batch.write_units, 2.0 * MILLION);
        assert!(batch.log_bytes < single.log_bytes / 10.0);

        let page = run.list(Filter::None).await.unwrap();
        run.get_too_old();
        let old = run.list(Filter::None).await.unwrap();
        let (page, old) = (page.per_million, old.per_million);
        // 55 whole items, though a page shows a part of each; begun 4 kB are a unit.
        let bytes = 55 * run.service.meter.item_bytes("fabrikam");
        let units = float(bytes.div_ceil(4_096));
        assert!((page.read_units / MILLION - units).abs() <= 1.0, "{units}");
        // The archive is asked what is sealed.
        let asked = (old.read_units - page.read_units / 2.0) / MILLION;
        assert!((0.0..=1.0).contains(&asked), "{asked}");

        let rows = run.export(Compression::None).await.unwrap();
        let rows = rows.per_million;
        assert_eq!(
            rows.calls,
            3.0 * MILLION / 55.0,
            "two requests and a worker"
        );
        assert_eq!(rows.s3_writes, MILLION / 55.0);
    }
}
