//! Two datasets through the one training loop.

use stargan::burn::backend::Flex;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{
    CelebA, Crop, Dataset, Datasets, DomainLabel, Folder, Grid, GridImage, Iteration, LabelSpaces,
    LossWeights, Observer, OutputSize, Parts, Result, Run, StarGan, Trainer, TrainingConfig,
    Translator,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, expressions, face_labels, faces, one_at_a_time, tiny,
};

/// The names of the loss terms of every iteration.
#[derive(Default)]
struct Terms(Vec<Vec<String>>);

impl<B: AutodiffBackend> Observer<B> for Terms {
    fn iteration(&mut self, _: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        assert!(iteration.losses().iter().all(|(_, value)| value.is_finite()));
        self.0.push(iteration.losses().iter().map(|(name, _)| name.clone()).collect());
        Ok(())
    }
}

fn joint(faces: &CelebA, expressions: &Folder) -> (Datasets, LabelSpaces) {
    let spaces = [("faces", face_labels()), ("expressions", expressions.labels().clone())];
    (Datasets::from(faces).with(expressions), LabelSpaces::joint(spaces).unwrap())
}

#[test]
fn faces_and_expressions_train_together_and_resume_exactly() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (faces, expressions) = (faces().with_crop(Crop::Centre(178)), expressions());
    let (data, domains) = joint(&faces, &expressions);
    let config = tiny(domains).with_run(|run| run.with_iterations(5));
    let device = Default::default();

    let mut whole =
        Trainer::<Cpu, StarGan>::new(folder.path().join("whole"), config.clone(), &device).unwrap();
    let mut terms = Terms::default();
    let finished = whole.run(&data, &mut terms).unwrap();
    // Every dataset in turn has its D step, and its G step when due.
    let d = ["real", "fake", "domain", "fake-domain", "penalty"].map(|term| format!("d/{term}"));
    let g = ["fake", "domain", "reconstruction", "identity"].map(|term| format!("g/{term}"));
    for (iteration, found) in (1..).zip(terms.0) {
        let due = iteration % 2 == 0;
        let expected: Vec<String> = ["faces", "expressions"]
            .iter()
            .flat_map(|set| {
                let terms = d.iter().chain(g.iter().filter(move |_| due));
                terms.map(move |term| format!("{set}/{term}"))
            })
            .collect();
        assert_eq!(found, expected, "iteration {iteration}");
    }

    let run = folder.path().join("run");
    let mut first = Trainer::<Cpu, StarGan>::new(&run, config, &device).unwrap();
    first.run(&data, &mut StopAfter(3)).unwrap();
    drop(first);
    let mut second = Trainer::<Cpu, StarGan>::resume(&run, &device).unwrap();
    let swapped = Datasets::from(&expressions).with(&faces);
    assert!(second.run(&swapped, &mut ()).is_err());
    let resumed = second.run(&data, &mut ()).unwrap();
    assert!(Content::of(checkpoint_of(&finished)) == Content::of(checkpoint_of(&resumed)));

    // At test time any label of either dataset applies to any image.
    let open = |path: &std::path::Path| {
        let translator = Translator::<Flex>::open(path, &device).unwrap();
        translator.with_output_size(OutputSize::Model).unwrap()
    };
    let translator = open(&run);
    assert_eq!(translator.config().transform.crop, Crop::Square, "the datasets' crops differ");
    let face = faces.load(0).unwrap();
    let happy = translator.translate(&face, "happy").unwrap();
    let label = DomainLabel { dataset: 1, label: vec![0.0, 1.0, 0.0, 0.0, 0.0] };
    assert_eq!(translator.translate_to(&face, &label).unwrap(), happy);
    assert_ne!(translator.translate(&face, "sad").unwrap(), happy);
    let happy_of_face = happy.clone();
    let error = translator.translate_from(&face, "Male", "happy").unwrap_err().to_string();
    assert!(
        error.contains("the source label is of faces, the edit only of expressions"),
        "{error}"
    );
    // Edits of two datasets are made one after the other, in the order in which they are named.
    let blond = translator.translate(&face, "Blond_Hair,-Young").unwrap();
    let chained = translator.translate(&blond, "happy").unwrap();
    let edit = "Blond_Hair,expressions:happy,-Young";
    assert_eq!(translator.translate(&face, edit).unwrap(), chained);
    // A source label is its dataset's, wherever that comes in the chain.
    let chained = translator.translate_from(&happy, "Black_Hair,Male", "Brown_Hair").unwrap();
    let edit = "happy,Brown_Hair";
    assert_eq!(translator.translate_from(&face, "Black_Hair,Male", edit).unwrap(), chained);

    // Without D a chain needs a source for each part that keeps something of it.
    let small = folder.path().join("small.safetensors");
    translator.save(&small, Parts::Generator).unwrap();
    let small = open(&small);
    let both = small.translate_from(&face, "Black_Hair,sad", "Brown_Hair,happy=0.5");
    assert_eq!(both.unwrap().width(), 16);
    assert_eq!(small.translate(&face, "happy").unwrap(), happy_of_face);
    let error = small.translate(&face, "happy,Male").unwrap_err().to_string();
    assert!(error.contains("of every dataset that the edit concerns"), "{error}");

    // The condition itself: a swapped mask is another translation.
    let domains = translator.spaces();
    let right = domains.condition(1, &label.label);
    let mut wrong = right.clone();
    wrong[domains.label_width()..].rotate_left(1);
    let translated = translator.translate_conditions(&face, &[right, wrong]).unwrap();
    assert_eq!(translated[0], happy_of_face);
    assert_ne!(translated[1], happy_of_face);

    let known = DomainLabel { dataset: 0, label: faces.label(0).to_vec() };
    let image = GridImage { image: faces.load_cropped(0, 16.into()).unwrap(), label: Some(known) };
    let grid = Grid::of_targets(&translator, &[image]).unwrap();
    assert_eq!(grid.columns.len(), 1 + 5 + 5);
    assert_eq!(grid.image.dimensions(), (11 * 16, 16));
}

#[test]
fn a_dataset_can_have_loss_weights_of_its_own() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let (data, domains) = joint(&faces(), &expressions());
    let config = tiny(domains).with_run(|run| run.with_iterations(2));
    let weights = config.recipe.weights.clone();
    let trained = |name: &str, config: TrainingConfig<StarGan>| {
        let mut trainer =
            Trainer::<Cpu, StarGan>::new(folder.path().join(name), config, &Default::default())
                .unwrap();
        Content::of(checkpoint_of(&trainer.run(&data, &mut ()).unwrap())).tensors
    };
    let plain = trained("plain", config.clone());
    let weighing = |dataset: &str, weights: &LossWeights| {
        config.clone().with_recipe(|recipe| recipe.with_weights_of(dataset, weights.clone()))
    };
    let same = weighing("expressions", &weights);
    assert!(trained("same", same) == plain);
    let heavier = LossWeights { domain: 3.0, ..weights };
    let faces_only = weighing("faces", &heavier);
    let domain = |dataset| faces_only.recipe.weights_of(dataset).domain;
    assert_eq!([domain(0), domain(1)], [3.0, 1.0]);
    let first = trained("first", faces_only.clone());
    let second = trained("second", weighing("expressions", &heavier));
    assert!(first != plain && second != plain && first != second);
}
