//! A history as text: each request in a line, and how many of each kind.

use std::fmt;

use super::{Delivery, ExportRequest, History, Outcome, Validity, Walk, text};

impl History {
    /// How many answers, pages, rows and links of each kind the clients got.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        let (pages, rows) = (
            self.walks.iter().map(|walk| walk.pages.len()),
            self.files.iter().map(|file| file.rows.len()),
        );
        let requests = |is: fn(&ExportRequest) -> bool| count(&self.export_requests, is);
        let kinds = self.deliveries.iter().map(|sent| (sent.kind(), 1));
        let others = [
            ("pages", pages.sum()),
            (
                "exports made",
                requests(|request| request.export_id.is_some()),
            ),
            ("exports refused", requests(|request| request.refused)),
            ("links", requests(|request| request.has_link)),
            ("rows", rows.sum()),
        ];
        kinds
            .chain(others)
            .chain(self.counts_of_archive())
            .collect()
    }
}

fn count<T>(of: &[T], is: fn(&T) -> bool) -> usize {
    of.iter().filter(|one| is(one)).count()
}

impl Delivery {
    fn kind(&self) -> &'static str {
        match (&self.outcome, self.validity) {
            (Outcome::Unknown, _) => "unknown",
            (Outcome::Stored { replayed: true, .. }, _) => "replayed",
            (Outcome::Stored { .. }, _) => "stored",
            (Outcome::Refused(_), Validity::Invalid(_)) => "bad",
            (Outcome::Refused(422), _) => "taken keys",
            (Outcome::Refused(_), Validity::Closed) => "closed",
            (Outcome::Refused(_), _) => "too late",
        }
    }
}

/// The requests, sorted by when they began.
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
        for request in &self.export_requests {
            writeln!(f, "{request:?}")?;
        }
        self.erasures
            .iter()
            .try_for_each(|erasure| writeln!(f, "{erasure:?}"))
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partner, content) = (&self.partner, &self.content);
        write!(
            f,
            "{partner} {:?} {:?} {content}\n    ",
            self.key, self.validity
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
        write!(
            f,
            "{partner} {query:?} by {}\n    {ids:?} {:?}",
            self.limit, self.settled
        )
    }
}
