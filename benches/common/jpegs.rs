//! Files of CelebA's size.

use std::path::{Path, PathBuf};

/// Writes JPEGs of CelebA's size, the bundled faces enlarged, into two class folders of `folder`.
pub fn jpegs(folder: &Path) -> Vec<PathBuf> {
    const COUNT: usize = 64;
    let faces = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/train/images");
    let mut sources: Vec<PathBuf> = std::fs::read_dir(faces)
        .expect("the bundled faces")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    sources.sort();
    let write = |(index, source): (usize, &PathBuf)| {
        let class = folder.join(["even", "odd"][index % 2]);
        std::fs::create_dir_all(&class).expect("a writable folder");
        let file = class.join(format!("{index:03}.jpg"));
        let face = image::open(source).expect("a bundled face");
        let face = face.resize_exact(178, 218, image::imageops::FilterType::CatmullRom).into_rgb8();
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)
            .encode_image(&face)
            .expect("an encoded image");
        std::fs::write(&file, bytes).expect("a writable folder");
        file
    };
    sources.iter().take(COUNT).enumerate().map(write).collect()
}
