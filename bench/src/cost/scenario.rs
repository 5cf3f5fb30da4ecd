//! What is recorded, listed and exported, and what each million of it uses.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use serde_json::{Value, json};
use shared::{Moment, model::export::Compression};
use std::time::Duration;

use super::{
    activities::{Activities, FILTER, SPAN, Size},
    meter::Counted,
    prices::Prices,
    service::{Ask, Service},
    usage::Usage,
};
use crate::{Error, units::float};

/// A million of what a scenario does.
const MILLION: f64 = 1e6;

/// How many are recorded singly, and how many in batches of 25.
const SINGLY: usize = 200;
const IN_BATCHES_OF_25: usize = 1_000;

/// The most pages that are listed.
const PAGES: usize = 100;

/// An exported file is kept so long, in months.
const FILE_MONTHS: f64 = 7.0 / 30.0;

/// The ranges are settled once the clock is so far ahead.
const SETTLED_AFTER: Duration = Duration::from_hours(8 * 24);

/// Which activities a page shows.
#[derive(Debug, Clone, Copy)]
enum Pages {
    OfAll,
    OfOneInTen,
}

/// A thing that is done many times.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) size: Size,
    /// How many requests were made, of which the operations are counted.
    pub(super) requests: usize,
    pub(super) counted: Counted,
    /// For a million recorded, listed or exported.
    pub(super) per_million: Usage,
}

/// Everything that the table shows.
#[derive(Debug, Default)]
pub(super) struct Scenarios {
    pub(super) record: Vec<Scenario>,
    pub(super) list: Vec<Scenario>,
    pub(super) export: Vec<Scenario>,
    pub(super) item_bytes: Vec<(Size, usize)>,
}

impl Scenarios {
    /// Carries everything out, small activities first, then some on four shards.
    pub(super) async fn run(activities: usize, prices: &Prices) -> Result<Self, Error> {
        let mut all = Self::default();
        for size in [Size::Small, Size::Large] {
            let mut run = Run::start(1, size, prices).await?;
            run.record(activities, &mut all.record).await?;
            run.read("", &mut all).await?;
            run.service.set_ahead(SETTLED_AFTER);
            run.read(", settled", &mut all).await?;
            let item_bytes = run.service.meter.item_bytes(size.partner());
            all.item_bytes.push((size, item_bytes));
        }
        let mut run = Run::start(4, Size::Small, prices).await?;
        run.record(activities, &mut Vec::new()).await?;
        let page = run.list(", 4 write shards", Pages::OfAll).await?;
        all.list.push(page);
        let file = run.export(", 4 write shards", Compression::None).await?;
        all.export.push(file);
        Ok(all)
    }
}

/// One service with activities of one size.
struct Run<'a> {
    service: Service<'a>,
    prices: &'a Prices,
    shards: u32,
    size: Size,
    activities: Activities,
    /// The end of every range that is read.
    end: Moment,
}

impl<'a> Run<'a> {
    async fn start(shards: u32, size: Size, prices: &'a Prices) -> Result<Self, Error> {
        let service = Service::start(&shards.to_string(), prices).await?;
        let end = service.now();
        Ok(Self {
            service,
            prices,
            shards,
            size,
            activities: Activities::new(end),
            end,
        })
    }

    /// Some singly, some in batches of 25, the rest in batches of 100.
    async fn record(&mut self, count: usize, all: &mut Vec<Scenario>) -> Result<(), Error> {
        let assumed = &self.prices.assumed;
        all.push(self.record_singly(SINGLY, assumed.record_ms).await?);
        let batches = [
            (25, IN_BATCHES_OF_25, assumed.batch_of_25_ms),
            (
                100,
                count.saturating_sub(SINGLY + IN_BATCHES_OF_25).max(100),
                assumed.batch_of_100_ms,
            ),
        ];
        for (batch, count, ms) in batches {
            all.push(self.record_batches(batch, count / batch, ms).await?);
        }
        Ok(())
    }

    async fn record_singly(&mut self, count: usize, ms: f64) -> Result<Scenario, Error> {
        for _ in 0..count {
            let (activity, key) = self.activities.next(self.size);
            let ask = Ask {
                idempotency_key: Some(key),
                body: Some(activity),
                ms,
                ..self.ask("record", "POST /v1/activities")
            };
            self.service.ask(ask).await?;
        }
        self.scenario("recorded singly".into(), count, count)
    }

    async fn record_batches(
        &mut self,
        batch: usize,
        count: usize,
        ms: f64,
    ) -> Result<Scenario, Error> {
        for _ in 0..count {
            let keyed = |_| {
                let (mut activity, key) = self.activities.next(self.size);
                activity["idempotency_key"] = key.into();
                activity
            };
            let activities: Vec<Value> = (0..batch).map(keyed).collect();
            let ask = Ask {
                body: Some(json!({ "activities": activities })),
                ms,
                ..self.ask("record", "POST /v1/activities/batch")
            };
            let answer = self.service.ask(ask).await?;
            let results = answer["results"].as_array().into_iter().flatten();
            let stored = results.filter(|result| result["status"] == 201).count();
            if stored != batch {
                return Err(format!("a batch was not recorded: {answer}").into());
            }
        }
        let name = format!("recorded in batches of {batch}");
        self.scenario(name, count, count * batch)
    }

    async fn read(&mut self, how: &str, all: &mut Scenarios) -> Result<(), Error> {
        all.list.push(self.list(how, Pages::OfAll).await?);
        all.list.push(self.list(how, Pages::OfOneInTen).await?);
        all.export.push(self.export(how, Compression::None).await?);
        all.export.push(self.export(how, Compression::Gzip).await?);
        Ok(())
    }

    /// Walks pages of 100, newest first.
    async fn list(&mut self, how: &str, pages: Pages) -> Result<Scenario, Error> {
        let (from, to) = (self.end.minus(SPAN), self.end);
        let assumed = &self.prices.assumed;
        let (kind, filter, ms) = match pages {
            Pages::OfAll => ("pages of 100", "", assumed.list_page_ms),
            Pages::OfOneInTen => (
                "pages of 100, one in ten matches",
                FILTER,
                assumed.list_filtered_page_ms,
            ),
        };
        let first = format!("from={from}&to={to}&limit=100&{filter}");
        let (mut query, mut pages) = (first.clone(), 0);
        while pages < PAGES {
            let ask = Ask {
                query,
                ms,
                ..self.ask("list", "GET /v1/activities")
            };
            let page = self.service.ask(ask).await?;
            pages += 1;
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            query = format!("{first}&cursor={cursor}");
        }
        self.scenario(format!("{kind}{how}"), pages, pages)
    }

    /// Asks, lets the worker work, looks, and downloads once.
    async fn export(&mut self, how: &str, compression: Compression) -> Result<Scenario, Error> {
        let (kind, style) = match compression {
            Compression::None => ("rows of csv", "spreadsheet"),
            Compression::Gzip => ("rows of csv, gzip", "raw"),
        };
        let (rows, bytes) = self.file(style, compression).await?;
        self.service.add(Usage {
            s3_reads: 1.0,
            s3_byte_months: float(bytes) * FILE_MONTHS,
            out_bytes: float(bytes),
            ..Usage::default()
        });
        let mut scenario = self.scenario(format!("{kind}{how}"), 1, rows)?;
        scenario.per_million.gigabyte_seconds += self.worker_time(&scenario, compression)?;
        Ok(scenario)
    }

    /// The rows and bytes of a file that is asked for and made.
    async fn file(&mut self, style: &str, compression: Compression) -> Result<(usize, u64), Error> {
        let ms = self.prices.assumed.export_request_ms;
        let body = json!({ "from": self.end.minus(SPAN), "to": self.end,
            "format": "csv", "style": style, "compression": compression });
        let ask = Ask {
            body: Some(body),
            ms,
            ..self.ask("export", "POST /v1/exports")
        };
        let created = self.service.ask(ask).await?;
        self.service.work().await?;
        let ask = Ask {
            id: created["id"].as_str(),
            ms,
            ..self.ask("export", "GET /v1/exports/{id}")
        };
        let export = self.service.ask(ask).await?;
        let file = &export["file"];
        match (file["rows"].as_u64(), file["bytes"].as_u64()) {
            (Some(rows), Some(bytes)) => Ok((usize::try_from(rows)?, bytes)),
            _ => Err(format!("the export is not ready: {export}").into()),
        }
    }

    /// The gigabyte-seconds of the worker: as fast as its CPU and the partitions
    /// let it be.
    fn worker_time(&self, scenario: &Scenario, compression: Compression) -> Result<f64, Error> {
        let assumed = &self.prices.assumed;
        let rows_per_second = match compression {
            Compression::None => assumed.worker_csv_rows_per_second,
            Compression::Gzip => assumed.worker_gzip_rows_per_second,
        };
        let units_per_second = assumed.partition_read_units_per_second * f64::from(self.shards);
        let reading = scenario.per_million.read_units / units_per_second;
        let seconds = reading.max(MILLION / rows_per_second);
        Ok(self.service.gigabytes("export-worker")? * seconds)
    }

    fn ask<'b>(&self, function: &'b str, route: &'b str) -> Ask<'b> {
        Ask {
            function,
            route,
            partner: self.size.partner(),
            ..Ask::default()
        }
    }

    /// What was used since the last scenario, by this many requests for so many things.
    fn scenario(&mut self, name: String, requests: usize, count: usize) -> Result<Scenario, Error> {
        let counted = self.service.take()?;
        let per_million = counted.usage.times(MILLION / float(count.max(1)));
        Ok(Scenario {
            name,
            size: self.size,
            requests,
            counted,
            per_million,
        })
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "counts are whole")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_counts_what_is_billed() {
        let prices = Prices::read().unwrap();
        let mut run = Run::start(1, Size::Large, &prices).await.unwrap();
        let single = run.record_singly(4, 8.0).await.unwrap().per_million;
        assert_eq!(single.api_requests, MILLION);
        assert_eq!(single.calls, MILLION);
        assert_eq!(single.write_units, 2.0 * MILLION);
        assert_eq!(single.gigabyte_seconds, 0.25 * 0.008 * MILLION);

        let batch = run.record_batches(25, 2, 8.0).await.unwrap().per_million;
        assert_eq!(batch.api_requests, MILLION / 25.0);
        assert_eq!(batch.write_units, 2.0 * MILLION);
        assert!(batch.log_bytes < single.log_bytes / 10.0);

        let page = run.list("", Pages::OfAll).await.unwrap();
        run.service.set_ahead(SETTLED_AFTER);
        let settled = run.list("", Pages::OfAll).await.unwrap();
        assert!(page.per_million.read_units > 10.0 * MILLION);
        let (page, settled) = (page.per_million, settled.per_million);
        assert_eq!(settled.read_units, page.read_units / 2.0);

        let rows = run.export("", Compression::None).await.unwrap();
        assert_eq!(rows.counted.usage.calls, 3.0, "two requests and a worker");
        assert_eq!(rows.counted.usage.s3_writes, 1.0);
        assert_eq!(rows.per_million.calls, 3.0 * MILLION / 54.0);
    }
}
