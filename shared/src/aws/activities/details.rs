//! Details as an attribute: text when small, compressed when that is smaller.

use std::cell::RefCell;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use zstd::bulk::{Compressor, Decompressor};

use super::attributes::{BrokenAttribute, Value};
use crate::{Details, Error, aws::table::text};

/// Details below this many bytes are not worth compressing.
const COMPRESS_FROM_BYTES: usize = 512;

thread_local! {
    /// Kept, because making one costs more than compressing most details.
    static PACKER: RefCell<Compressor<'static>> = RefCell::default();
    /// See [`PACKER`].
    static UNPACKER: RefCell<Decompressor<'static>> = RefCell::default();
}

pub(super) fn pack(details: &Details) -> Result<AttributeValue, Error> {
    let json = details.as_str();
    if json.len() >= COMPRESS_FROM_BYTES {
        let packed = PACKER
            .with_borrow_mut(|packer| packer.compress(json.as_bytes()))
            .map_err(|error| Error::internal("compressing details", error))?;
        if packed.len() < json.len() {
            return Ok(AttributeValue::B(Blob::new(packed)));
        }
    }
    Ok(text(json))
}

pub(super) fn unpack(value: Value) -> Result<Details, BrokenAttribute> {
    match value {
        Value::Text(json) => Ok(Details::stored(json.into())),
        Value::Bytes(packed) => UNPACKER
            .with_borrow_mut(|unpacker| unpacker.decompress(&packed, Details::BYTES_MAX))
            .ok()
            .and_then(|json| String::from_utf8(json).ok())
            .map(Details::stored)
            .ok_or(BrokenAttribute("details")),
        _ => Err(BrokenAttribute("details")),
    }
}
