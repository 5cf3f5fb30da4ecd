//! The files of the command line.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
};

use crate::finding::Finding;
use flate2::bufread::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) fn read(path: &Path) -> Result<String, Finding> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// Writes a file whole, or not at all.
pub(crate) fn keep(path: &Path, text: &str) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file's content, unpacked if it is packed with gzip; a bar shows how far it was read.
pub(crate) fn unpacked(path: &Path) -> Result<Box<dyn Read>, Finding> {
    let mut file = open(path)?;
    let mut start = Vec::new();
    let begun = (&mut file).take(2).read_to_end(&mut start);
    begun.map_err(|error| unreadable(path, &error))?;
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let file = io::Cursor::new(start.clone()).chain(file);
    let bar = ProgressBar::new(bytes).with_style(bar_style());
    let file = BufReader::with_capacity(1 << 16, bar.wrap_read(file));
    Ok(match start.as_slice() {
        [0x1f, 0x8b] => Box::new(OnlyMember(GzDecoder::new(file))),
        _ => Box::new(file),
    })
}

/// Unpacks the only member of a gzip file: many readers take the first one and no more.
struct OnlyMember<R: BufRead>(GzDecoder<R>);

impl<R: BufRead> Read for OnlyMember<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.0.get_mut().fill_buf()?.is_empty() {
            return Err(io::Error::other("it has more than one gzip member"));
        }
        Ok(read)
    }
}

fn bar_style() -> ProgressStyle {
    let template = "{bytes} of {total_bytes} {wide_bar} {eta}";
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

pub(crate) fn open(path: &Path) -> Result<File, Finding> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Finding {
    Finding::Unknown(format!("{} can't be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn only_a_single_member_is_unpacked() {
        let (one, other) = (packed(b"one"), packed(b"other"));
        let read = |bytes: &[u8]| {
            let mut text = String::new();
            OnlyMember(GzDecoder::new(bytes))
                .read_to_string(&mut text)
                .map(|_| text)
        };
        assert_eq!(read(&one).unwrap(), "one");
        assert!(read(&[one.clone(), other].concat()).is_err());
        assert!(read(&[one.as_slice(), &[0]].concat()).is_err());
        assert!(read(&one[..one.len() - 1]).is_err());
    }
}
