//! `plain-export`: an export as one would write it with the SDK and the `csv` crate.
//!
//! A Query loop and an upload in parts, all with the SDK's defaults. The columns are
//! those of a `raw` file. Nothing is checked, filtered, hashed or written down on the
//! way, and no two steps overlap.

use std::{borrow::Cow, collections::HashMap};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bench::names::{ACTIVITIES, BUCKET};
use csv::Writer;
use lambda_http::{
    Error, LambdaEvent,
    lambda_runtime::{self, service_fn},
};
use serde::Deserialize;
use serde_json::{Value, json};
use zstd::bulk::Decompressor;

type Item = HashMap<String, AttributeValue>;

/// As large as a part of the worker's.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Room for the page that fills a part.
const PAGE_ROOM: usize = 4 * 1024 * 1024;

/// The largest details that an activity has.
const DETAILS_BYTES_MAX: usize = 256 * 1024;

/// The columns between the time and the activity's id, by attribute.
const COLUMNS: [&str; 9] = [
    "customer_name",
    "action",
    "actor_name",
    "customer_id",
    "actor_id",
    "actor_kind",
    "outcome",
    "resource_type",
    "resource_id",
];

#[derive(Deserialize)]
struct Event {
    partner_id: String,
    export_id: String,
}

/// A file that grows by parts.
struct Upload {
    client: aws_sdk_s3::Client,
    key: String,
    id: String,
    parts: Vec<CompletedPart>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sdk = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let dynamodb = &aws_sdk_dynamodb::Client::new(&sdk);
    let s3 = &aws_sdk_s3::Client::new(&sdk);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        write(dynamodb, s3, &event.payload).await
    }))
    .await
}

/// Writes the file; answers how many rows it has.
async fn write(
    dynamodb: &aws_sdk_dynamodb::Client,
    s3: &aws_sdk_s3::Client,
    event: &Event,
) -> Result<Value, Error> {
    let mut upload = Upload::begin(s3, &event.export_id).await?;
    let mut unpack = Decompressor::new()?;
    let (mut rows, mut writer) = (0, Writer::from_writer(part_buffer()));
    let mut resume_after = None;
    loop {
        let page = query(dynamodb, &event.partner_id, resume_after);
        let page = page.send().await?;
        for item in page.items() {
            row(&mut writer, item, &mut unpack)?;
            rows += 1;
        }
        writer.flush()?;
        if writer.get_ref().len() >= PART_BYTES {
            upload.part(writer.into_inner()?).await?;
            writer = Writer::from_writer(part_buffer());
        }
        resume_after = page.last_evaluated_key;
        if resume_after.is_none() {
            break;
        }
    }
    upload.part(writer.into_inner()?).await?;
    upload.complete().await?;
    Ok(json!({ "rows": rows }))
}

fn part_buffer() -> Vec<u8> {
    Vec::with_capacity(PART_BYTES + PAGE_ROOM)
}

fn query(
    client: &aws_sdk_dynamodb::Client,
    partner: &str,
    resume_after: Option<Item>,
) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
    client
        .query()
        .table_name(ACTIVITIES)
        .key_condition_expression("partition_key = :partner")
        .expression_attribute_values(":partner", AttributeValue::S(partner.to_owned()))
        .scan_index_forward(false)
        .set_exclusive_start_key(resume_after)
}

fn row(
    writer: &mut Writer<Vec<u8>>,
    item: &Item,
    unpack: &mut Decompressor<'_>,
) -> Result<(), Error> {
    let (at, id) = text(item, "sort_key").split_once('#').ok_or("no key")?;
    writer.write_field(at)?;
    for column in COLUMNS {
        writer.write_field(text(item, column))?;
    }
    writer.write_field(id)?;
    writer.write_field(text(item, "recorded_at"))?;
    writer.write_field(text(item, "correlation_id"))?;
    writer.write_field(&*details(item, unpack)?)?;
    Ok(writer.write_record(None::<&[u8]>)?)
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

fn details<'a>(item: &'a Item, unpack: &mut Decompressor<'_>) -> Result<Cow<'a, [u8]>, Error> {
    match item.get("details") {
        Some(AttributeValue::B(packed)) => {
            let json = unpack.decompress(packed.as_ref(), DETAILS_BYTES_MAX)?;
            Ok(json.into())
        }
        _ => Ok(text(item, "details").as_bytes().into()),
    }
}

impl Upload {
    async fn begin(client: &aws_sdk_s3::Client, export_id: &str) -> Result<Self, Error> {
        let key = format!("{export_id}.csv");
        let create = client.create_multipart_upload().bucket(BUCKET).key(&key);
        let id = create.send().await?.upload_id.ok_or("no upload id")?;
        Ok(Self {
            client: client.clone(),
            key,
            id,
            parts: Vec::new(),
        })
    }

    async fn part(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let number = i32::try_from(self.parts.len() + 1)?;
        let part = self.client.upload_part().bucket(BUCKET).key(&self.key);
        let part = part.upload_id(&self.id).part_number(number);
        let uploaded = part.body(ByteStream::from(bytes)).send().await?;
        let completed = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(uploaded.e_tag)
            .set_checksum_crc32(uploaded.checksum_crc32);
        self.parts.push(completed.build());
        Ok(())
    }

    async fn complete(self) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts));
        let complete = self.client.complete_multipart_upload();
        complete
            .bucket(BUCKET)
            .key(self.key)
            .upload_id(self.id)
            .multipart_upload(parts.build())
            .send()
            .await?;
        Ok(())
    }
}
