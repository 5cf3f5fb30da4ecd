//! Reads the query of a page into a range, a filter and a position.

use lambda_http::Request;
use shared::{
    ActivityId, Config, Error, Filter, Moment, Order, PartnerId, Place, TimeRange,
    aws::activities::RangeQuery,
    lambda::http,
    model::{range::Bound, zone::Zone},
};

use crate::{
    condition,
    day::{self, Days},
    token::{self, TOKEN},
};

/// The size of a page that names none, and the largest one.
const SIZE_MAX: usize = 500;

/// A request for a page whose parameters are all valid.
#[derive(Debug)]
pub(crate) struct PageRequest {
    pub(crate) filter: Filter,
    pub(crate) query: RangeQuery,
    pub(crate) limit: usize,
    pub(crate) resume_after: Option<ActivityId>,
    /// The position as it was given.
    pub(crate) token: Option<String>,
    /// The filter as it was given.
    condition: Option<String>,
}

impl PageRequest {
    pub(crate) fn read(
        request: &Request,
        partner: &PartnerId,
        now: Moment,
        config: &Config,
    ) -> Result<Self, Error> {
        let mut parameters = Parameters::of(request)?;
        let days = Days {
            first: parameters.read("startDate", day::parse)?,
            last: parameters.read("endDate", day::parse)?,
        };
        let limit = parameters.read("size", size)?.unwrap_or(SIZE_MAX);
        let condition = parameters.take("filter")?;
        let condition = condition.filter(|text| !text.is_empty());
        let filter = condition::read(condition.as_deref().unwrap_or_default())?;
        let token = parameters.token(request)?;
        let (range, resume_after) = match &token {
            Some(token) => {
                let Place { range, after } = token::open(token, partner, &filter)?;
                days.require(&range)?;
                (range, Some(after))
            }
            None => (days.range(now)?, None),
        };
        Ok(Self {
            query: RangeQuery {
                range,
                order: Order::Desc,
                with_details: true,
                eventual: range.to() < config.too_late_before(now),
            },
            filter,
            limit,
            token,
            resume_after,
            condition,
        })
    }

    /// The position of the page after `id`.
    pub(crate) fn token_after(&self, id: ActivityId, partner: &PartnerId) -> String {
        let place = Place {
            range: self.query.range,
            after: id,
        };
        token::seal(place, partner, &self.filter)
    }

    /// The address of this page, below the version's.
    ///
    /// All of the filter is percent-encoded: some programs end an address at a second `?`.
    pub(crate) fn address(&self) -> String {
        let (first, last) = day::of(&self.query.range);
        let mut address = format!(
            "/auditrecords?startDate={first}&endDate={last}&size={}",
            self.limit
        );
        if let Some(condition) = &self.condition {
            address.push_str("&filter=");
            address.extend(http::percent_encoded(condition));
        }
        address
    }
}

fn in_header(request: &Request) -> Option<String> {
    let token = String::from_utf8_lossy(request.headers().get(TOKEN)?.as_bytes());
    (!token.is_empty()).then(|| token.into_owned())
}

/// The parameters of a query; Partner Center does not look at the case of their names, nor at
/// those that it does not know.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(request: &Request) -> Result<Self, Error> {
        let query = request.uri().query().unwrap_or_default();
        http::decoded_query(&with_plus(query)).map(Self)
    }

    /// The token of the page that is asked for; none for the first page.
    fn token(&mut self, request: &Request) -> Result<Option<String>, Error> {
        let seek = self.read("seekOperation", Seek::parse)?;
        let in_query = self.take(TOKEN)?.filter(|text| !text.is_empty());
        match (seek, in_header(request).or(in_query)) {
            (Some(Seek::First), _) => Ok(None),
            (Some(Seek::Next), None) => {
                let reason = "must be sent with seekOperation=Next, as a header or parameter";
                Err(Error::invalid(TOKEN, reason))
            }
            (_, token) => Ok(token),
        }
    }

    /// The value of a parameter.
    fn take(&mut self, name: &str) -> Result<Option<String>, Error> {
        for (other, _) in &mut self.0 {
            if other.eq_ignore_ascii_case(name) {
                name.clone_into(other);
            }
        }
        http::take(&mut self.0, name)
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Error> {
        let text = self.take(name)?;
        let value = text.map(|text| parse(text.trim())).transpose();
        value.map_err(|reason| Error::invalid(name, reason))
    }
}

/// The query with the `+` of a filter that stands in it as it is, as .NET's SDK puts it there.
///
/// Whoever writes a space as `+` encodes the colons too.
fn with_plus(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, text)) if name.eq_ignore_ascii_case("filter") && text.contains(':') => {
            pair.replace('+', "%2B")
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A larger size is the largest one, so that a program for larger pages gets all of them.
fn size(text: &str) -> Result<usize, &'static str> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(size @ 1..) if is_number => {
            Ok(usize::try_from(size).map_or(SIZE_MAX, |size| size.min(SIZE_MAX)))
        }
        _ => Err("must be a whole number from 1"),
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
enum Seek {
    First,
    Next,
}

impl Seek {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text.to_ascii_lowercase().as_str() {
            "first" => Ok(Self::First),
            "next" => Ok(Self::Next),
            _ => Err("must be First or Next"),
        }
    }
}

impl Days {
    /// The range of these days; see [`Days::resolve`].
    fn range(self, now: Moment) -> Result<TimeRange, Error> {
        let (first, last) = self.resolve(day::today(now))?;
        let [first, last] = [first, last].map(|day| Some(Bound::Date(day)));
        TimeRange::resolve(first, last, &Zone::UTC, now)
    }
}
