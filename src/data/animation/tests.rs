use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

/// Frames of a few colours, of which no two are alike.
fn frames(count: u8) -> Vec<DynamicImage> {
    let pixel = |frame: u8, x: u32| Rgb([20 * frame, if x < 4 { 200 } else { 10 }, 90]);
    let image = |frame| RgbImage::from_fn(9, 5, |x, _| pixel(frame, x)).into();
    (0..count).map(image).collect()
}

fn moving() -> Animation {
    let delays = [40, 120, 500].map(Duration::from_millis).to_vec();
    Animation::timed(frames(3), delays).unwrap()
}

fn message(bytes: &[u8]) -> String {
    Animation::decode(bytes, "face.img").unwrap_err().to_string()
}

/// The bytes of a GIF of so many frames of one pixel on a screen of this size.
fn gif(side: u16, count: usize) -> Vec<u8> {
    let size = [side.to_le_bytes(), side.to_le_bytes()].concat();
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0".repeat(count);
    [&b"GIF89a"[..], &size, b"\x80\0\0\xff\xff\xff\0\0\0", &frame, b";"].concat()
}

#[test]
fn frames_delays_and_sizes_come_back() {
    for format in [ImageFormat::Png, ImageFormat::Gif] {
        let bytes = moving().encode(format).unwrap();
        assert_eq!(Animation::decode(&bytes, "moving").unwrap().unwrap(), moving(), "{format:?}");
        let first = crate::decode_image(&bytes, "moving").unwrap();
        assert_eq!(first, frames(1)[0], "{format:?}: what shows no animations shows the first");
    }
    let fast = Animation::new(frames(2), Duration::from_secs_f64(1.0 / 15.0)).unwrap();
    for (format, milliseconds) in [(ImageFormat::Png, 67), (ImageFormat::Gif, 70)] {
        let read = Animation::decode(&fast.encode(format).unwrap(), "fast").unwrap().unwrap();
        assert_eq!(read.delays(), [Duration::from_millis(milliseconds); 2]);
    }
}

#[test]
fn a_path_says_the_format_and_what_is_not_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "a.gif"] {
        let path = folder.path().join(name);
        moving().save(&path).unwrap();
        assert_eq!(Animation::open(&path).unwrap().unwrap(), moving());
    }
    let error = moving().save(folder.path().join("a.webp")).unwrap_err().to_string();
    assert!(error.contains("as png") && error.contains("animated webp is not written"), "{error}");
    moving().save(folder.path().join("a.txt")).unwrap_err();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn there_and_back_has_no_frame_twice_in_a_row() {
    let animation = moving().there_and_back();
    let [first, second, third] = [0, 1, 2].map(|frame| frames(3)[frame].clone());
    assert_eq!(animation.frames(), [first, second.clone(), third, second]);
    assert_eq!(animation.delays().len(), 4);
    assert_eq!(animation.delays()[3], Duration::from_millis(120));
    let two = Animation::new(frames(2), Duration::ZERO).unwrap();
    assert_eq!(two.clone().there_and_back(), two);
}

#[test]
fn frames_are_of_one_size_and_number() {
    let error = |made: Result<Animation>| made.unwrap_err().to_string();
    let none = error(Animation::new(Vec::new(), Duration::ZERO));
    assert_eq!(none, "expected 1 frames of an animation, found 0");
    let mixed = vec![DynamicImage::new_rgb8(2, 3), DynamicImage::new_rgb8(3, 2)];
    let mixed = error(Animation::new(mixed, Duration::ZERO));
    assert_eq!(mixed, "expected frames of one size, found 2 x 3 and 3 x 2");
    let fewer = error(moving().with_frames(frames(2)));
    assert_eq!(fewer, "expected 3 frames of an animation, found 2");
    let other = moving().with_frames(vec![DynamicImage::new_luma8(4, 4); 3]).unwrap();
    assert_eq!(other.delays(), moving().delays());
}

#[test]
fn what_does_not_move_is_no_animation() {
    let one = Animation::new(frames(1), Duration::ZERO).unwrap();
    let mut still =
        vec![one.encode(ImageFormat::Gif).unwrap(), one.encode(ImageFormat::Png).unwrap()];
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP] {
        let mut bytes = Cursor::new(Vec::new());
        frames(1)[0].write_to(&mut bytes, format).unwrap();
        still.push(bytes.into_inner());
    }
    still.extend([Vec::new(), b"no image".to_vec()]);
    for bytes in still {
        assert_eq!(Animation::decode(&bytes, "still").unwrap(), None);
    }
}

#[test]
fn transparent_frames_are_whole_and_stay_so() {
    // The second frame has one opaque pixel, and shows the first elsewhere.
    let clear = |x: u32| RgbaImage::from_fn(3, 1, |at, _| Rgba([9, 9, 9, 255 * u8::from(at == x)]));
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.encode_frames([clear(0), clear(1)].map(Frame::new)).unwrap();
    drop(encoder);
    let read = Animation::decode(&bytes, "clear").unwrap().unwrap();
    let opacity = |frame: &DynamicImage| -> Vec<u8> {
        frame.as_rgba8().unwrap().pixels().map(|pixel| pixel.0[3]).collect()
    };
    assert_eq!(opacity(&read.frames()[0]), [255, 0, 0]);
    assert!([vec![255, 255, 0], vec![0, 255, 0]].contains(&opacity(&read.frames()[1])));
    for format in [ImageFormat::Png, ImageFormat::Gif] {
        let again = Animation::decode(&read.encode(format).unwrap(), "again").unwrap().unwrap();
        assert_eq!(opacity(&again.frames()[0]), [255, 0, 0], "{format:?}");
    }
    // GIF knows no shadow: a faint one is nothing, a deep one is as on white.
    let shadow = RgbaImage::from_fn(3, 1, |x, _| Rgba([0, 0, 0, [20, 204, 255][x as usize]]));
    let shadow = Animation::new(vec![shadow.into(); 2], Duration::ZERO).unwrap();
    let of = |format| {
        Animation::decode(&shadow.encode(format).unwrap(), "shadow").unwrap().unwrap().frames()[0]
            .to_rgba8()
            .into_raw()
    };
    assert_eq!(of(ImageFormat::Gif), [0, 0, 0, 0, 51, 51, 51, 255, 0, 0, 0, 255]);
    assert_eq!(of(ImageFormat::Png), [0, 0, 0, 20, 0, 0, 0, 204, 0, 0, 0, 255]);
}

#[test]
fn an_animation_takes_no_more_memory_than_it_may() {
    assert_eq!(Animation::decode(&gif(3, 5), "small").unwrap().unwrap().frames().len(), 5);
    // 64 MiB of pixels a frame, most of which nothing covers; 320 MiB in the decoder.
    let large = message(&gif(4096, 8));
    let expected = "face.img: expected an animation of at most 10000 frames and 512 MiB in memory, \
                    found 3 frames of 4096 x 4096 pixels or more: cut it into shorter ones, or \
                    scale it down";
    assert_eq!(large, expected);
    assert!(message(&gif(1, MAX_FRAMES + 1)).contains("found 10001 frames of 1 x 1 pixels"));
    // Left to `decode_image`, which refuses it.
    let beyond = gif(65_535, 9);
    assert_eq!(Animation::decode(&beyond, "beyond").unwrap(), None);
    crate::decode_image(&beyond, "beyond").unwrap_err();
}

#[test]
fn of_a_damaged_animation_no_frame_is_made_up() {
    for format in [ImageFormat::Png, ImageFormat::Gif] {
        let bytes = moving().encode(format).unwrap();
        let mut refused = 0;
        for length in 0..bytes.len() {
            match Animation::decode(&bytes[..length], "face.img") {
                Ok(None) => {}
                Ok(Some(read)) => assert!(moving().frames().starts_with(read.frames()), "{length}"),
                Err(error) => {
                    assert!(error.to_string().starts_with("face.img: "), "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > bytes.len() / 4, "{format:?}: {refused} of {}", bytes.len());
    }
}

#[test]
fn a_webp_whose_frames_are_cleared_is_refused() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pil/disposed.webp");
    let bytes = fs::read(file).unwrap();
    assert!(
        message(&bytes).contains("face.img: the frames of this animated WebP are to be cleared")
    );
    // Its first image is one like any other.
    assert_eq!(crate::decode_image(&bytes, "still").unwrap().width(), 12);
    let mut kept = bytes.clone();
    for at in 0..kept.len() - 24 {
        if kept[at..].starts_with(b"ANMF") {
            kept[at + 23] &= !1;
        }
    }
    assert_eq!(Animation::decode(&kept, "kept").unwrap().unwrap().frames().len(), 3);
}
