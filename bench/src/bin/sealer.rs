//! `sealer`: puts a year of made-up activities into segments in S3.
//!
//! It is the part of a seal that costs processor time and memory.

use activity_log::pack::segment_item;
use archive::SegmentWriter;
use aws_sdk_s3::Client as S3;
use bench::{
    names::{BUCKET, PARTNER, SEALED},
    sealed::{Answer, Event, Year},
};
use lambda_http::{
    Error, LambdaEvent,
    lambda_runtime::{self, service_fn},
};
use proof::CompactRange;
use shared::{
    Config,
    aws::{
        archive::{Extent, Head},
        sdk,
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let files = S3::new(&sdk::config(&Config::from_env()?).await?);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        seal(&files, &event.payload).await
    }))
    .await
}

/// Writes the year's segments; without `seal` only its rows are made.
async fn seal(files: &S3, event: &Event) -> Result<Answer, Error> {
    let mut year = Year::new(event.to, event.entries, event.details)?;
    let mut answer = Answer {
        rare_customer: year.rare_customer(),
        ..Answer::default()
    };
    if !event.seal {
        while year.next()?.is_some() {}
        return Ok(answer);
    }
    let mut writer = SegmentWriter::new(PARTNER, 0);
    let mut tree = CompactRange::empty(0)?;
    let mut index = 0;
    while let Some(row) = year.next()? {
        if !writer.fits(&row) {
            index += writer.rows() as u64;
            put(files, writer, &mut tree, &mut answer).await?;
            writer = SegmentWriter::new(PARTNER, index);
        }
        if index + writer.rows() as u64 == event.entries / 2 {
            answer.activity_id.clone_from(&row.id);
            answer.resource_id = row.resource_id.clone().unwrap_or_default();
        }
        writer.push(row)?;
    }
    put(files, writer, &mut tree, &mut answer).await?;
    answer.head = answer.segments.last().map(|last| {
        let extent = Extent {
            size: last.end_index(),
            border: last.last,
            sealed_to: last.last.occurred_at(),
        };
        Head::new(extent, &tree)
    });
    Ok(answer)
}

async fn put(
    files: &S3,
    writer: SegmentWriter,
    tree: &mut CompactRange,
    answer: &mut Answer,
) -> Result<(), Error> {
    let Some(written) = writer.finish()? else {
        return Ok(());
    };
    tree.merge(&written.range)?;
    let object = format!("{SEALED}{:012}", written.manifest.first_index);
    let segment = segment_item(object.clone(), &written)?;
    answer.segments.push(segment);
    let put = files.put_object().bucket(BUCKET).key(object);
    put.body(written.bytes.into()).send().await?;
    Ok(())
}
