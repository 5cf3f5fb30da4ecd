//! The dictionary of a column, and which entry each row has.
//!
//! A condition is judged once for each entry and not for each row.

use std::{ops::Range, sync::Arc};

use bytes::{Buf, Bytes};
use parquet::{
    basic::Encoding,
    column::page::{Page, PageReader},
};

use crate::{column::Column, error::Error, fetched::Fetched, hybrid, segment::Segment};

/// The code of a row without a value.
pub(crate) const NONE: u32 = u32::MAX;

/// Rows of a column as places in its dictionary.
#[derive(Debug)]
pub(crate) struct Dictionary {
    pub(crate) entries: Vec<String>,
    /// One for each row that was asked for; [`NONE`] without a value.
    pub(crate) codes: Vec<u32>,
}

impl Segment {
    /// The codes of consecutive rows.
    pub(crate) fn dictionary(
        &self,
        fetched: &Arc<Fetched>,
        column: Column,
        rows: Range<usize>,
    ) -> Result<Dictionary, Error> {
        self.decoded(column, || self.read_dictionary(fetched, column, rows))
    }

    fn read_dictionary(
        &self,
        fetched: &Arc<Fetched>,
        column: Column,
        rows: Range<usize>,
    ) -> Result<Dictionary, Error> {
        let damaged = |reason: &str| self.damaged_column(column, reason);
        let failed = |error| self.damaged_column(column, error);
        let mut reader = self.page_reader(fetched, column)?;
        let mut dictionary = Dictionary {
            entries: Vec::new(),
            codes: Vec::with_capacity(rows.len()),
        };
        match reader.get_next_page().map_err(failed)? {
            Some(Page::DictionaryPage {
                buf, num_values, ..
            }) => {
                let entries = entries(buf, num_values);
                dictionary.entries =
                    entries.ok_or_else(|| damaged("has a dictionary without texts"))?;
            }
            _ => return Err(damaged("has no dictionary")),
        }
        for page in self.pages(column) {
            let wanted = page.rows.start.max(rows.start)..page.rows.end.min(rows.end);
            if wanted.is_empty() {
                reader.skip_next_page().map_err(failed)?;
                continue;
            }
            let read = reader.get_next_page().map_err(failed)?;
            let codes = read.and_then(|read| self.codes(column, &read, page.rows.len()));
            let codes = codes.ok_or_else(|| damaged("has a page without codes"))?;
            let own = wanted.start - page.rows.start..wanted.end - page.rows.start;
            dictionary.codes.extend(codes.get(own).unwrap_or_default());
        }
        let last = u32::try_from(dictionary.entries.len()).unwrap_or(NONE);
        let is_code = |code: &u32| *code < last || *code == NONE;
        if dictionary.codes.len() != rows.len() || !dictionary.codes.iter().all(is_code) {
            return Err(damaged("has codes without entries"));
        }
        Ok(dictionary)
    }

    /// The codes of a page of this many rows.
    fn codes(&self, column: Column, page: &Page, rows: usize) -> Option<Vec<u32>> {
        let Page::DataPage {
            buf,
            num_values,
            encoding: Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY,
            ..
        } = page
        else {
            return None;
        };
        if usize::try_from(*num_values).ok()? != rows {
            return None;
        }
        if self.chunk(column).column_descr().max_def_level() == 0 {
            return packed(buf, rows);
        }
        let (length, rest) = buf.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (levels, rest) = rest.split_at_checked(length)?;
        let levels = hybrid::decode(levels, 1, rows)?;
        let present = levels.iter().filter(|level| **level == 1).count();
        let mut codes = packed(rest, present)?.into_iter();
        let code = |level: u32| if level == 1 { codes.next() } else { Some(NONE) };
        levels.into_iter().map(code).collect()
    }
}

/// Numbers behind a byte that gives their width.
fn packed(bytes: &[u8], count: usize) -> Option<Vec<u32>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let (width, bytes) = bytes.split_first()?;
    hybrid::decode(bytes, *width, count)
}

/// The texts of a dictionary, each after its length.
fn entries(mut bytes: Bytes, count: u32) -> Option<Vec<String>> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(bytes.try_get_u32_le().ok()?).ok()?;
        if length > bytes.len() {
            return None;
        }
        let text = bytes.split_to(length);
        entries.push(str::from_utf8(&text).ok()?.to_owned());
    }
    Some(entries)
}
