//! Small data in the place of what nobody has in a test, or takes long to measure: a clone with
//! part of its data, CelebA, RaFD, the public checkpoints.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use image::imageops::FilterType;

use crate::program::{EXPRESSIONS, FACES, ROOT, STARGAN, few_expressions, names, of_few};

/// The attributes of CelebA, in its order.
const ATTRIBUTES: &str = "\
    5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose \
    Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses \
    Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache \
    Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks \
    Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick \
    Wearing_Necklace Wearing_Necktie Young";

/// What a fresh clone has, as links: whoever writes there by a relative path writes elsewhere. The
/// data for tests are those of ten people.
pub fn clone(folder: &Path) {
    const PEOPLE: usize = 10;
    let link = |name: &str| {
        let to = folder.join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        symlink(Path::new(ROOT).join(name), to).expect("a link");
    };
    let examples = names(Path::new(ROOT).join("examples")).into_iter();
    let examples: Vec<_> = examples.filter(|name| name != "data").collect();
    examples.iter().for_each(|name| link(&format!("examples/{name}")));
    for name in ["docs", "Cargo.toml", "README.md"] {
        link(name);
    }
    for data in ["faces", "expressions"] {
        link(&format!("examples/data/{data}/train"));
    }
    few_expressions(&folder.join("examples/data/expressions/test"));
    let test = folder.join("examples/data/faces/test");
    fs::create_dir_all(test.join("images")).expect("a folder");
    let (count, list) = of_few("list_attr.txt", 2, PEOPLE);
    for line in list.lines().skip(1) {
        let image = format!("images/{}", line.split_whitespace().next().expect("a name"));
        fs::copy(format!("{FACES}/test/{image}"), test.join(image)).expect("a copy");
    }
    fs::write(test.join("list_attr.txt"), format!("{count}\n{list}")).expect("a file");
    fs::write(test.join("pairs.csv"), of_few("pairs.csv", 1, PEOPLE).1).expect("a file");
}

/// CelebA's files for 64 people: 178 x 218 JPEGs, `list_attr_celeba.txt` with 40 attributes in its
/// columns, and
/// `list_eval_partition.txt` with 48 images for training, 8 for validation and 8 for testing.
pub fn celeba(folder: &Path) {
    const PEOPLE: usize = 64;
    fs::create_dir_all(folder.join("img_align_celeba")).expect("a folder");
    let list = fs::read_to_string(format!("{FACES}/train/list_attr.txt")).expect("the faces' list");
    let mut lines = list.lines().skip(1);
    let known: Vec<_> = lines.next().expect("names").split_whitespace().collect();
    let names: Vec<_> = ATTRIBUTES.split_whitespace().collect();
    assert_eq!(names.len(), 40);
    let mut attributes = format!("{PEOPLE}\n{} \n", names.join(" "));
    let mut partition = String::new();
    for (number, line) in lines.take(PEOPLE).enumerate() {
        let fields: Vec<_> = line.split_whitespace().collect();
        let value =
            |name: &&str| known.iter().position(|known| known == name).map(|i| fields[i + 1]);
        let values = names.iter().map(|name| format!(" {:>2}", value(name).unwrap_or("-1")));
        let name = format!("{:06}.jpg", number + 1);
        attributes += &format!("{name}{}\n", values.collect::<String>());
        partition += &format!("{name} {}\n", number.saturating_sub(40) / 8);
        let face = image::open(format!("{FACES}/train/images/{}", fields[0])).expect("a face");
        let face = face.resize_exact(178, 218, FilterType::Triangle).to_rgb8();
        face.save(folder.join("img_align_celeba").join(name)).expect("a JPEG");
    }
    let write = |name: &str, text| fs::write(folder.join(name), text).expect("a file");
    write("list_attr_celeba.txt", attributes);
    write("list_eval_partition.txt", partition);
}

/// Cropped images under RaFD's names, of people 1 to 20, the expressions that the drawings have.
pub fn rafd(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    for expression in ["angry", "happy", "neutral", "sad", "surprised"] {
        let drawings = fs::read_dir(format!("{EXPRESSIONS}/train/{expression}")).expect("drawings");
        for (person, drawing) in (1..=20).zip(drawings) {
            let drawing = image::open(drawing.expect("an entry").path()).expect("a drawing");
            let name = format!("Rafd090_{person:02}_Caucasian_female_{expression}_frontal.jpg");
            drawing.to_rgb8().save(folder.join(name)).expect("a JPEG");
        }
    }
}

/// Networks of the public code's kind with five labels, under the names of its checkpoints. What is
/// in a file is told from its content; `interop.rs` imports files that PyTorch has written.
pub fn public_checkpoints(clone: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let program = |line: &str| {
        let output = Command::new(STARGAN)
            .args(line.split_whitespace())
            .current_dir(clone)
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    program(
        "train --preset paper --data celeba:celeba/img_align_celeba:celeba/list_attr_celeba.txt \
         --batch 4 --base-channels 4 --residual-blocks 1 --iterations 1 --out public",
    );
    program(
        "export --model public --out-generator G.safetensors --out-discriminator D.safetensors",
    );
    for network in ["G", "D"] {
        let from = clone.join(format!("{network}.safetensors"));
        fs::rename(from, folder.join(format!("200000-{network}.ckpt"))).expect("a file");
    }
}
