//! The entries of an uncompressed zip, read so that damage can't go unnoticed.
//!
//! A reader that trusts only the central directory would accept files whose copies of a name, size
//! or position disagree. Here the entries must tile the file from byte 0 to the central directory,
//! each local header must repeat its directory record, and each CRC-32 must hold, unless PyTorch
//! was told to leave them out (`set_crc32_options(False)`): then all of them are 0.
//! (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.)

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::cursor::Cursor;

const LOCAL: u32 = 0x0403_4b50;
const RECORD: u32 = 0x0201_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

const END_LENGTH: usize = 22;
const END64_LENGTH: usize = 56;
const LOCATOR64_LENGTH: usize = 20;

/// Sizes and CRC follow the data.
const HAS_DESCRIPTOR: u16 = 1 << 3;
const UTF8_NAME: u16 = 1 << 11;

/// One file in the archive.
pub(super) struct File<'a> {
    pub(super) name: &'a [u8],
    pub(super) data: &'a [u8],
}

/// A record of the central directory.
struct Record<'a> {
    name: &'a [u8],
    flags: u16,
    crc: u32,
    size: u64,
    offset: u64,
}

struct Directory {
    start: usize,
    end: usize,
    count: u64,
}

/// The files of the zip that `bytes` are, in the order of their data.
///
/// # Errors
/// If `bytes` are anything but one whole, consistent zip of stored (uncompressed) entries.
pub(super) fn files(bytes: &[u8]) -> Result<Vec<File<'_>>, String> {
    let directory = directory(bytes)?;
    let mut records = records(bytes, &directory)?;
    records.sort_by_key(|record| record.offset);
    let checked = records.iter().any(|record| record.crc != 0);
    let mut files = Vec::with_capacity(records.len());
    let mut at = 0;
    for (index, record) in records.iter().enumerate() {
        let next = records.get(index + 1).map_or(directory.start as u64, |next| next.offset);
        let place =
            |error: String| format!("zip entry {} at byte {at}: {error}", quoted(record.name));
        let file = local(&bytes[..directory.start], record, at, next).map_err(place)?;
        if checked {
            same("the CRC-32 of the data", record.crc, crc32fast::hash(file.data))
                .map_err(place)?;
        }
        files.push(file);
        at = usize::try_from(next).map_err(|error| error.to_string())?;
    }
    same("the first byte after the entries", directory.start as u64, at as u64)?;
    Ok(files)
}

/// Finds the central directory from the records that end the file.
fn directory(bytes: &[u8]) -> Result<Directory, String> {
    let end = bytes.len().checked_sub(END_LENGTH).ok_or_else(|| {
        format!("zip: expected at least {END_LENGTH} bytes, found {}", bytes.len())
    })?;
    let read = || -> Result<Directory, String> {
        let mut cursor = Cursor::new(bytes, end);
        if cursor.u32("signature")? != END {
            return Err("expected the zip's last record: the file is cut off, or goes on".into());
        }
        same("the disk number", 0, cursor.u32("disk numbers")?)?;
        let here = cursor.u16("entry count")?;
        let count = cursor.u16("entry count")?;
        same("entries on this disk", count, here)?;
        let size = cursor.u32("directory size")?;
        let start = cursor.u32("directory offset")?;
        same("the length of the comment", 0, cursor.u16("comment length")?)?;
        let (found, end) = match end64(bytes, end)? {
            Some((found, end)) => {
                let [count64, size64, start64] = found;
                agree("the entry count", u64::from(count), u64::from(u16::MAX), count64)?;
                agree("the directory's size", u64::from(size), u64::from(u32::MAX), size64)?;
                agree("the directory's offset", u64::from(start), u64::from(u32::MAX), start64)?;
                (found, end)
            }
            None => ([u64::from(count), u64::from(size), u64::from(start)], end),
        };
        let [count, size, start] = found;
        same("the directory's end", Some(end as u64), start.checked_add(size))?;
        let start = usize::try_from(start).map_err(|error| error.to_string())?;
        Ok(Directory { start, end, count })
    };
    read().map_err(|error| format!("zip: end of central directory at byte {end}: {error}"))
}

/// The zip64 records before `end`, if there: entry count, directory size and offset, and where the
/// records start.
fn end64(bytes: &[u8], end: usize) -> Result<Option<([u64; 3], usize)>, String> {
    let Some(at) = end.checked_sub(LOCATOR64_LENGTH) else { return Ok(None) };
    let mut cursor = Cursor::new(bytes, at);
    if cursor.u32("zip64 locator")? != LOCATOR64 {
        return Ok(None);
    }
    same("the zip64 record's disk", 0, cursor.u32("disk number")?)?;
    let start = cursor.u64("zip64 record's offset")?;
    same("the number of disks", 1, cursor.u32("disk count")?)?;
    let expected = at
        .checked_sub(END64_LENGTH)
        .ok_or_else(|| format!("expected a zip64 record before byte {at}, found none"))?;
    same("the zip64 record's offset", expected as u64, start)?;
    let mut cursor = Cursor::new(bytes, expected);
    same("the zip64 record's signature", END64, cursor.u32("signature")?)?;
    same("the zip64 record's size", END64_LENGTH as u64 - 12, cursor.u64("record size")?)?;
    cursor.take(4, "zip versions")?;
    same("the zip64 disk numbers", 0, cursor.u64("disk numbers")?)?;
    let here = cursor.u64("entry count")?;
    let count = cursor.u64("entry count")?;
    same("zip64 entries on this disk", count, here)?;
    let size = cursor.u64("directory size")?;
    Ok(Some(([count, size, cursor.u64("directory offset")?], expected)))
}

fn records<'a>(bytes: &'a [u8], directory: &Directory) -> Result<Vec<Record<'a>>, String> {
    let mut cursor = Cursor::new(&bytes[..directory.end], directory.start);
    let mut records = Vec::new();
    while !cursor.rest().is_empty() {
        let at = cursor.at();
        records.push(
            record(&mut cursor).map_err(|error| format!("zip: record at byte {at}: {error}"))?,
        );
    }
    same("zip: the number of records", directory.count, records.len() as u64)?;
    Ok(records)
}

fn record<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, String> {
    same("the signature", RECORD, cursor.u32("signature")?)?;
    cursor.take(4, "zip versions")?;
    let flags = cursor.u16("flags")?;
    // Encryption is one of the others.
    same("flags other than descriptor and UTF-8", 0, flags & !(HAS_DESCRIPTOR | UTF8_NAME))?;
    same("the compression method (0 is stored)", 0, cursor.u16("compression method")?)?;
    cursor.take(4, "time and date")?;
    let crc = cursor.u32("CRC-32")?;
    let compressed = cursor.u32("compressed size")?;
    let size = cursor.u32("size")?;
    let lengths = [(); 3].map(|()| cursor.u16("lengths"));
    let [name, extra, comment] = lengths;
    same("the disk number", 0, cursor.u16("disk number")?)?;
    cursor.take(6, "attributes")?;
    let offset = cursor.u32("offset")?;
    let name = cursor.take(name?.into(), "name")?;
    let extra = cursor.take(extra?.into(), "extra fields")?;
    cursor.take(comment?.into(), "comment")?;
    let [size, compressed, offset] = widen([size, compressed, offset], extra)?;
    same("the compressed size", size, compressed)?;
    Ok(Record { name, flags, crc, size, offset })
}

/// Replaces each of `fields` that is all ones by its value in the zip64 extra field.
fn widen<const N: usize>(fields: [u32; N], extra: &[u8]) -> Result<[u64; N], String> {
    const ZIP64: u16 = 1;
    let mut wide = fields.map(u64::from);
    if !fields.contains(&u32::MAX) {
        return Ok(wide);
    }
    let mut cursor = Cursor::new(extra, 0);
    while !cursor.rest().is_empty() {
        let id = cursor.u16("extra field's id")?;
        let length = cursor.u16("extra field's length")?;
        let mut field = Cursor::new(cursor.take(length.into(), "extra field")?, 0);
        if id == ZIP64 {
            for (narrow, wide) in fields.iter().zip(&mut wide) {
                if *narrow == u32::MAX {
                    *wide = field.u64("zip64 extra field")?;
                }
            }
            return Ok(wide);
        }
    }
    Err("expected a zip64 extra field for the sizes, found none".to_string())
}

/// Checks the local header at `at` against its record, and the data up to `next`.
fn local<'a>(
    bytes: &'a [u8],
    record: &Record<'a>,
    at: usize,
    next: u64,
) -> Result<File<'a>, String> {
    same("the offset in the directory", at as u64, record.offset)?;
    let mut cursor = Cursor::new(bytes, at);
    same("the local header's signature", LOCAL, cursor.u32("local signature")?)?;
    cursor.take(2, "zip version")?;
    same("the local flags", record.flags, cursor.u16("flags")?)?;
    same("the local compression method", 0, cursor.u16("compression method")?)?;
    cursor.take(4, "time and date")?;
    let crc = cursor.u32("CRC-32")?;
    let compressed = cursor.u32("compressed size")?;
    let size = cursor.u32("size")?;
    let name_length = cursor.u16("name length")?;
    let extra_length = cursor.u16("extra length")?;
    let name = cursor.take(name_length.into(), "name")?;
    if name != record.name {
        return Err(format!("expected the same name in the local header, found {}", quoted(name)));
    }
    let extra = cursor.take(extra_length.into(), "extra fields")?;
    if record.flags & HAS_DESCRIPTOR == 0 {
        same("the local CRC-32", record.crc, crc)?;
        let [size, compressed] = widen([size, compressed], extra)?;
        same("the local size", record.size, size)?;
        same("the local compressed size", record.size, compressed)?;
    } else {
        // The real values come after the data; here writers leave zeros.
        same("the local CRC-32 and sizes", [0; 3], [crc, compressed, size])?;
    }
    let length = usize::try_from(record.size).map_err(|error| error.to_string())?;
    let data = cursor.take(length, "data")?;
    if record.flags & HAS_DESCRIPTOR != 0 {
        same("the descriptor's signature", DESCRIPTOR, cursor.u32("data descriptor")?)?;
        same("the descriptor's CRC-32", record.crc, cursor.u32("data descriptor")?)?;
        // Nothing in the descriptor says whether its sizes are zip64's; the room it has does.
        let wide = next.checked_sub(cursor.at() as u64) == Some(16);
        for what in ["the descriptor's compressed size", "the descriptor's size"] {
            let size = if wide { cursor.u64(what)? } else { cursor.u32(what)?.into() };
            same(what, record.size, size)?;
        }
    }
    same("the next entry's offset", next, cursor.at() as u64)?;
    Ok(File { name, data })
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {found:?}"))
}

/// A field and its zip64 copy: equal, or the narrow one is `absent`.
fn agree(what: &str, narrow: u64, absent: u64, wide: u64) -> Result<(), String> {
    if narrow == absent { Ok(()) } else { same(what, wide, narrow) }
}
