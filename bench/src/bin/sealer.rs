//! `sealer`: puts a year of made-up activities into segments in S3.
//!
//! Nothing seals a log yet; this is the part of it that costs processor time and memory.

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
use serde_bytes::ByteBuf;
use shared::{
    ActivityId, Config,
    aws::{
        archive::{Head, SegmentItem},
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
    let mut index = 0;
    while let Some(row) = year.next()? {
        if !writer.fits(&row) {
            index += writer.rows() as u64;
            put(files, writer, &mut answer).await?;
            writer = SegmentWriter::new(PARTNER, index);
        }
        if index + writer.rows() as u64 == event.entries / 2 {
            answer.activity_id.clone_from(&row.id);
            answer.resource_id = row.resource_id.clone().unwrap_or_default();
        }
        writer.push(row)?;
    }
    put(files, writer, &mut answer).await?;
    answer.head = answer.segments.last().map(|last| Head {
        size: last.first_index + last.count,
        border: last.last,
        sealed_to: last.last.occurred_at(),
    });
    Ok(answer)
}

async fn put(files: &S3, writer: SegmentWriter, answer: &mut Answer) -> Result<(), Error> {
    let Some(written) = writer.finish()? else {
        return Ok(());
    };
    let (first, last) = written.positions;
    let object = format!("{SEALED}{:012}", written.manifest.first_index);
    answer.segments.push(SegmentItem {
        object: object.clone(),
        first_index: written.manifest.first_index,
        count: written.manifest.count,
        first: ActivityId::try_from(first.id.as_str())?,
        last: ActivityId::try_from(last.id.as_str())?,
        bytes: written.manifest.bytes,
        index_at: written.manifest.index_at,
        block_at: written.manifest.block_at,
        tail_sha256: ByteBuf::from(written.manifest.tail_sha256),
    });
    let put = files.put_object().bucket(BUCKET).key(object);
    put.body(written.bytes.into()).send().await?;
    Ok(())
}
