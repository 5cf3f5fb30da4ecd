//! The steps of plans in which days pass, logs are sealed, and customers are erased.

use std::time::Duration;

use shared::Moment;

use super::{CUSTOMERS, PARTNERS, Planner, Step};
use crate::{history::Validity, query::Query};

const MINUTE: Duration = Duration::from_mins(1);

impl Planner {
    /// A step that only such plans have, or none.
    pub(super) fn step_of_archive(&mut self) -> Option<Step> {
        Some(match self.random.u8(..20) {
            0..5 => Step::Seal(if self.one_in(4) { 2 } else { 1 }),
            5 => {
                self.has_erasures = true;
                let (customer, _) = self.pick(&CUSTOMERS);
                let partner = self.random.usize(..PARTNERS);
                Step::Erase { partner, customer }
            }
            6..9 => self.send_late(),
            9..11 => self.walk(),
            _ => return None,
        })
    }

    /// The rounds after which a log mostly has a sealed part.
    pub(super) fn first_days(&mut self) -> Vec<Vec<Step>> {
        let sends = (0..4).map(|_| self.send()).collect();
        let later = |planner: &mut Self, by| vec![planner.move_clock(by)];
        vec![
            sends,
            later(self, Duration::from_hours(30)),
            vec![Step::Seal(1)],
            later(self, MINUTE),
            vec![Step::Seal(1)],
        ]
    }

    /// What happens between two rounds, if anything.
    pub(super) fn pause(&mut self) -> Option<Step> {
        if self.has_erasures && !self.one_in(3) {
            self.has_erasures = false;
            return Some(Step::EndErasures);
        }
        let by = match self.random.u8(..10) {
            0..2 => return None,
            2..6 => MINUTE,
            6..9 => Duration::from_mins(self.random.u64(6 * 60..40 * 60)),
            // Longer than activities are kept.
            _ => Duration::from_hours(self.random.u64(4..9) * 24),
        };
        Some(self.move_clock(by))
    }

    fn move_clock(&mut self, by: Duration) -> Step {
        self.now = self.now.plus(by);
        let after = self.now.as_millis() - self.began.as_millis();
        Step::MoveClockTo(Duration::from_millis(u64::try_from(after).unwrap()))
    }

    /// An activity of the last days, to a writer that may accept it.
    fn send_late(&mut self) -> Step {
        let intent = self.intent(true);
        let mut late = self.intents[intent].clone();
        let is_older = matches!(late.validity, Validity::Valid) && self.random.bool();
        let intent = if is_older {
            let age = Duration::from_hours(self.random.u64(20..76));
            let at = self.now.minus(age).plus(self.millis(0..10));
            late.content["occurred_at"] = at.to_string().into();
            late.key = late.key.map(|key| format!("{key}-late"));
            self.add(late)
        } else {
            intent
        };
        Step::Send {
            intent,
            copies: if self.one_in(5) { 2 } else { 1 },
            timeout: None,
            retries: self.random.usize(..3),
            raised: true,
        }
    }

    /// A query of a range that may be sealed.
    pub(super) fn query_of_days(&mut self) -> Query {
        let ago = |hours| Duration::from_hours(hours);
        if self.random.bool() {
            // The first days are sealed first.
            let to = self.began.plus(ago(self.random.u64(0..6)));
            return self.query_in((self.began.minus(ago(80)), to));
        }
        let from: Moment = self.now.minus(ago(self.random.u64(26..300)));
        let to = match self.random.u8(..4) {
            0 => self.now,
            _ => self.now.minus(ago(self.random.u64(24..150))),
        };
        self.query_in((from.min(to), from.max(to).plus(MINUTE)))
    }
}
