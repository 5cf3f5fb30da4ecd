//! Writes the members of an object one after the other, in canonical form.

use crate::{
    canonical::{write_json, write_text},
    error::Error,
};

/// An object that is written into a text; whoever writes it knows the canonical order.
pub(crate) struct Members<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Members<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
        }
    }

    /// Writes a text, unless it is absent.
    pub(crate) fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            write_text(text, self.name(name));
        }
    }

    /// Writes a value in its canonical form.
    pub(crate) fn json(&mut self, name: &str, json: &str) -> Result<(), Error> {
        write_json(json, self.name(name))
    }

    /// Writes an object, whose members the caller writes.
    pub(crate) fn object(&mut self, name: &str) -> Members<'_> {
        Members::begin(self.name(name))
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    /// Begins a member; its value is to be written next.
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        write_text(name, self.out);
        self.out.push(b':');
        self.out
    }
}
