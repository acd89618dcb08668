//! `import`: a model file of checkpoints of the public PyTorch codes.

use std::path::{Path, PathBuf};

use stargan::burn::tensor::backend::Backend;
use stargan::nn::Head;
use stargan::{
    BackendKind, Crop, ImageSize, LabelSpace, LabelSpaces, Parts, PublicModel, PublicStyleModel,
    StyleTranslator, Transform, Translator,
};

use crate::backend::{self, on_backend};
use crate::crop::parse_crop;
use crate::data::{ATTRIBUTES, hair_of};
use crate::failure::{Failure, usage};
use crate::named::names;
use crate::output::{Output, OverwriteArg, check_different};
use crate::terminal::{result, tell};

/// Makes a model file of checkpoints of the public PyTorch code.
///
/// They are .ckpt, .pth, or safetensors with its keys. Channels, blocks, labels and image size are
/// told from the shapes; the labels' names are not in such files.
#[derive(clap::Args)]
pub struct Args {
    /// The generator's file
    #[arg(long, value_name = "G.ckpt", required_unless_present = "nets_ema")]
    generator: Option<PathBuf>,
    /// The discriminator's file; without it, the labels of images can't be predicted
    #[arg(long, value_name = "D.ckpt")]
    discriminator: Option<PathBuf>,
    /// Of StarGAN v2 the one file with generator, mapping network and style encoder, such as
    /// 100000_nets_ema.ckpt
    #[arg(
        long,
        value_name = "NETS.ckpt",
        conflicts_with_all = ["generator", "discriminator", "head", "size"]
    )]
    nets_ema: Option<PathBuf>,
    /// What the generator makes of its last features: an image, or an image and, as one more
    /// output, a mask
    #[arg(long, value_name = "NAME", value_parser = names(Head::ALL), default_value = "plain")]
    head: Head,
    /// The attributes, in the order they were trained in [default for 5 labels:
    /// Black_Hair,Blond_Hair,Brown_Hair,Male,Young]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    labels: Vec<String>,
    /// The classes, in the order they were trained in (alphabetical); with --labels too, the model
    /// is of both, the attributes first [default for StarGAN v2 with 3 domains: cat,dog,wild]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    classes: Vec<String>,
    /// Size of the images in pixels, a side or WIDTHxHEIGHT [default: what the discriminator says,
    /// or 128]
    #[arg(long, value_name = "PX|WxH")]
    size: Option<ImageSize>,
    /// Side of the centre square that is used of an image, in pixels, or "square" for the largest
    /// one, which is CelebA's 178 and RaFD's 256
    #[arg(long, value_name = "PX|square", value_parser = parse_crop, default_value = "square")]
    crop: Crop,
    /// The model file
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteArg,
    /// What the model is made on; the file is the same
    #[arg(long, value_name = "B", value_parser = backend::values(), default_value_t)]
    backend: BackendKind,
}

/// AFHQ's classes, which the public weights of StarGAN v2 are of.
const ANIMALS: [&str; 3] = ["cat", "dog", "wild"];

pub fn run(args: &Args) -> Result<(), Failure> {
    let out = ("--out", Some(&*args.out));
    for (flag, file) in [
        ("--generator", &args.generator),
        ("--discriminator", &args.discriminator),
        ("--nets-ema", &args.nets_ema),
    ] {
        check_different(&[(flag, file.as_deref()), out])?;
    }
    args.overwrite.existing().check(&args.out)?;
    match (&args.nets_ema, &args.generator) {
        (Some(nets), _) => import_styles(args, nets),
        (None, Some(generator)) => import(args, generator),
        (None, None) => usage("name the file to import: --generator or --nets-ema"),
    }
}

/// The first StarGAN's.
fn import(args: &Args, generator: &Path) -> Result<(), Failure> {
    let discriminator = args.discriminator.as_deref();
    let model = PublicModel::open_with_head(generator, discriminator, args.head)?;
    let width = model.generator().condition_width;
    let mut labels = args.labels.clone();
    if labels.is_empty() && args.classes.is_empty() {
        if width != ATTRIBUTES.len() {
            return usage(format!(
                "the model has {width} condition entries: name its labels, --labels A,B,... or \
                 --classes A,B,..."
            ));
        }
        labels = ATTRIBUTES.map(String::from).to_vec();
    }
    let mut spaces = Vec::new();
    if !labels.is_empty() {
        let hair = hair_of(&labels);
        let space = LabelSpace::attributes(labels);
        spaces.push(("attributes", if hair.len() > 1 { space.exclusive(hair)? } else { space }));
    }
    if !args.classes.is_empty() {
        spaces.push(("classes", LabelSpace::classes(&args.classes)));
    }
    let known = model.discriminator().map(|discriminator| discriminator.image_size);
    let size = args.size.or(known).unwrap_or(ImageSize::square(128));
    let transform = Transform::new(args.crop, size);
    let spaces = LabelSpaces::joint(spaces)?;
    let names: Vec<_> = spaces.iter().flat_map(LabelSpace::names).cloned().collect();
    let config = model.generator().clone();
    let output = Output::new(&args.out, args.overwrite.existing())?;
    let place = output.place();
    on_backend!(args.backend, B => save::<B>(model, spaces, transform, &place))?;
    output.finish()?;
    tell!(
        "{} channels, {} residual blocks, {} downsamplings, {size} pixels, labels {}",
        config.base_channels,
        config.residual_blocks,
        config.downsamplings,
        names.join(", ")
    );
    result!("{}", args.out.display());
    Ok(())
}

/// StarGAN v2's.
fn import_styles(args: &Args, nets: &Path) -> Result<(), Failure> {
    let model = PublicStyleModel::open(nets)?;
    let networks = model.networks().clone();
    let domains = match (&args.labels[..], &args.classes[..]) {
        ([], []) if networks.domains == ANIMALS.len() => LabelSpace::classes(ANIMALS),
        ([], []) => {
            return usage(format!(
                "the model has {} domains: name them in their order, --classes A,B,...",
                networks.domains
            ));
        }
        ([], classes) => LabelSpace::classes(classes),
        (labels, []) => LabelSpace::attributes(labels).exclusive(labels)?,
        _ => {
            return usage(
                "a StarGAN v2 has the domains of one dataset: give --classes or --labels, not both",
            );
        }
    };
    let names = domains.names().join(", ");
    let output = Output::new(&args.out, args.overwrite.existing())?;
    let place = output.place();
    on_backend!(args.backend, B => save_styles::<B>(model, domains, args.crop, &place))?;
    output.finish()?;
    tell!(
        "StarGAN v2: {} to {} channels, {} pixels, domains {names}",
        networks.base_channels,
        networks.most_channels,
        networks.size()
    );
    result!("{}", args.out.display());
    Ok(())
}

fn save_styles<B: Backend>(
    model: PublicStyleModel,
    domains: LabelSpace,
    crop: Crop,
    path: &Path,
) -> Result<(), Failure> {
    let translator = StyleTranslator::<B>::import(model, domains, crop, &Default::default())?;
    Ok(translator.save(path)?)
}

fn save<B: Backend>(
    model: PublicModel,
    spaces: LabelSpaces,
    transform: Transform,
    path: &Path,
) -> Result<(), Failure> {
    let translator = Translator::<B>::import(model, spaces, transform, &Default::default())?;
    Ok(translator.save(path, Parts::All)?)
}
