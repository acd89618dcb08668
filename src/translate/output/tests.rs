use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

const SIZE: u32 = 16;

/// An image without any two pixels alike in a row.
fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([60 + (x * 7 % 90) as u8, 60 + (y * 5 % 90) as u8, 60 + ((x + y) % 90) as u8])
    })
}

/// `photo` with its `region` changed.
fn carry_over(
    photo: RgbImage,
    region: Region,
    seen: &RgbImage,
    translated: &RgbImage,
    least: Option<f32>,
) -> RgbImage {
    let [seen, translated] = [seen, translated].map(|image| image.clone().into());
    super::carry_over(photo.into(), region, &seen, &translated, least).into_rgb8()
}

fn grey(level: u8) -> RgbImage {
    RgbImage::from_pixel(SIZE, SIZE, Rgb([level; 3]))
}

fn square(left: u32, top: u32, side: u32) -> Region {
    Region { left, top, width: side, height: side }
}

/// What `translated` of a square of level 100 makes of a photo, as the difference to it.
fn carried(photo: &RgbImage, region: Region, translated: &RgbImage) -> Vec<Vec<i16>> {
    let whole = carry_over(photo.clone(), region, &grey(100), translated, None);
    let row = |y| {
        let change = |x| i16::from(whole[(x, y)].0[1]) - i16::from(photo[(x, y)].0[1]);
        (0..photo.width()).map(change).collect()
    };
    (0..photo.height()).map(row).collect()
}

#[test]
fn what_does_not_change_stays_pixel_for_pixel() {
    let photo = photo(300, 200);
    let region = square(50, 0, 200);
    // Reproduced as badly as it may be, but for a patch.
    let translated = RgbImage::from_fn(SIZE, SIZE, |x, y| match (x, y) {
        (4..8, 6..12) => Rgb([40, 190, 100]),
        _ => Rgb([100 + (x % 2) as u8 * 20, 100 - (y % 2) as u8 * 20, 110]),
    });
    let changed = carried(&photo, region, &translated);
    // A cell has 200 / 16 pixels; the mean around one reaches into the next, the enlargement
    // into the one after.
    let cells =
        |from: u32, to: u32| (12.5 * f64::from(from)) as usize..(12.5 * f64::from(to)) as usize;
    let (columns, rows) = (cells(4 - 2, 8 + 2), cells(6 - 2, 12 + 2));
    for (y, row) in changed.iter().enumerate() {
        for (x, change) in row.iter().enumerate() {
            let inside = rows.contains(&y) && x >= 50 && columns.contains(&(x - 50));
            assert!(inside || *change == 0, "{x} {y}: {change}");
        }
    }
    assert_eq!(changed[112][50 + 75], 90, "in the middle of the patch all of it");
}

#[test]
fn changes_fade_where_the_photo_goes_on() {
    let photo = photo(300, 200);
    let changed = carried(&photo, square(50, 0, 200), &grey(180));
    let row = &changed[100];
    assert_eq!((row[49], row[50], row[249], row[250]), (0, 0, 0, 0));
    assert_eq!((row[100], row[150], row[200]), (80, 80, 80));
    assert_eq!((changed[0][150], changed[199][150]), (80, 80), "the photo ends there");
}

#[test]
fn a_change_is_enlarged_evenly_to_any_size() {
    let ramp = RgbImage::from_fn(SIZE, SIZE, |_, y| Rgb([145 + 3 * y as u8; 3]));
    // Every size to three times the model's, then every seventh.
    for side in (SIZE + 1..3 * SIZE).chain((3 * SIZE..400).step_by(7)) {
        let changed = carried(&photo(side, side), square(0, 0, side), &ramp);
        let column: Vec<i16> = changed.iter().map(|row| row[5]).collect();
        for (y, pair) in column.windows(2).enumerate() {
            assert!((0..=3).contains(&(pair[1] - pair[0])), "{side} {y}: {pair:?}");
        }
        assert!(column[0] == 45 && column[side as usize - 1] == 90, "{side}");
    }
}

#[test]
fn a_model_that_reproduces_well_may_change_little() {
    let change = |noise: u8, patch: u8| {
        let translated = RgbImage::from_fn(SIZE, SIZE, |x, y| match (x, y) {
            (4..8, 6..12) => Rgb([100 + patch; 3]),
            _ => Rgb([100 + noise; 3]),
        });
        carried(&photo(160, 160), square(0, 0, 160), &translated)[85][55]
    };
    assert_eq!((change(0, 10), change(2, 10)), (10, 10));
    assert_eq!((change(10, 10), change(20, 25)), (0, 4), "it is no more than elsewhere");
    assert_eq!(change(30, 60), 60, "whatever is elsewhere");
}

#[test]
fn what_is_meant_may_be_told_by_other_frames() {
    let whole_of_it = square(0, 0, 160);
    let changed = |level: u8, least: Option<f32>| {
        let whole = carry_over(photo(160, 160), whole_of_it, &grey(100), &grey(level), least);
        i16::from(whole[(80, 80)].0[1]) - i16::from(photo(160, 160)[(80, 80)].0[1])
    };
    // A change that is everywhere is meant by itself only where it is a large one.
    assert_eq!((changed(110, None), changed(110, Some(4.0))), (0, 10));
    assert_eq!((changed(160, None), changed(160, Some(70.0))), (60, 0));
    assert_eq!(least_meant(&grey(100).into(), &grey(106).into()), 12.0);
}

#[test]
fn a_photo_of_the_models_size_becomes_the_translation() {
    let (photo, translated) = (photo(SIZE, SIZE), grey(101));
    let whole = carry_over(photo.clone(), square(0, 0, SIZE), &photo, &translated, None);
    assert_eq!(whole, translated);
}

#[test]
fn a_part_of_a_photo_of_the_models_size_is_a_part() {
    let before = photo(SIZE, SIZE);
    let part = square(0, 0, SIZE / 2);
    let whole = carry_over(before.clone(), part, &grey(100), &grey(200), Some(2.0));
    let corner = (SIZE - 1, SIZE - 1);
    assert_eq!(whole[corner], before[corner]);
    assert_ne!(whole[(0, 0)], before[(0, 0)]);
}

#[test]
fn a_rectangle_is_carried_over_to_its_part() {
    let seen = RgbImage::from_pixel(2 * SIZE, SIZE, Rgb([100; 3]));
    let translated = RgbImage::from_fn(2 * SIZE, SIZE, |x, y| match (x, y) {
        (24.., 12..) => Rgb([190; 3]),
        _ => Rgb([100; 3]),
    });
    let photo = photo(320, 200);
    let region = Region { left: 0, top: 20, width: 320, height: 160 };
    let whole = carry_over(photo.clone(), region, &seen, &translated, None);
    let change = |x, y| i16::from(whole[(x, y)].0[0]) - i16::from(photo[(x, y)].0[0]);
    assert_eq!(change(319, 160), 90, "the photo ends at the right");
    assert_eq!((change(319, 179), change(319, 180)), (0, 0), "but not at the bottom");
    assert_eq!((change(200, 160), change(319, 120)), (0, 0), "nothing is meant there");
    // Of a photo that has fewer columns and rows.
    let small = RgbImage::from_pixel(12, 6, Rgb([100; 3]));
    let region = Region { left: 0, top: 0, width: 12, height: 6 };
    let small = carry_over(small, region, &seen, &translated, None);
    assert!(small[(11, 5)].0[0] > 150 && small[(0, 0)].0[0] == 100, "{small:?}");
}

#[test]
fn a_smaller_photo_keeps_its_size() {
    let changed = carried(&photo(9, 7), square(1, 0, 7), &grey(180));
    assert_eq!((changed.len(), changed[0].len()), (7, 9));
    assert_eq!((changed[3][4], changed[3][0], changed[3][8]), (80, 0, 0));
    let tiny = carried(&photo(1, 1), square(0, 0, 1), &grey(180));
    assert_eq!(tiny, [[80]]);
}

#[test]
fn opacity_stays_where_the_model_knows_none() {
    let clear = RgbaImage::from_fn(40, 40, |x, _| Rgba([100, 90, 80, (x * 6) as u8]));
    let region = square(0, 0, 40);
    let [seen, translated] = [100, 160].map(|level| DynamicImage::from(grey(level)));
    let changed = super::carry_over(clear.clone().into(), region, &seen, &translated, None);
    for (x, y, pixel) in changed.as_rgba8().unwrap().enumerate_pixels() {
        let alpha = clear[(x, y)].0[3];
        assert_eq!(pixel.0[3], alpha, "{x} {y}");
        // On any ground it is 60 levels brighter, as far as it can be.
        let expected = (100.0 + 60.0 * 255.0 / f32::from(alpha.max(1))).min(255.0);
        let expected = if alpha == 0 { 100.0 } else { expected };
        assert!((f32::from(pixel.0[0]) - expected).abs() <= 1.0, "{x} {y} {pixel:?}");
    }
    let levels = DynamicImage::new_luma8(SIZE, SIZE);
    let mut bright = levels.clone();
    bright.invert();
    let changed = super::carry_over(levels.clone(), square(0, 0, 16), &levels, &bright, None);
    assert_eq!(changed, bright, "a model of grey");
    let clear = RgbaImage::from_pixel(40, 40, Rgba([9, 9, 9, 200]));
    let changed = super::carry_over(clear.into(), region, &levels, &bright, None);
    assert!(changed.as_rgba8().unwrap().pixels().all(|pixel| pixel.0 == [255, 255, 255, 200]));
}

#[test]
fn what_becomes_opaque_has_the_colour_that_the_model_gives_it() {
    let disc = |side: u32, radius: f32| {
        RgbaImage::from_fn(side, side, |x, y| {
            let at = |x: u32| x as f32 + 0.5 - side as f32 / 2.0;
            // Green where nobody sees it.
            if at(x).hypot(at(y)) < radius * side as f32 {
                Rgba([220, 60, 20, 255])
            } else {
                Rgba([0, 255, 0, 0])
            }
        })
    };
    let photo = disc(160, 0.25);
    let [seen, translated] = [0.25, 0.45].map(|radius| DynamicImage::from(disc(SIZE, radius)));
    let changed =
        super::carry_over(photo.clone().into(), square(0, 0, 160), &seen, &translated, None);
    let changed = changed.as_rgba8().unwrap();
    for (x, y, pixel) in changed.enumerate_pixels().filter(|(.., pixel)| pixel.0[3] > 20) {
        let red = pixel.0[0].abs_diff(220) <= 12 && pixel.0[1].abs_diff(60) <= 12;
        assert!(red, "{x} {y}: {pixel:?}");
    }
    assert_eq!(changed[(80, 80 - 60)].0[3], 255, "it has grown");
    assert_eq!(changed[(2, 2)], photo[(2, 2)]);
    // What nobody sees before or after is no change.
    let of = |pixel| DynamicImage::from(RgbaImage::from_pixel(SIZE, SIZE, Rgba(pixel)));
    assert_eq!(least_meant(&of([0; 4]), &of([255, 255, 255, 0])), LEVELS[0]);
}
