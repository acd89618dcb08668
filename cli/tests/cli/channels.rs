//! `--channels`: models of grey images and of such with opacity, from training to measuring.

use std::fs;

use image::{GenericImageView, Rgba, RgbaImage};

use crate::program::{
    TINY, faces, fails, few_faces, folder, grid_of, side, stargan, succeeds, text,
};

#[test]
fn models_of_any_channels_go_all_the_way() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    let (train, test) = (faces("train"), few_faces(folder, 10));
    let photo = RgbaImage::from_fn(90, 80, |x, y| Rgba([x as u8, y as u8, 90, (2 * x) as u8]));
    photo.save(at("photo.png")).unwrap();
    for (channels, said, colour) in [
        (1, "channels           1 (grey)\n", image::ColorType::L8),
        (4, "channels           4 (RGB and opacity)\n", image::ColorType::Rgba8),
    ] {
        let run = format!("run{channels}");
        let line = format!(
            "--data {train} {TINY} --channels {channels} --test-data {test} \
             --pairs few.csv --iterations 2 --out {run}"
        );
        succeeds("train", folder, &line);
        let config = fs::read_to_string(at(&run).join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        for network in ["generator", "discriminator"] {
            assert_eq!(config["settings"][network]["image_channels"], channels);
        }
        assert_eq!(side(at(&run).join("samples/00000002.png")), grid_of(6, 8));
        assert!(succeeds("inspect", folder, &run).contains(said));
        let resumed = format!("--resume --out {run} --iterations 4");
        fails("train", folder, &format!("{resumed} --channels 3"), 2, "--channels can't change");
        succeeds("train", folder, &resumed);
        let from =
            format!("--data {train} --iterations 1 --batch 4 --from {run} --out {run}-again");
        succeeds("train", folder, &from);
        assert!(succeeds("inspect", folder, &format!("{run}-again")).contains(said));

        let line = format!("--overwrite --model {run} --edit Male photo.png --out");
        succeeds("translate", folder, &format!("{line} own.png"));
        let own = image::open(at("own.png")).unwrap();
        assert_eq!((own.dimensions(), own.color()), ((90, 80), image::ColorType::Rgba8));
        succeeds("translate", folder, &format!("{line} model.png --size model"));
        let seen = image::open(at("model.png")).unwrap();
        assert_eq!((seen.dimensions(), seen.color()), ((16, 16), colour));
        succeeds("translate", folder, &format!("{line} own.jpg"));
        assert_eq!(side(at("own.jpg")), (90, 80));
        succeeds("translate", folder, &format!("{line} moving.gif --animate 3"));
        succeeds("inspect", folder, &format!("{run} --photo photo.png --overwrite"));
        let judged = format!("--model {run} --data {test} --train-data {train}");
        let told = succeeds("evaluate", folder, &format!("{judged} --judge-iterations 2"));
        assert!(told.contains("judge's error"), "{told}");
        let line = format!("--model {run} --out-generator G{channels}.safetensors");
        succeeds("export --format pytorch", folder, &line);
        let line = format!(
            "--generator G{channels}.safetensors --head mask --labels a,b,c,d,e --size 16 \
             --out back{channels}"
        );
        succeeds("import", folder, &line);
        assert!(succeeds("inspect", folder, &format!("back{channels}")).contains(said));
        // A generator alone has no discriminator to say what the other takes.
        let from = format!("--data {train} --iterations 1 --batch 4 --from back{channels}");
        succeeds("train", folder, &format!("{from} --out alone{channels}"));
    }
    let judge = format!(
        "--model run1 --data {test} --train-data {train} --judge-iterations 2 --judge j.safetensors"
    );
    succeeds("evaluate", folder, &judge);
    let other = judge.replace("run1", "run4");
    fails("evaluate", folder, &other, 1, "takes images of 1 channels, the model makes those of 4");
    let said = stargan("train", folder, &format!("--data {train} --channels 2 --out none"));
    assert!(text(&said.stderr).contains("expected 1 (grey), 3 (RGB) or 4"), "{said:?}");
}
