//! Runs that begin with a trained model, of the same labels and of others.

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::engine::Recipe;
use stargan::nn::{Head, Upsampling};
use stargan::{
    CelebA, Dataset, LabelSpace, LabelSpaces, Observer, OutputSize, Parts, Result, Run, StarGan,
    Trainer, TrainingConfig, Translator,
};

use crate::training::setup::{BUNDLED, Cpu, StopAfter, face_labels, faces, one_at_a_time, tiny};

/// Stops before the first iteration.
struct StopAtOnce;

impl<B: AutodiffBackend> Observer<B> for StopAtOnce {
    fn started(&mut self, run: &Run<'_, B>) -> Result<()> {
        run.stop();
        Ok(())
    }
}

type Model = Translator<stargan::burn::backend::Flex>;

/// Without a mask.
fn plain(spaces: LabelSpaces) -> TrainingConfig<StarGan> {
    tiny(spaces).with_recipe(|recipe| recipe.with_head(Head::Plain))
}

/// A barely trained model.
fn model(folder: &std::path::Path) -> Model {
    let config = plain(LabelSpaces::single(face_labels()));
    let path = folder.join("first");
    let mut trainer = Trainer::<Cpu, StarGan>::new(path, config, &Default::default()).unwrap();
    trainer.run(&faces(), &mut StopAfter(4)).unwrap();
    trainer.translator().with_output_size(OutputSize::Model).unwrap()
}

fn begin(path: std::path::PathBuf, config: TrainingConfig<StarGan>) -> Trainer<Cpu, StarGan> {
    Trainer::new(path, config, &Default::default()).unwrap()
}

#[test]
fn a_run_of_the_same_labels_begins_where_the_model_is() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = model(folder);
    let config = plain(LabelSpaces::single(face_labels())).with_run(|run| run.with_seed(5));
    let mut trainer = begin(folder.join("second"), config);
    let taken = trainer.begin_from(&model).unwrap();
    assert_eq!((taken.weights, taken.fresh.len(), taken.new_labels.len()), (taken.of, 0, 0));
    assert_eq!(taken.weights as u64, trainer.config().recipe.num_params());
    assert_eq!(taken.known_labels.len(), face_labels().width());

    let face = faces().load(0).unwrap();
    let translated = model.translate(&face, "Blond_Hair,-Young").unwrap();
    let same = |trainer: &Trainer<Cpu, StarGan>| {
        let own = trainer.translator().with_output_size(OutputSize::Model).unwrap();
        assert_eq!(own.translate(&face, "Blond_Hair,-Young").unwrap(), translated);
    };
    same(&trainer);
    // A run that ends before its first iteration has not forgotten what it began with.
    trainer.run(&faces(), &mut StopAtOnce).unwrap();
    drop(trainer);
    let mut resumed =
        Trainer::<Cpu, StarGan>::resume(folder.join("second"), &Default::default()).unwrap();
    assert_eq!(resumed.iteration(), 0);
    same(&resumed);
    let changes = resumed.changes();
    assert!(changes[0].contains("weights is \"a model's ("), "{changes:?}");
    resumed.run(&faces(), &mut StopAfter(2)).unwrap();
    let error = resumed.begin_from(&model).unwrap_err().to_string();
    assert!(error.contains("this one has done 2"), "{error}");
}

#[test]
fn what_fits_is_taken_and_the_rest_is_fresh() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = model(folder);
    model.save(folder.join("generator.safetensors"), Parts::Generator).unwrap();

    // Labels in another order, one of them new, and images of another size.
    let labels = LabelSpace::attributes(["Young", "Eyeglasses", "Blond_Hair"]);
    let config = plain(LabelSpaces::single(labels.clone()));
    let large = config
        .clone()
        .with_recipe(|recipe| recipe.with_networks_of(model.config()).with_image_size(32));
    assert_eq!(large.recipe.generator.condition_width, 3);
    let mut trainer = begin(folder.join("large"), large);
    let taken = trainer.begin_from(&model).unwrap();
    assert_eq!(taken.known_labels, ["data:Young", "data:Blond_Hair"]);
    assert_eq!(taken.new_labels, ["data:Eyeglasses"]);
    assert!(taken.weights < taken.of && taken.weights > taken.of / 2, "{taken}");
    let data = CelebA::open(format!("{BUNDLED}/faces/train"), &labels).unwrap();
    trainer.run(&data, &mut StopAfter(2)).unwrap();

    // Of a generator alone, D is fresh.
    let alone = Model::open(folder.join("generator.safetensors"), &Default::default()).unwrap();
    let same = plain(LabelSpaces::single(face_labels()));
    let mut trainer = begin(folder.join("alone"), same.clone());
    let taken = trainer.begin_from(&alone).unwrap();
    assert!(taken.fresh.iter().all(|name| name.starts_with("discriminator.")), "{taken}");
    assert!(!taken.fresh.is_empty());

    // A resize-convolution has weights of other sizes; all else is the model's.
    let mut resized = same.clone();
    resized.recipe.generator.upsampling = Upsampling::Resize;
    let mut trainer = begin(folder.join("resized"), resized.clone());
    let taken = trainer.begin_from(&model).unwrap();
    let convolutions = ["generator.up.0.conv.weight", "generator.up.1.conv.weight"];
    assert_eq!(taken.fresh, convolutions);
    trainer.run(&faces(), &mut StopAfter(2)).unwrap();
    let like =
        same.clone().with_recipe(|recipe| recipe.with_networks_of(trainer.translator().config()));
    assert_eq!(like.recipe.generator, resized.recipe.generator);

    // A mask is fresh, and left out where the run has none; the image's outputs are the model's.
    let masked = same.clone().with_recipe(|recipe| recipe.with_head(Head::Mask));
    let mut trainer = begin(folder.join("masked"), masked);
    let taken = trainer.begin_from(&model).unwrap();
    assert!(taken.fresh.is_empty(), "{taken}");
    assert_eq!((taken.other_head, taken.of - taken.weights), (Some(Head::Plain), 4 * 7 * 7));
    assert!(taken.to_string().ends_with("; its head is plain: the mask is fresh"), "{taken}");
    trainer.run(&faces(), &mut StopAfter(2)).unwrap();
    let with_mask = trainer.translator();
    let mut trainer = begin(folder.join("unmasked"), same.clone());
    let taken = trainer.begin_from(&with_mask).unwrap();
    assert_eq!((taken.other_head, taken.weights), (Some(Head::Mask), taken.of));
    assert!(taken.to_string().ends_with("; its head has a mask, which is left out"), "{taken}");
    let like = same.clone().with_recipe(|recipe| recipe.with_networks_of(with_mask.config()));
    let mut trainer = begin(folder.join("again"), like);
    let taken = trainer.begin_from(&with_mask).unwrap();
    assert_eq!((taken.other_head, taken.weights), (None, taken.of));

    let wide = same.with_recipe(|recipe| recipe.with_base_channels(8));
    let mut trainer = begin(folder.join("wide"), wide);
    let error = trainer.begin_from(&model).unwrap_err().to_string();
    assert!(error.contains("nothing of the model fits"), "{error}");
}
