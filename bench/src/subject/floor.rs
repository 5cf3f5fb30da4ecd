//! The floor: the SDK's Query in a loop, the `csv` crate, parts.
//!
//! The columns are those of a `raw` file. Nothing is checked, filtered, hashed
//! or written down on the way, and no two steps overlap.

use std::{borrow::Cow, collections::HashMap};

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::{
    config::RequestChecksumCalculation,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use csv::Writer;
use zstd::bulk::Decompressor;

use crate::{
    Error,
    names::{ACTIVITIES, BUCKET, OBJECT, PARTNER},
};

type Item = HashMap<String, AttributeValue>;

/// As large as the worker's.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Room for the page that fills a part.
const PAGE_ROOM: usize = 4 * 1024 * 1024;

/// As many as the worker asks for.
const PAGE_ITEMS: i32 = 1_000;

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

/// How the loop is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// The least: one buffer for all parts, which are neither hashed nor summed.
    Least,
    /// With the SDK's defaults: a SHA-256 and a CRC32 of each part, and pages of 1 MB.
    Usual,
}

/// Writes the file; answers how many rows it has.
pub(super) async fn run(kind: Loop) -> Result<u64, Error> {
    let sdk = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let mut upload = Upload::begin(&sdk, kind).await?;
    let mut unpack = Decompressor::new()?;
    let (mut rows, mut writer) = (0, Writer::from_writer(part_buffer()));
    let mut resume_after = None;
    loop {
        let page = query(&dynamodb, kind, resume_after).send().await?;
        for item in page.items() {
            row(&mut writer, item, &mut unpack)?;
            rows += 1;
        }
        writer.flush()?;
        if writer.get_ref().len() >= PART_BYTES {
            let buffer = upload.part(writer.into_inner()?).await?;
            writer = Writer::from_writer(buffer);
        }
        resume_after = page.last_evaluated_key;
        if resume_after.is_none() {
            break;
        }
    }
    upload.part(writer.into_inner()?).await?;
    upload.complete().await?;
    Ok(rows)
}

fn part_buffer() -> Vec<u8> {
    Vec::with_capacity(PART_BYTES + PAGE_ROOM)
}

fn query(
    client: &aws_sdk_dynamodb::Client,
    kind: Loop,
    resume_after: Option<Item>,
) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
    client
        .query()
        .table_name(ACTIVITIES)
        .key_condition_expression("partition_key = :partner")
        .expression_attribute_values(":partner", AttributeValue::S(PARTNER.into()))
        .scan_index_forward(false)
        .set_limit((kind == Loop::Least).then_some(PAGE_ITEMS))
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

/// A file that grows by parts.
struct Upload {
    kind: Loop,
    client: aws_sdk_s3::Client,
    id: String,
    parts: Vec<CompletedPart>,
}

impl Upload {
    async fn begin(sdk: &aws_config::SdkConfig, kind: Loop) -> Result<Self, Error> {
        let mut config = aws_sdk_s3::config::Builder::from(sdk);
        if kind == Loop::Least {
            config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        }
        let client = aws_sdk_s3::Client::from_conf(config.build());
        let create = client.create_multipart_upload().bucket(BUCKET).key(OBJECT);
        let id = create.send().await?.upload_id.ok_or("no upload id")?;
        let parts = Vec::new();
        Ok(Self {
            kind,
            client,
            id,
            parts,
        })
    }

    /// Answers the buffer of the next part.
    async fn part(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let bytes = Bytes::from(bytes);
        let number = i32::try_from(self.parts.len() + 1)?;
        let part = self.client.upload_part().bucket(BUCKET).key(OBJECT);
        let part = part
            .upload_id(&self.id)
            .part_number(number)
            .body(ByteStream::from(bytes.clone()))
            .customize();
        let part = match self.kind {
            Loop::Least => part.disable_payload_signing(),
            Loop::Usual => part,
        };
        let uploaded = part.send().await?;
        let completed = CompletedPart::builder().part_number(number);
        let completed = completed
            .set_e_tag(uploaded.e_tag)
            .set_checksum_crc32(uploaded.checksum_crc32)
            .build();
        self.parts.push(completed);
        Ok(match self.kind {
            Loop::Least => {
                let mut sent = Vec::from(bytes);
                sent.clear();
                sent
            }
            Loop::Usual => part_buffer(),
        })
    }

    async fn complete(self) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts));
        let complete = self.client.complete_multipart_upload();
        complete
            .bucket(BUCKET)
            .key(OBJECT)
            .upload_id(self.id)
            .multipart_upload(parts.build())
            .send()
            .await?;
        Ok(())
    }
}
