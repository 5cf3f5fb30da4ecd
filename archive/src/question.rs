//! What is asked of a segment.

use std::{
    collections::BTreeSet,
    fmt,
    ops::{Bound, Range},
};

use crate::{column::TextColumn, row::Position};

/// Oldest or newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Rising by `occurred_at`, then by id.
    #[default]
    Asc,
    /// Falling by `occurred_at`, then by id.
    Desc,
}

/// Which values of a column pass; a row without a value never does.
pub enum Accepts<'a> {
    /// One of these texts.
    AnyOf(BTreeSet<String>),
    /// What this function accepts; it is asked once for each entry of a dictionary.
    Test(Box<dyn Fn(&str) -> bool + Send + Sync + 'a>),
}

impl Accepts<'_> {
    pub(crate) fn accepts(&self, text: &str) -> bool {
        match self {
            Self::AnyOf(texts) => texts.contains(text),
            Self::Test(accept) => accept(text),
        }
    }
}

impl fmt::Debug for Accepts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOf(texts) => f.debug_tuple("AnyOf").field(texts).finish(),
            Self::Test(_) => f.write_str("Test"),
        }
    }
}

/// A condition on one column.
#[derive(Debug)]
pub struct Predicate<'a> {
    /// The column.
    pub column: TextColumn,
    /// Which values pass.
    pub accepts: Accepts<'a>,
}

/// Which of the large and secret columns the rows have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    /// The details.
    pub details: bool,
    /// The salt and the commitment.
    pub opening: bool,
}

/// Which rows are wanted: those that meet every condition.
#[derive(Debug)]
pub struct Question<'a> {
    /// The first position.
    pub from: Bound<Position>,
    /// The last position.
    pub to: Bound<Position>,
    /// The conditions on texts.
    pub predicates: Vec<Predicate<'a>>,
    /// Only rows that were recorded in this range, in milliseconds since 1970.
    pub recorded: Option<Range<i64>>,
    /// Only rows that are kept longer than this moment, or without an end.
    pub kept_at: Option<i64>,
    /// The order of the rows.
    pub order: Order,
    /// The most rows.
    pub limit: usize,
    /// Which columns the rows have.
    pub selection: Selection,
}

impl Default for Question<'_> {
    /// Every row of a segment, with everything but details and openings.
    fn default() -> Self {
        Self {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            predicates: Vec::new(),
            recorded: None,
            kept_at: None,
            order: Order::Asc,
            limit: usize::MAX,
            selection: Selection::default(),
        }
    }
}
