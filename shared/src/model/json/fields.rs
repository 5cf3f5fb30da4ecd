//! Reads the fields of an object one by one, and keeps what is wrong with each.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{DeserializeOwned, value::StrDeserializer};

use super::{
    fault::{Faults, Path, Reason, Step},
    value::{Map, Value},
};

/// The fields of an object that are not read yet.
///
/// Each method takes a field. Where it finds a fault it returns none and keeps the
/// fault, so that one refusal can name all of them. An optional field that is null
/// is an absent one.
#[derive(Debug)]
pub struct Fields<'a> {
    unread: Map,
    path: Path,
    faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    /// The fields of the object at `path`; none if it is no object.
    pub(super) fn of(value: Value, path: Path, faults: &'a mut Faults) -> Option<Self> {
        if let Value::Object(unread) = value {
            Some(Self {
                unread,
                path,
                faults,
            })
        } else {
            faults.add(&path, "must be an object");
            None
        }
    }

    /// Reads a text, or a word, that must be given.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.given(name)?;
        self.text(&self.path.field(name), &value)
    }

    /// Reads a text, or a word, that may be absent.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name)?;
        self.text(&self.path.field(name), &value)
    }

    /// Reads an object that must be given.
    pub fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.given(name)?;
        self.nested(name, value, read)
    }

    /// Reads an object that may be absent.
    pub fn optional_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        self.nested(name, value, read)
    }

    /// Reads one text, or a list of at least one text; nothing if it is absent.
    pub fn one_or_more<T: DeserializeOwned + Ord>(&mut self, name: &str) -> BTreeSet<T> {
        let path = self.path.field(name);
        match self.take(name) {
            None => BTreeSet::new(),
            Some(Value::Array(items)) => {
                if items.is_empty() {
                    self.faults.add(&path, "must not be an empty list");
                }
                let items = items.iter().enumerate();
                items
                    .filter_map(|(place, item)| self.text(&path.with(Step::Item(place)), item))
                    .collect()
            }
            Some(one @ Value::String(_)) => self.text(&path, &one).into_iter().collect(),
            Some(_) => {
                let reason = "must be a string or a list of strings";
                self.faults.add(&path, reason);
                BTreeSet::new()
            }
        }
    }

    /// Reads an object whose names are texts, or words, and whose values are too.
    pub fn texts<K, V>(&mut self, name: &str) -> Option<BTreeMap<K, V>>
    where
        K: DeserializeOwned + Ord,
        V: DeserializeOwned,
    {
        let path = self.path.field(name);
        let Value::Object(entries) = self.take(name)? else {
            self.faults.add(&path, "must be an object");
            return None;
        };
        let entries = entries.into_iter().filter_map(|(name, value)| {
            let path = path.field(&name);
            let key = self.text(&path, &Value::String(name));
            let value = self.text(&path, &value);
            Some((key?, value?))
        });
        Some(entries.collect())
    }

    /// Reads `true` or `false`; false if it is absent.
    pub fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                self.refuse(name, "must be true or false");
                false
            }
        }
    }

    /// Takes a value as it is; none if it is absent or null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let value = self.unread.remove(name)?;
        (value != Value::Null).then_some(value)
    }

    /// Keeps a fault of a field that was read.
    pub fn refuse(&mut self, name: &str, reason: &str) {
        self.faults.add(&self.path.field(name), reason);
    }

    /// Whether a field that was read has no fault.
    pub fn is_sound(&self, name: &str) -> bool {
        !self.faults.has(&self.path.field(name))
    }

    /// Whether the whole request has no fault, once all its known fields were read.
    pub fn are_sound(&self) -> bool {
        self.faults.is_empty() && self.unread.is_empty()
    }

    /// Refuses the fields that nothing has read.
    pub(super) fn finish(self) {
        for name in self.unread.keys() {
            self.faults.add_unsupported(&self.path, name);
        }
    }

    fn given(&mut self, name: &str) -> Option<Value> {
        let value = self.unread.remove(name);
        if value.is_none() {
            self.faults.add(&self.path.field(name), "is missing");
        }
        value
    }

    fn text<T: DeserializeOwned>(&mut self, path: &Path, value: &Value) -> Option<T> {
        let read = match value {
            Value::String(text) => T::deserialize(StrDeserializer::<Reason>::new(text)),
            _ => Err(Reason("must be a string".to_owned())),
        };
        read.map_err(|reason| self.faults.add(path, reason)).ok()
    }

    fn nested<T>(
        &mut self,
        name: &str,
        value: Value,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Fields::of(value, self.path.field(name), self.faults)?;
        let read = read(&mut fields);
        fields.finish();
        read
    }
}
