//! Segments as a whole: what is written is read, filtered, counted and verified.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that indexes beyond its data fails, as it should"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on fails, as it should"
)]
#![expect(
    clippy::too_many_lines,
    reason = "what one segment answers belongs together, even if it is long"
)]

mod damage;
mod differential;
mod form;
mod large;
mod made;
