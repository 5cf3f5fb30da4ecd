//! Which column of a foreign CSV is which field of an activity.

use std::{collections::BTreeMap, fs, path::Path};

use client::{Actor, Customer, NewActivity, Outcome, Resource};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{key::Keys, rejects::REASON, time::TimeForm};
use crate::connect::Failure;

/// A mapping file, in TOML.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// What separates the columns; default a comma.
    #[serde(default = "comma")]
    pub(crate) delimiter: char,
    /// The columns whose texts identify a row; without them its whole content does.
    #[serde(default)]
    key: Vec<String>,
    /// The column with a key that is used as it is, where it is not empty.
    idempotency_key: Option<String>,
    occurred_at: TimeField,
    action: Field,
    #[serde(default = "succeeded")]
    outcome: Field,
    customer: Named,
    actor: ActorFields,
    resource: Option<ResourceFields>,
    correlation_id: Option<Field>,
    /// The columns that become details; default those that are named nowhere else.
    details: Option<Vec<String>>,
}

/// A column, or more about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a column's name or a table with column, value, default, values"
)]
enum Field {
    Column(String),
    Rule(Rule),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The column.
    column: Option<String>,
    /// The same text for each row, instead of a column.
    value: Option<String>,
    /// The text if the column is empty.
    default: Option<String>,
    /// Texts of the source, and what they become; others stay as they are.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "must be a column's name or a table with column, format, time_zone"
)]
enum TimeField {
    Column(String),
    Rule(TimeRule),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeRule {
    column: String,
    /// As in strftime.
    format: Option<String>,
    /// Of times without a zone; default UTC.
    time_zone: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: Field,
    /// Default the id.
    name: Option<Field>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActorFields {
    id: Field,
    /// Default the id.
    name: Option<Field>,
    /// `user` or `application`; default `user`.
    kind: Option<Field>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceFields {
    r#type: Field,
    id: Field,
}

fn comma() -> char {
    ','
}

fn succeeded() -> Field {
    Field::Rule(Rule {
        value: Some("succeeded".to_owned()),
        ..Rule::default()
    })
}

/// The columns of a CSV whose columns have the names of the fields.
const OWN: &str = include_str!("own.toml");

/// The columns of the CSV that Partner Center's activity log page downloads.
const PARTNER_CENTER: &str = include_str!("partner-center.toml");

impl Mapping {
    /// The mapping in a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(Failure::of(path))?;
        Self::parse(&text).map_err(|reason| Failure::usage(format!("{}: {reason}", path.display())))
    }

    /// The mapping of columns that have the names of the fields.
    pub(crate) fn own() -> Result<Self, Failure> {
        Self::parse(OWN).map_err(Failure::usage)
    }

    /// The mapping of Partner Center's download.
    pub(crate) fn partner_center() -> Result<Self, Failure> {
        Self::parse(PARTNER_CENTER).map_err(Failure::usage)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mapping: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if !mapping.delimiter.is_ascii() {
            return Err("delimiter must be one ASCII character".to_owned());
        }
        mapping.time_form()?;
        Ok(mapping)
    }

    fn time_form(&self) -> Result<(String, TimeForm), String> {
        match &self.occurred_at {
            TimeField::Column(column) => Ok((column.clone(), TimeForm::new(None, None)?)),
            TimeField::Rule(rule) => {
                let form = TimeForm::new(rule.format.clone(), rule.time_zone.as_deref())?;
                Ok((rule.column.clone(), form))
            }
        }
    }

    /// The mapping for a file with these columns; all that it names must be there.
    pub(crate) fn for_columns(self, columns: Vec<String>) -> Result<RowReader, String> {
        let (time_column, time_form) = self.time_form()?;
        let mut named: Vec<&str> = vec![time_column.as_str()];
        named.extend(self.key.iter().map(String::as_str));
        named.extend(self.details.iter().flatten().map(String::as_str));
        named.extend(self.fields().into_iter().filter_map(|(field, is_needed)| {
            field
                .column()
                .filter(|column| is_needed || columns.iter().any(|it| it == column))
        }));
        for name in &named {
            if !columns.iter().any(|column| column == name) {
                let columns = columns.join(", ");
                return Err(format!("there is no column {name}; the file has {columns}"));
            }
        }
        let own = self.idempotency_key.as_ref();
        let is_named = |column: &String| {
            let is_own = own == Some(column) || column == REASON;
            is_own || named.contains(&column.as_str())
        };
        let others = columns.iter().filter(|column| !is_named(column));
        let details = self
            .details
            .clone()
            .unwrap_or_else(|| others.cloned().collect());
        Ok(RowReader {
            mapping: self,
            time_column,
            time_form,
            own_columns: columns.iter().take_while(|it| *it != REASON).count(),
            columns,
            details,
            keys: Keys::default(),
        })
    }

    /// The fields, and whether the file must have their columns.
    fn fields(&self) -> Vec<(&Field, bool)> {
        let needed = [&self.action, &self.customer.id, &self.actor.id];
        let mut fields: Vec<_> = needed.into_iter().map(|field| (field, true)).collect();
        let optional = [
            &self.customer.name,
            &self.actor.name,
            &self.actor.kind,
            &self.correlation_id,
        ];
        fields.extend(optional.into_iter().flatten().map(|field| (field, false)));
        fields.push((&self.outcome, false));
        let resource = self.resource.iter();
        fields.extend(resource.flat_map(|it| [(&it.r#type, false), (&it.id, false)]));
        fields
    }
}

impl Field {
    fn column(&self) -> Option<&str> {
        match self {
            Self::Column(column) => Some(column),
            Self::Rule(rule) => rule.column.as_deref(),
        }
    }
}

/// Makes activities of rows.
#[derive(Debug)]
pub(crate) struct RowReader {
    pub(crate) mapping: Mapping,
    time_column: String,
    time_form: TimeForm,
    pub(crate) columns: Vec<String>,
    /// How many of them are the source's own, and not of an import that rejected the row.
    own_columns: usize,
    /// The columns that become details.
    details: Vec<String>,
    keys: Keys,
}

impl RowReader {
    /// The activity of a row; an error names the field and what is wrong.
    pub(crate) fn read(&mut self, record: &csv::StringRecord) -> Result<NewActivity, String> {
        // A rejected row too counts among those that are equal.
        let key = self.key(record);
        if record.len() > self.columns.len() {
            let (cells, columns) = (record.len(), self.columns.len());
            return Err(format!(
                "the row has {cells} cells, and the header {columns}"
            ));
        }
        let mapping = &self.mapping;
        let time = self.text(record, &self.time_column);
        let occurred_at = self
            .time_form
            .read(time)
            .map_err(|it| format!("occurred_at: {it}"))?;
        let customer_id = self.needed(record, &mapping.customer.id, "customer.id")?;
        let customer = Customer {
            name: self.or(record, mapping.customer.name.as_ref(), &customer_id),
            id: customer_id,
        };
        let actor_id = self.needed(record, &mapping.actor.id, "actor.id")?;
        let kind = self.or(record, mapping.actor.kind.as_ref(), "user");
        let actor = Actor {
            name: self.or(record, mapping.actor.name.as_ref(), &actor_id),
            kind: word(&kind, "actor.kind")?,
            id: actor_id,
        };
        let action = partner_center::action(&self.needed(record, &mapping.action, "action")?);
        let outcome = self.needed(record, &mapping.outcome, "outcome")?;
        let outcome: Outcome = word(&partner_center::action(&outcome), "outcome")?;
        let mut activity = NewActivity::new(action, outcome, customer, actor);
        activity.idempotency_key = key;
        activity.occurred_at = occurred_at;
        activity.resource = self.resource(record);
        let correlation = mapping.correlation_id.as_ref();
        activity.correlation_id = correlation.and_then(|field| self.value(record, field));
        activity.details = self.details(record)?;
        Ok(activity)
    }

    /// The key of a row: its own, that of its ids, or that of its content.
    fn key(&mut self, record: &csv::StringRecord) -> String {
        let own = self.mapping.idempotency_key.as_ref();
        let own = own.map(|column| self.text(record, column));
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            return own.to_owned();
        }
        let ids = self.mapping.key.iter();
        let ids: Vec<_> = ids.map(|column| self.text(record, column)).collect();
        if ids.iter().any(|id| !id.is_empty()) {
            // A key can't have this character, so several ids are hashed.
            return partner_center::key(&ids.join("\u{1f}"));
        }
        let content: Vec<&str> = record.iter().take(self.own_columns).collect();
        self.keys.of_content(&content.join("\u{1f}"))
    }

    /// The text of a column; empty if the row is too short.
    fn text<'a>(&self, record: &'a csv::StringRecord, column: &str) -> &'a str {
        let place = self.columns.iter().position(|it| it == column);
        place
            .and_then(|place| record.get(place))
            .unwrap_or_default()
    }

    /// What a field has in a row; none if nothing is there.
    fn value(&self, record: &csv::StringRecord, field: &Field) -> Option<String> {
        let default = Rule::default();
        let rule = match field {
            Field::Column(_) => &default,
            Field::Rule(rule) => rule,
        };
        if let Some(value) = &rule.value {
            return Some(value.clone());
        }
        let text = field
            .column()
            .map_or("", |column| self.text(record, column));
        if text.trim().is_empty() {
            return rule.default.clone();
        }
        Some(
            rule.values
                .get(text.trim())
                .map_or(text, String::as_str)
                .to_owned(),
        )
    }

    fn needed(
        &self,
        record: &csv::StringRecord,
        field: &Field,
        name: &str,
    ) -> Result<String, String> {
        let value = self.value(record, field);
        value.ok_or_else(|| {
            format!(
                "{name}: the column {} is empty",
                field.column().unwrap_or("?")
            )
        })
    }

    fn or(&self, record: &csv::StringRecord, field: Option<&Field>, other: &str) -> String {
        let value = field.and_then(|field| self.value(record, field));
        value.unwrap_or_else(|| other.to_owned())
    }

    fn resource(&self, record: &csv::StringRecord) -> Option<Resource> {
        let fields = self.mapping.resource.as_ref()?;
        Some(Resource {
            r#type: self.value(record, &fields.r#type)?,
            id: self.value(record, &fields.id)?,
        })
    }

    /// The columns that are details and not empty.
    fn details(&self, record: &csv::StringRecord) -> Result<Option<Box<RawValue>>, String> {
        let mut details = Map::new();
        for column in &self.details {
            let text = self.text(record, column);
            if !text.is_empty() {
                details.insert(column.clone(), Value::from(text));
            }
        }
        if details.is_empty() {
            return Ok(None);
        }
        let details = serde_json::value::to_raw_value(&details);
        details
            .map(Some)
            .map_err(|error| format!("details: {error}"))
    }
}

/// A word of the contract.
pub(crate) fn word<T: for<'de> Deserialize<'de>>(text: &str, field: &str) -> Result<T, String> {
    let parsed = serde_json::from_value(Value::from(text));
    parsed.map_err(|_| format!("{field}: {text:?} is unknown; give it a meaning in values"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str = r#"
        delimiter = ";"
        key = ["Nr"]
        occurred_at = { column = "Zeit", format = "%d.%m.%Y %H:%M:%S", time_zone = "Europe/Berlin" }
        action = { column = "Was", values = { "Bestellung angelegt" = "create_order" } }
        outcome = { column = "Ergebnis", values = { ok = "succeeded", Fehler = "failed" }, default = "succeeded" }
        customer = { id = "KdNr", name = "Kunde" }
        actor = { id = "Benutzer" }
        resource = { type = { value = "order" }, id = "Auftrag" }
        details = ["Notiz"]
    "#;

    fn reader(mapping: &str, columns: &str) -> Result<RowReader, String> {
        let columns = columns.split(';').map(str::to_owned).collect();
        Mapping::parse(mapping)?.for_columns(columns)
    }

    const COLUMNS: &str = "Nr;Zeit;Was;Ergebnis;KdNr;Kunde;Benutzer;Auftrag;Notiz;Rest";

    fn read(row: &str) -> Result<NewActivity, String> {
        let record = row.split(';').collect::<Vec<_>>().into();
        reader(FOREIGN, COLUMNS).unwrap().read(&record)
    }

    #[test]
    fn a_row_becomes_an_activity_by_its_mapping() {
        let row =
            "4711;22.11.2026 09:32:11;Bestellung angelegt;Fehler;17;Müller & Co;ann;A-1;eilig;x";
        let json = serde_json::to_value(read(row).unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "idempotency_key": "import-4711",
                "occurred_at": "2026-11-22T08:32:11Z",
                "action": "create_order",
                "outcome": "failed",
                "customer": { "id": "17", "name": "Müller & Co" },
                "actor": { "id": "ann", "name": "ann", "kind": "user" },
                "resource": { "type": "order", "id": "A-1" },
                "details": { "Notiz": "eilig" },
            })
        );
    }

    #[test]
    fn an_empty_column_takes_the_default_or_leaves_the_field_out() {
        let activity = read("1;22.11.2026 09:32:11;Kunde gelöscht;;17;;ann;;;").unwrap();
        assert_eq!(activity.action, "kunde_gel_scht");
        assert_eq!(activity.outcome, Outcome::Succeeded);
        assert_eq!(activity.customer.name, "17");
        assert!(activity.resource.is_none() && activity.details.is_none());
    }

    #[test]
    fn a_row_that_does_not_fit_names_the_field() {
        for (row, reason) in [
            (
                "1;22.13.2026 09:32:11;x;;17;;ann;;;",
                "occurred_at: \"22.13.2026 09:32:11\" is not of the form %d.%m.%Y %H:%M:%S",
            ),
            (
                "1;22.11.2026 09:32:11;;;17;;ann;;;",
                "action: the column Was is empty",
            ),
            (
                "1;22.11.2026 09:32:11;x;vielleicht;17;;ann;;;",
                "outcome: \"vielleicht\" is unknown; give it a meaning in values",
            ),
        ] {
            assert_eq!(read(row).unwrap_err(), reason);
        }
    }

    #[test]
    fn a_column_that_the_file_lacks_is_named() {
        let error = reader(FOREIGN, "Nr;Zeit").unwrap_err();
        assert_eq!(error, "there is no column Notiz; the file has Nr, Zeit");
        let error = Mapping::parse("colour = 1").unwrap_err();
        assert!(error.contains("colour"), "{error}");
    }

    #[test]
    fn the_mappings_that_come_with_the_program_are_sound() {
        Mapping::own().unwrap();
        Mapping::partner_center().unwrap();
    }
}
