//! What of animated WebP is decoded: frames whose parts have one size.

/// The bytes of a chunk's name and length.
const HEADER: usize = 8;

/// The bytes of a frame's place, size and delay.
const FRAME: usize = 16;

/// Refuses an animation with a frame whose picture is larger or smaller than the frame: its decoder
/// takes memory for whatever that says, and ends in a panic where its transparency is of another
/// size.
///
/// # Errors
/// Which frame it is, and both sizes.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut at = 3 * 4; // RIFF, a length, WEBP
    while let Some((name, length)) = chunk(bytes, at)
        && name != b"ANMF"
    {
        at = at.saturating_add(HEADER + length + length % 2);
    }
    let mut number = 1;
    // As the decoder goes from a frame to the next; what is wrong with others it says itself.
    while let Some((b"ANMF", length)) = chunk(bytes, at) {
        if let Some((expected, found)) = sizes(bytes.get(at + HEADER..).unwrap_or_default())
            && expected != found
        {
            let [[w, h], [width, height]] = [expected, found];
            return Err(format!(
                "frame {number} of the WebP has {w} x {h} pixels, the picture in it {width} x \
                 {height}"
            ));
        }
        at = at.saturating_add(HEADER + length);
        number += 1;
    }
    Ok(())
}

/// Whether a frame of an animation is to be cleared before the next is drawn.
pub(crate) fn clears(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let mut at = 3 * 4;
    let mut cleared = false;
    while is_webp && let Some((name, length)) = chunk(bytes, at) {
        if name == b"ANMF" {
            if cleared {
                return true;
            }
            let flags = bytes.get(at + HEADER + FRAME - 1);
            cleared = flags.is_some_and(|flags| flags & 1 == 1);
        }
        at = at.saturating_add(HEADER + length + length % 2);
    }
    false
}

/// The name of the chunk at `at`, and how many bytes it says that it has.
fn chunk(bytes: &[u8], at: usize) -> Option<(&[u8; 4], usize)> {
    let header = bytes.get(at..)?.first_chunk::<HEADER>()?;
    let (name, length) = (header.first_chunk::<4>()?, header.last_chunk::<4>()?);
    Some((name, u32::from_le_bytes(*length) as usize))
}

/// The sizes of a frame and of the lossy picture in it; none where that is lossless.
fn sizes(frame: &[u8]) -> Option<([u32; 2], [u32; 2])> {
    let side = |at: usize| {
        let [low, middle, high] = *frame.get(at..)?.first_chunk::<3>()?;
        Some(1 + u32::from_le_bytes([low, middle, high, 0]))
    };
    let expected = [side(6)?, side(9)?];
    let mut at = FRAME;
    if let (b"ALPH", length) = chunk(frame, at)? {
        at = at.checked_add(HEADER + length + length % 2)?;
    }
    let (b"VP8 ", _) = chunk(frame, at)? else { return None };
    // Three bytes of a tag and three of a start code before.
    let picture = frame.get(at + HEADER + 6..)?.first_chunk::<4>()?;
    let [low, high, lower, higher] = *picture;
    // The upper two bits are of a scale.
    let found = [[low, high], [lower, higher]].map(|side| u16::from_le_bytes(side) & 0x3FFF);
    Some((expected, found.map(u32::from)))
}
