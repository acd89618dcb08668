//! What of TIFF is decoded: files whose decoder keeps to its limits.

use std::io::Cursor;

use tiff::decoder::Decoder;
use tiff::tags::{CompressionMethod, Tag};

/// Refuses a TIFF that its decoder would unpack without a limit: one of JPEGs, which may be larger
/// than the TIFF says, and one whose parts lie on each other, each of which would be unpacked.
///
/// # Errors
/// What is expected, and what was found.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    // What is wrong with others is said where they are decoded.
    let Ok(mut decoder) = Decoder::new(Cursor::new(bytes)) else { return Ok(()) };
    let compression = decoder.find_tag_unsigned(Tag::Compression);
    let compression: u16 = compression.map_err(|error| error.to_string())?.unwrap_or(1);
    let compression = CompressionMethod::from_u16_exhaustive(compression);
    if !matches!(
        compression,
        CompressionMethod::None
            | CompressionMethod::LZW
            | CompressionMethod::Deflate
            | CompressionMethod::OldDeflate
            | CompressionMethod::PackBits
            | CompressionMethod::Fax4
    ) {
        return Err(format!(
            "expected a TIFF without compression or with LZW, Deflate, PackBits or Fax4, found \
             {compression:?}: save it as another"
        ));
    }
    if compression == CompressionMethod::None {
        return Ok(());
    }
    let mut held = 0_u64;
    for tag in [Tag::StripByteCounts, Tag::TileByteCounts] {
        let counts =
            decoder.find_tag_unsigned_vec::<u64>(tag).map_err(|error| error.to_string())?;
        held = counts.into_iter().flatten().fold(held, u64::saturating_add);
    }
    let found = bytes.len() as u64;
    if held > found {
        return Err(format!("the TIFF's parts have {held} bytes, the file has {found}"));
    }
    Ok(())
}
