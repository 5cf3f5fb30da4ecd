//! Segments: a partner's sealed activities of one month in a Parquet file.
//!
//! Rows in, bytes out; and questions in, ranges of bytes out, rows back. It knows no
//! SDK, no HTTP, no clock and no environment, so it reads from S3, a file or memory.
//! `docs/segment.md` describes the file.

mod block;
mod codes;
mod column;
mod decode;
mod error;
mod fetched;
mod find;
mod footer;
mod hybrid;
mod manifest;
mod question;
mod row;
mod rows;
mod segment;
mod source;
mod spans;
mod tally;
mod tree;
mod write;

pub use self::{
    column::TextColumn,
    error::Error,
    manifest::Manifest,
    question::{Accepts, Order, Predicate, Question, Selection},
    row::{Position, Row},
    rows::Rows,
    segment::Segment,
    source::{BoxError, Source},
    tally::{CountedBy, Tallies, Tally},
    tree::Tree,
    write::{ROWS_MAX, SegmentWriter, Written, has_room},
};
