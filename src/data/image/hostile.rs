//! Images of every kind that programs write, and such as nobody should.

use std::time::{Duration, Instant};

use image::GenericImageView;

use super::*;

const KINDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pil/kinds");

/// JPEG loses so much of a colour, and lossy WebP, which halves the colours' resolution.
const TOLERANCE_LEVELS: u8 = 6;

/// Each of these must be refused at once; none may be decoded.
const SOON: Duration = Duration::from_secs(5);

/// A chunk of a PNG.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut checked = kind.to_vec();
    checked.extend(content);
    let crc = crc32fast::hash(&checked).to_be_bytes();
    [&(content.len() as u32).to_be_bytes()[..], &checked, &crc].concat()
}

/// A PNG of these chunks.
fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat(), &chunk(b"IEND", &[])].concat()
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[depth, colour, 0, 0, 0]].concat())
}

/// Zlib data of stored blocks.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let blocks = content.chunks(65_535).collect::<Vec<_>>();
    for (at, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        zlib.push(u8::from(at + 1 == blocks.len()));
        zlib.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        zlib.extend(*block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in content {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    zlib.extend(((b << 16) | a).to_be_bytes());
    zlib
}

/// A whole PNG of 2 x 1 pixels that are black, with `extra` chunks.
fn small_png(extra: &[Vec<u8>]) -> Vec<u8> {
    let data = chunk(b"IDAT", &stored(&[0; 7]));
    png(&[&[header(2, 1, 8, 2)], extra, &[data]].concat())
}

/// A TIFF of these entries (tag, kind, count, value) in one directory, which names `next`.
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for &(tag, kind, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend(next.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// The entries of a grey image, whose strip begins where the directory ends.
fn grey_tiff(width: u32, height: u32) -> Vec<(u16, u16, u32, u32)> {
    vec![
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 9 * 12 + 4),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, width.saturating_mul(height)),
    ]
}

/// A JPEG whose frame has this size and so many components, and nothing else.
fn jpeg(width: u16, height: u16, components: u8) -> Vec<u8> {
    let mut bytes = b"\xFF\xD8\xFF\xC0".to_vec();
    bytes.extend((8 + 3 * u16::from(components)).to_be_bytes());
    bytes.push(8);
    bytes.extend([height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes.push(components);
    (1..=components).for_each(|component| bytes.extend([component, 0x11, 0]));
    bytes.extend(b"\xFF\xD9");
    bytes
}

/// A GIF of this screen and a first frame of that size, with no data.
fn gif(screen: [u16; 2], frame: [u16; 2]) -> Vec<u8> {
    let size = |[width, height]: [u16; 2]| [width.to_le_bytes(), height.to_le_bytes()].concat();
    let palette = [0; 6];
    let (screen, frame) = (size(screen), size(frame));
    [&b"GIF89a"[..], &screen, b"\x80\0\0", &palette, b"\x2c\0\0\0\0", &frame, b"\0\x02\0;"].concat()
}

/// What refuses `bytes`, which is neither a panic nor takes long.
fn refusal(what: &str, bytes: &[u8]) -> String {
    let began = Instant::now();
    let Err(error) = decode_image(bytes, "face.img") else { panic!("{what} is accepted") };
    assert!(began.elapsed() < SOON, "{what}: {:?}", began.elapsed());
    let message = error.to_string();
    assert!(message.starts_with("face.img: "), "{what}: {message}");
    message
}

#[test]
fn one_image_is_the_same_in_every_kind_of_file() {
    let mut files: Vec<_> = std::fs::read_dir(KINDS).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 25, "{}", files.len());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let image = load_image(&file).unwrap();
        assert!(!image.color().has_alpha(), "{name}");
        let image = image.into_rgb8();
        // Half the colour's resolution, and the shades between, are near the middle.
        let [left, right] = match &name {
            name if name.starts_with("grey") => [[76; 3], [29; 3]],
            _ => [[254, 0, 0], [0, 0, 254]],
        };
        // What each orientation makes of red on the left.
        let orientation = name.strip_prefix("orientation-").map(|rest| &rest[..1]);
        let (size, [red, blue]) = match orientation.unwrap_or("1") {
            "1" | "4" => ((16, 8), [(2, 4), (13, 4)]),
            "2" | "3" => ((16, 8), [(13, 4), (2, 4)]),
            "5" | "6" => ((8, 16), [(4, 2), (4, 13)]),
            _ => ((8, 16), [(4, 13), (4, 2)]),
        };
        assert_eq!(image.dimensions(), size, "{name}");
        for ((x, y), expected) in [(red, left), (blue, right)] {
            let found = image.get_pixel(x, y).0;
            let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= TOLERANCE_LEVELS);
            assert!(near, "{name}: expected {expected:?} at {x}, {y}, found {found:?}");
        }
    }
}

#[test]
fn every_kind_of_png_counts_as_large_as_it_becomes() {
    let data = chunk(b"IDAT", &stored(&[0; 64]));
    let palette = chunk(b"PLTE", &[0; 6]);
    // Colour type and depth, and the bytes of a pixel as it is decoded.
    for (colour, depth, bytes) in [
        (0, 1, 1),
        (0, 2, 1),
        (0, 4, 1),
        (0, 8, 1),
        (0, 16, 2),
        (2, 8, 3),
        (2, 16, 6),
        (3, 1, 3),
        (3, 2, 3),
        (3, 4, 3),
        (3, 8, 3),
        (4, 8, 2),
        (4, 16, 4),
        (6, 8, 4),
        (6, 16, 8u64),
    ] {
        let what = format!("colour type {colour} of {depth} bits");
        let image = png(&[header(16_384, 16_384, depth, colour), palette.clone(), data.clone()]);
        // Of all files the file itself is below one MiB, which begins another.
        let converted = match colour {
            0 => 1,
            2 | 3 => 3,
            _ => 4,
        };
        let mib = ((16_384 * 16_384 * (bytes + converted).max(2 * converted)) >> 20) + 1;
        let expected = format!(
            "face.img: expected an image of at most 512 MiB in memory, found 16384 x 16384 pixels \
             that take {mib} MiB: scale it down"
        );
        assert_eq!(refusal(&what, &image), expected, "{what}");
    }
}

#[test]
fn no_file_takes_more_memory_than_it_may() {
    let wide = |side| png(&[header(side, 1, 8, 0), chunk(b"IDAT", &stored(&[0; 64]))]);
    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend([16_384i32.to_le_bytes(), 16_384i32.to_le_bytes()].concat());
    bmp.extend(b"\x01\0\x18\0");
    bmp.extend([0; 24]);
    let many = (0..9).map(|_| grey_tiff(16_384, 16_384)[0]).collect::<Vec<_>>();
    // A value of a gigabyte: the strip offsets.
    let mut huge_value = grey_tiff(8, 8);
    huge_value[5] = (273, 4, 1 << 28, 8);
    let mut samples = grey_tiff(8, 8);
    samples[6] = (277, 3, 1, 65_535);
    let mut planes = grey_tiff(60_000, 60_000);
    planes[2] = (258, 3, 1, 16);
    for (what, bytes) in [
        ("a png beyond the side", wide(MAX_IMAGE_SIDE + 1)),
        ("a png of 2^31 - 1 pixels a row", wide(u32::MAX / 2)),
        ("a png of 2^32 - 1 pixels a row", wide(u32::MAX)),
        ("a bmp of 768 MiB", bmp),
        ("a jpeg of 65,535 pixels a side", jpeg(65_535, 65_535, 3)),
        ("a grey jpeg of 16,384 pixels a side", jpeg(16_384, 16_384, 1)),
        ("a cmyk jpeg of 16,384 pixels a side", jpeg(16_384, 16_384, 4)),
        ("a gif of 65,535 pixels a side", gif([65_535, 65_535], [65_535, 65_535])),
        ("a gif of 16,384 pixels a side", gif([16_384, 16_384], [1, 1])),
        ("a gif whose frame is beyond its screen", gif([8, 8], [65_535, 65_535])),
        ("a tiff of 16,384 pixels a side", tiff(&grey_tiff(16_384, 16_384), 0, &[])),
        ("a tiff of 2^32 - 1 pixels a side", tiff(&grey_tiff(u32::MAX, u32::MAX), 0, &[])),
        ("a deep tiff", tiff(&planes, 0, &[])),
        ("a tiff with a value of a gigabyte", tiff(&huge_value, 0, &[0; 64])),
        ("a tiff of 65,535 samples a pixel", tiff(&samples, 0, &[0; 64])),
        ("a tiff of one entry nine times", tiff(&many, 0, &[])),
        ("a tiff whose strip is beyond its end", tiff(&grey_tiff(8, 8), 0, &[])),
        ("a tiff without entries", tiff(&[], 8, &[])),
    ] {
        refusal(what, &bytes);
    }
    let message = refusal("a side", &wide(MAX_IMAGE_SIDE + 1));
    assert!(
        message.contains("at most 16384 pixels a side, found 16385 x 1: scale it down"),
        "{message}"
    );
}

#[test]
fn a_tiff_is_unpacked_once_and_only_as_large_as_it_says() {
    // The frame of 16,384 pixels is in a strip of an image of 64.
    let mut of_jpeg = grey_tiff(64, 64);
    let strip = jpeg(16_384, 16_384, 1);
    of_jpeg[3] = (259, 3, 1, 7);
    of_jpeg[8] = (279, 4, 1, strip.len() as u32);
    let message = refusal("a tiff of a jpeg", &tiff(&of_jpeg, 0, &strip));
    assert!(message.contains("with LZW, Deflate, PackBits or Fax4, found ModernJPEG"), "{message}");
    // Four strips of two rows each, in their own place or all in one; PackBits, a run of seven.
    let data = 8 + 2 + 9 * 12 + 4;
    let lists = data + 64;
    let mut strips = grey_tiff(8, 8);
    strips[3] = (259, 3, 1, 32_773);
    strips[5] = (273, 4, 4, lists);
    strips[7] = (278, 4, 1, 2);
    strips[8] = (279, 4, 4, lists + 16);
    let of = |offsets: [u32; 4], length: u32| {
        let numbers = [offsets, [length; 4]].concat();
        let lists = numbers.into_iter().flat_map(u32::to_le_bytes);
        let runs = [241, 7].repeat(32);
        tiff(&strips, 0, &runs.into_iter().chain(lists).collect::<Vec<_>>())
    };
    let own = [data, data + 16, data + 32, data + 48];
    assert!(decode_image(&of(own, 2), "own").unwrap().as_bytes().iter().all(|level| *level == 7));
    let message = refusal("a tiff of one strip four times", &of([data; 4], 64));
    assert!(message.contains("the TIFF's parts have 256 bytes, the file has 218"), "{message}");
}

#[test]
fn what_stands_beside_the_pixels_has_a_limit_of_its_own() {
    // 64 MiB of colour profile, which is unpacked before the size is known.
    let profile = [&b"icc\0\0"[..], &stored(&vec![0; 64 << 20])].concat();
    let bomb = small_png(&[chunk(b"iCCP", &profile)]);
    refusal("a large colour profile", &bomb);
    let profile = [&b"icc\0\0"[..], &stored(&[0; 4096])].concat();
    let text = [&b"Comment\0\0"[..], &stored(&vec![b'a'; 1 << 20])].concat();
    let texts = vec![chunk(b"zTXt", &text); 4];
    let extra = [&[chunk(b"iCCP", &profile)], &texts[..]].concat();
    assert_eq!(decode_image(&small_png(&extra), "face").unwrap().dimensions(), (2, 1));
}

#[test]
fn images_without_pixels_are_refused_and_thin_ones_are_not() {
    let data = chunk(b"IDAT", &stored(&[0; 64]));
    for (what, bytes) in [
        ("a png of 0 x 0", png(&[header(0, 0, 8, 2), data.clone()])),
        ("a png of 0 x 7", png(&[header(0, 7, 8, 2), data.clone()])),
        ("a png of 7 x 0", png(&[header(7, 0, 8, 2), data.clone()])),
        ("a png without data", png(&[header(2, 1, 8, 2)])),
        ("a png without a header", png(&[data])),
        ("a gif of 0 x 0", gif([0, 0], [0, 0])),
        ("a gif of 0 x 9", gif([0, 9], [0, 9])),
        ("a tiff of 0 x 0", tiff(&grey_tiff(0, 0), 0, &[])),
        ("a jpeg of 0 x 0", jpeg(0, 0, 3)),
        ("a jpeg of 9 x 0", jpeg(9, 0, 1)),
        ("a jpeg without a frame", b"\xFF\xD8\xFF\xD9".to_vec()),
        ("a webp without chunks", b"RIFF\x04\0\0\0WEBP".to_vec()),
        ("a bmp's first bytes", b"BM".to_vec()),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("a page", b"<!doctype html><title>404</title>".to_vec()),
    ] {
        refusal(what, &bytes);
    }
    for (width, height) in [(1, 1), (1, 300), (300, 1), (MAX_IMAGE_SIDE, 1), (1, MAX_IMAGE_SIDE)] {
        let rows = vec![0; ((3 * width + 1) * height) as usize];
        let bytes = png(&[header(width, height, 8, 2), chunk(b"IDAT", &stored(&rows))]);
        assert_eq!(decode_image(&bytes, "thin").unwrap().dimensions(), (width, height));
        assert_eq!(image_size(&bytes, "thin").unwrap(), (width, height));
    }
}

#[test]
fn directories_that_lead_in_circles_end() {
    let whole = tiff(&grey_tiff(8, 8), 0, &[7; 64]);
    assert!(decode_image(&whole, "whole").unwrap().as_bytes().iter().all(|level| *level == 7));
    refusal("a tiff whose directory is its own next", &tiff(&grey_tiff(8, 8), 8, &[7; 64]));
    // The orientation of a PNG, behind a directory that is its own next and holds itself.
    let exif = tiff(&[(34_665, 4, 1, 8), (0x0112, 3, 1, 6)], 8, &[]);
    let turned = decode_image(&small_png(&[chunk(b"eXIf", &exif)]), "turned").unwrap();
    assert_eq!(turned.dimensions(), (1, 2));
    for wrong in [
        tiff(&[(0x0112, 3, 1, 0)], 0, &[]),
        tiff(&[(0x0112, 3, 1, 9)], 0, &[]),
        tiff(&[(0x0112, 3, u32::MAX, u32::MAX)], u32::MAX, &[]),
        b"II*\0\xFF\xFF\xFF\xFF".to_vec(),
        b"no exif at all".to_vec(),
    ] {
        let image = decode_image(&small_png(&[chunk(b"eXIf", &wrong)]), "wrong").unwrap();
        assert_eq!(image.dimensions(), (2, 1));
    }
}

/// A decoder would take memory for the picture in a frame, and panic where its transparency is of
/// another size.
#[test]
fn an_animated_webp_has_frames_of_the_size_that_they_say() {
    let lossy = std::fs::read(format!("{KINDS}/lossy.webp")).unwrap();
    let at = lossy.windows(4).position(|name| name == b"VP8 ").unwrap();
    let length = u32::from_le_bytes(lossy[at + 4..][..4].try_into().unwrap()) as usize;
    let picture = &lossy[at + 8..][..length];
    let side = |at: usize| u32::from(u16::from_le_bytes([picture[at], picture[at + 1]]));
    let (width, height) = (side(6), side(8));
    let part = |name: &[u8; 4], content: &[u8]| {
        let padding = vec![0; content.len() % 2];
        [name, &(content.len() as u32).to_le_bytes()[..], content, &padding].concat()
    };
    let three = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let webp = |[w, h]: [u32; 2], alpha: bool| {
        let size = [three(w), three(h)].concat();
        let opaque = [vec![0], vec![255; (w * h) as usize]].concat();
        let transparency = if alpha { part(b"ALPH", &opaque) } else { Vec::new() };
        let place = [&[0; 6][..], &size, &[100, 0, 0, 0]].concat();
        let frame = [place, transparency, part(b"VP8 ", picture)].concat();
        let content = [
            b"WEBP".to_vec(),
            part(b"VP8X", &[&[0x12, 0, 0, 0][..], &size].concat()),
            part(b"ANIM", &[0; 6]),
            part(b"ANMF", &frame),
        ];
        part(b"RIFF", &content.concat())
    };
    for alpha in [false, true] {
        decode_image(&webp([width, height], alpha), "whole").unwrap();
        for size in [[width / 2, height], [width, height / 2], [width + 2, height]] {
            let message = refusal("of two sizes", &webp(size, alpha));
            assert!(message.contains("frame 1 of the WebP has"), "{message}");
        }
    }
}
