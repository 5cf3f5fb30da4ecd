//! The files of an outbox: texts that are appended, read in order, and deleted.
//!
//! A line is the CRC-32 of the rest, the byte at which its group begins, the text, and a line
//! feed. A group is what is written and made durable together. When a machine fails, of the
//! last group any part may be missing; nobody was told that it is kept, so it is cut off
//! from there. Files are numbered; one that was read to its end is deleted.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// How large a file becomes before the next one is begun.
const FILE_BYTES: u64 = 8 << 20;

/// Behind the checksum of a line.
const CHECKED_AT: usize = 9;

/// A place in the files: a file's number, and a byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) byte: u64,
}

/// Appends lines to the last file.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: PathBuf,
    file: File,
    end: Place,
    /// Whether a write has failed, so that nobody knows what the file holds.
    is_broken: bool,
}

impl Writer {
    /// Opens the last file of a folder, without the part of a line at its end.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let number = numbers(folder)?.last().copied().unwrap_or(1);
        let path = path(folder, number);
        let end = if path.exists() {
            whole_bytes(&path)?
        } else {
            0
        };
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.set_len(end)?;
        file.sync_all()?;
        sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            end: Place { number, byte: end },
            is_broken: false,
        })
    }

    /// Behind the last line.
    pub(crate) fn end(&self) -> Place {
        self.end
    }

    /// Appends texts without line feeds, and returns when the disk has them.
    ///
    /// After an error nothing more is appended, because nobody knows what the disk has.
    pub(crate) fn append(&mut self, texts: &[String]) -> io::Result<Place> {
        if self.is_broken {
            return Err(io::Error::other("an earlier write has failed"));
        }
        if texts.iter().any(|text| text.contains('\n')) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a text has a line feed",
            ));
        }
        let appended = self.append_group(texts);
        self.is_broken = appended.is_err();
        appended
    }

    fn append_group(&mut self, texts: &[String]) -> io::Result<Place> {
        if self.end.byte >= FILE_BYTES {
            self.begin_next()?;
        }
        let start = self.end.byte;
        let lines: Vec<u8> = texts.iter().flat_map(|text| line(start, text)).collect();
        self.file.write_all(&lines)?;
        self.file.sync_data()?;
        self.end.byte += lines.len() as u64;
        Ok(self.end)
    }

    fn begin_next(&mut self) -> io::Result<()> {
        let number = self.end.number + 1;
        let path = path(&self.folder, number);
        self.file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(path)?;
        sync_folder(&self.folder)?;
        self.end = Place { number, byte: 0 };
        Ok(())
    }
}

/// Some lines that follow each other.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) texts: Vec<String>,
    /// Behind the last of them.
    pub(crate) end: Place,
}

/// Reads lines from a place up to another, as many as are allowed, at least one.
pub(crate) fn read(
    folder: &Path,
    from: Place,
    to: Place,
    (count_max, bytes_max): (usize, usize),
) -> io::Result<Lines> {
    let mut lines = Lines {
        texts: Vec::new(),
        end: from,
    };
    let mut bytes = 0;
    while lines.end < to {
        let mut file = BufReader::new(File::open(path(folder, lines.end.number))?);
        file.seek(SeekFrom::Start(lines.end.byte))?;
        loop {
            let mut line = Vec::new();
            let length = file.read_until(b'\n', &mut line)?;
            let is_behind = lines.end.number == to.number && lines.end.byte >= to.byte;
            if length == 0 || is_behind {
                break;
            }
            let (_, text) = parsed(&line).ok_or_else(|| damaged(lines.end))?;
            bytes += text.len();
            if !lines.texts.is_empty() && (lines.texts.len() >= count_max || bytes > bytes_max) {
                return Ok(lines);
            }
            lines.texts.push(text.to_owned());
            lines.end.byte += length as u64;
        }
        if lines.end.number >= to.number {
            break;
        }
        let next = numbers(folder)?
            .into_iter()
            .find(|it| *it > lines.end.number);
        lines.end = Place {
            number: next.unwrap_or(to.number),
            byte: 0,
        };
    }
    Ok(lines)
}

/// Deletes the files before a place.
pub(crate) fn delete_before(folder: &Path, place: Place) -> io::Result<()> {
    for number in numbers(folder)? {
        if number < place.number {
            fs::remove_file(path(folder, number))?;
        }
    }
    Ok(())
}

/// How many bytes lie between two places.
pub(crate) fn bytes_between(folder: &Path, from: Place, to: Place) -> io::Result<u64> {
    let mut bytes = 0;
    for number in numbers(folder)? {
        if number >= from.number && number <= to.number {
            bytes += fs::metadata(path(folder, number))?.len();
        }
    }
    Ok(bytes.saturating_sub(from.byte))
}

/// The first place that is not before a place and that exists.
pub(crate) fn first_place(folder: &Path, from: Place, end: Place) -> io::Result<Place> {
    let numbers = numbers(folder)?;
    let place = match numbers.into_iter().find(|it| *it >= from.number) {
        Some(number) if number == from.number => from,
        Some(number) => Place { number, byte: 0 },
        None => end,
    };
    Ok(place.min(end))
}

/// A text as a line of the group that begins at a byte.
fn line(start: u64, text: &str) -> Vec<u8> {
    let checked = format!("{start:x} {text}");
    format!("{:08x} {checked}\n", crc32fast::hash(checked.as_bytes())).into_bytes()
}

/// The start of a line's group, and its text; none if the line is not whole.
fn parsed(line: &[u8]) -> Option<(u64, &str)> {
    let line = line.strip_suffix(b"\n")?;
    let (checksum, checked) = line.split_at_checked(CHECKED_AT)?;
    if checksum != format!("{:08x} ", crc32fast::hash(checked)).as_bytes() {
        return None;
    }
    let (start, text) = str::from_utf8(checked).ok()?.split_once(' ')?;
    Some((u64::from_str_radix(start, 16).ok()?, text))
}

/// How many bytes of a file are whole lines; what follows them must be of a group that was
/// not made durable.
fn whole_bytes(path: &Path) -> io::Result<u64> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut whole, mut is_whole, mut line) = (0, true, Vec::new());
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(whole);
        }
        match parsed(&line) {
            Some(_) if is_whole => whole += length as u64,
            // A group begins behind the damage, so what is damaged was durable.
            Some((start, _)) if start > whole => {
                let reason = format!("{}: the line at byte {whole} is damaged", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            _ => is_whole = false,
        }
    }
}

fn damaged(place: Place) -> io::Error {
    let Place { number, byte } = place;
    let reason = format!("the line at byte {byte} of {} is damaged", name(number));
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn name(number: u64) -> String {
    format!("{number:012}.log")
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(name(number))
}

/// The numbers of the files, rising.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes the name of a folder durable.
pub(crate) fn sync_name(folder: &Path) -> io::Result<()> {
    match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Makes the names of new files durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (usize, usize) = (usize::MAX, usize::MAX);

    fn texts(folder: &Path, end: Place) -> Vec<String> {
        let first = Place { number: 1, byte: 0 };
        read(folder, first, end, ALL).unwrap().texts
    }

    /// A file with these groups.
    fn written(groups: &[&[&str]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for group in groups {
            let start = bytes.len() as u64;
            bytes.extend(group.iter().flat_map(|text| line(start, text)));
        }
        bytes
    }

    #[test]
    fn what_was_appended_is_read_in_order_over_files_and_openings() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let long = "x".repeat(5 << 20);
        let mut wanted = Vec::new();
        for round in 0..3 {
            let mut writer = Writer::open(folder).unwrap();
            for text in [format!("one {round}"), long.clone(), "zwei ü".to_owned()] {
                writer.append(std::slice::from_ref(&text)).unwrap();
                wanted.push(text);
            }
        }
        let end = Writer::open(folder).unwrap().end();
        assert_eq!(end.number, 2);
        assert!(texts(folder, end) == wanted);
        let first = Place { number: 1, byte: 0 };
        let some = read(folder, first, end, (2, usize::MAX)).unwrap();
        assert_eq!(some.texts.len(), 2);
        let rest = read(folder, some.end, end, ALL).unwrap();
        assert!(rest.texts == wanted[2..]);
        delete_before(folder, rest.end).unwrap();
        assert_eq!(numbers(folder).unwrap(), [2]);
        let first = first_place(folder, first, end).unwrap();
        assert_eq!(first, Place { number: 2, byte: 0 });
    }

    #[test]
    fn a_group_that_was_cut_is_cut_off_wherever_it_was() {
        let durable = written(&[&["one"]]).len();
        let whole = written(&[&["one"], &["two", "three"]]);
        for cut in durable..whole.len() {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            fs::write(path(folder, 1), &whole[..cut]).unwrap();
            let mut writer = Writer::open(folder).unwrap();
            writer.append(&["four".to_owned()]).unwrap();
            let found = texts(folder, writer.end());
            assert_eq!(
                (found[0].as_str(), found.last().unwrap().as_str()),
                ("one", "four")
            );
        }
    }

    #[test]
    fn a_group_of_which_the_begin_is_missing_is_cut_off() {
        let durable = written(&[&["one"]]).len();
        let mut bytes = written(&[&["one"], &["two", "three"]]);
        bytes[durable..durable + 12].fill(0);
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(path(folder, 1), &bytes).unwrap();
        let end = Writer::open(folder).unwrap().end();
        assert_eq!(texts(folder, end), ["one"]);
    }

    #[test]
    fn a_damaged_line_that_was_durable_is_an_error_and_nothing_is_lost() {
        let durable = written(&[&["one"]]).len();
        let mut bytes = written(&[&["one"], &["two", "three"], &["four"]]);
        bytes[durable + CHECKED_AT + 3] ^= 1;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(path(folder, 1), &bytes).unwrap();
        let error = Writer::open(folder).unwrap_err().to_string();
        assert!(
            error.contains(&format!("byte {durable} is damaged")),
            "{error}"
        );
        assert_eq!(fs::read(path(folder, 1)).unwrap(), bytes);
    }
}
