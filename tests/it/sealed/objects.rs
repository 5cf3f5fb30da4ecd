//! Segments whose objects are replaced or lost while a log is read.

use activity_log::{Effort, Question};
use shared::{Error, Filter, Order, TimeRange, aws::activities::RangeQuery};
use tokio::time::Instant;

use super::*;

const EFFORT: Effort = Effort {
    pages: 32,
    page_limit: 1_000,
    wanted: 1_000,
    until: None,
};

fn everything<'a>(log: &'a SealedLog, filter: &'a Filter, order: Order) -> Question<'a> {
    Question::new(
        &log.partner,
        RangeQuery {
            range: TimeRange::ALL,
            order,
            with_details: true,
            eventual: false,
        },
        filter,
        // No retention has ended.
        log.app.now().minus(Duration::from_hours(24 * 7_000)),
    )
}

/// Old activities, all of which are sealed and in the archive alone.
async fn sealed() -> (SealedLog, ArchiveStore) {
    let mut log = SealedLog::of(3, |_, mut samples| {
        let mut contents: Vec<Content> = (0..120).map(|_| samples.next()).collect();
        for content in &mut contents {
            content.occurred_at = content.occurred_at.minus(Duration::from_hours(48));
        }
        contents
    })
    .await;
    let count = log.activities.len();
    let archive = log.seal(count).await;
    (log, archive)
}

impl SealedLog {
    /// Takes a segment's object away; another one has its bytes if it is replaced.
    async fn remove(&self, segment: &SegmentItem, is_replaced: bool) {
        let config = &self.app.stack.config;
        let (s3, bucket) = (S3::new(&self.app.stack.sdk), &config.exports_bucket);
        if is_replaced {
            let get = s3.get_object().bucket(bucket).key(&segment.object);
            let bytes = get.send().await.unwrap().body.collect().await.unwrap();
            let object = format!("{}-again", segment.object);
            let put = s3.put_object().bucket(bucket).key(&object);
            let put = put.body(ByteStream::from(bytes.into_bytes()));
            put.send().await.unwrap();
            let segment = SegmentItem {
                object,
                ..segment.clone()
            };
            let put = self.app.dynamodb().put_item();
            let put = put.table_name(&config.exports_table);
            let item = segment.item(&self.partner).unwrap();
            put.set_item(Some(item)).send().await.unwrap();
        }
        let delete = s3.delete_object().bucket(bucket).key(&segment.object);
        delete.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_segment_that_is_replaced_during_a_walk_is_read_under_its_new_name() {
    let (log, archive) = sealed().await;
    let filter = Filter::default();
    let question = everything(&log, &filter, Order::Asc);
    let read = log.log(Some(archive));
    let mut walk = read.walk(&question, None, EFFORT);
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(page) = walk.next(1).await.unwrap() {
        found.extend(page.activities(question).map(Result::unwrap));
        place += 1;
        if let Some(segment) = log.segments.get(place) {
            log.remove(segment, true).await;
        }
    }
    let ids = |found: &[Stored]| -> Vec<ActivityId> {
        let ids = found.iter().map(|stored| stored.activity.id);
        ids.collect()
    };
    assert!(log.segments.len() > 2);
    assert_eq!(ids(&found), ids(&log.activities));
    for stored in log.activities.iter().step_by(7) {
        let id = stored.activity.id;
        let now = log.app.now();
        let one = read.one(&log.partner, id, now).await.unwrap();
        assert_eq!(one.is_some(), !stored.is_expired(now));
    }
}

#[tokio::test]
async fn an_object_that_is_lost_is_an_error_and_no_missing_entry() {
    let (log, archive) = sealed().await;
    let filter = Filter::default();
    let last = log.segments.last().unwrap();
    log.remove(last, false).await;
    let read = log.log(Some(archive));
    for order in [Order::Asc, Order::Desc] {
        let question = everything(&log, &filter, order);
        let mut walk = read.walk(&question, None, EFFORT);
        let error = loop {
            match walk.next(1).await {
                Ok(page) => assert!(page.is_some(), "the walk ended"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Internal { .. }), "{error:?}");
    }
    let gone = read.one(&log.partner, last.first, log.app.now()).await;
    let in_table = log.log(None);
    let in_table = in_table.one(&log.partner, last.first, log.app.now()).await;
    match in_table.unwrap() {
        Some(_) => assert!(gone.unwrap().is_some()),
        None => assert!(matches!(gone, Err(Error::Internal { .. })), "{gone:?}"),
    }
}

#[tokio::test]
async fn a_walk_that_is_late_before_its_first_page_still_gives_one() {
    let (log, archive) = sealed().await;
    let filter = Filter::default();
    let read = log.log(Some(archive));
    for order in [Order::Asc, Order::Desc] {
        let question = everything(&log, &filter, order);
        let effort = Effort {
            until: Some(Instant::now()),
            ..EFFORT
        };
        let mut walk = read.walk(&question, None, effort);
        let page = walk.next(8).await.unwrap().expect("a page");
        assert!(page.resume_after.is_some());
        assert!(page.activities(question).count() > 0);
    }
}
