//! A history for people: how often what happened, and each request in a line.

use std::fmt;

use super::{Delivery, History, Order, Outcome, Walk, Worth, text};

impl History {
    /// How often the clients were told what.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        let (pages, rows) = (
            self.walks.iter().map(|walk| walk.pages.len()),
            self.files.iter().map(|file| file.rows.len()),
        );
        let orders = |is: fn(&Order) -> bool| count(&self.orders, is);
        let kinds = self.deliveries.iter().map(|sent| (sent.kind(), 1));
        let others = [
            ("pages", pages.sum()),
            ("exports made", orders(|order| order.made.is_some())),
            ("exports refused", orders(|order| order.refused)),
            ("links", orders(|order| order.linked)),
            ("rows", rows.sum()),
        ];
        kinds.chain(others).collect()
    }
}

fn count<T>(of: &[T], is: fn(&T) -> bool) -> usize {
    of.iter().filter(|one| is(one)).count()
}

impl Delivery {
    fn kind(&self) -> &'static str {
        match (&self.outcome, self.worth) {
            (Outcome::Unknown, _) => "unknown",
            (Outcome::Stored { replayed: true, .. }, _) => "replayed",
            (Outcome::Stored { .. }, _) => "stored",
            (Outcome::Refused(_), Worth::Bad(_)) => "bad",
            (Outcome::Refused(422), _) => "taken keys",
            (Outcome::Refused(_), _) => "too late",
        }
    }
}

/// The requests in the order of their beginnings.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.deliveries.iter();
        let sent = sent.map(|sent| (sent.span, sent.to_string()));
        let walks = self.walks.iter();
        let walks = walks.map(|walk| (walk.span, walk.to_string()));
        let mut lines: Vec<_> = sent.chain(walks).collect();
        lines.sort_by_key(|(span, _)| span.began);
        for (span, line) in lines {
            writeln!(f, "{}..{} {line}", span.began, span.ended)?;
        }
        self.orders
            .iter()
            .try_for_each(|order| writeln!(f, "{order:?}"))
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partner, content) = (&self.partner, &self.content);
        write!(
            f,
            "{partner} {:?} {:?} {content}\n    ",
            self.key, self.worth
        )?;
        match &self.outcome {
            Outcome::Stored { activity, .. } => write!(f, "{}: {activity}", self.kind()),
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.pages.iter().flatten().map(|item| text(item, "id"));
        let ids: Vec<_> = ids.collect();
        let (partner, query) = (&self.partner, &self.query);
        write!(f, "{partner} {query:?} by {}\n    {ids:?}", self.limit)
    }
}
