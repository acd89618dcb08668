//! Every objective trains: its terms stay finite and G learns to be read as it is told.

use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{
    Iteration, LabelSpaces, Objective, Observer, Penalty, Result, Run, StarGan, Trainer,
};

use crate::training::setup::{Cpu, face_labels, faces, one_at_a_time, tiny_of};

/// The domain loss of G at its updates.
#[derive(Default)]
struct DomainLoss(Vec<f32>);

impl<B: AutodiffBackend> Observer<B> for DomainLoss {
    fn iteration(&mut self, _: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        for (name, value) in iteration.losses() {
            assert!(value.is_finite(), "{name} at iteration {}: {value}", iteration.number);
            if name.ends_with("g/domain") {
                self.0.push(*value);
            }
        }
        Ok(())
    }
}

#[test]
fn every_objective_and_penalty_trains() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let faces = faces();
    let objectives = Objective::ALL.map(|objective| (objective, objective.usual_penalty()));
    let penalties = Penalty::ALL.map(|penalty| (Objective::Vanilla, penalty));
    let plain = objectives.into_iter().chain(penalties).map(|pair| (pair, false));
    let normalised = [(Objective::Wasserstein, Penalty::None), (Objective::Hinge, Penalty::WganGp)];
    for ((objective, penalty), spectral_norm) in plain.chain(normalised.map(|pair| (pair, true))) {
        // A normalised discriminator learns more slowly, and hardly at the higher rate.
        let (iterations, rate) = if spectral_norm { (300, 1e-3) } else { (150, 2e-3) };
        let mut config = tiny_of(StarGan::paper(LabelSpaces::single(face_labels())))
            .with_recipe(|recipe| recipe.with_objective(objective).with_penalty(penalty))
            .with_run(|run| run.with_batch_size(8).with_iterations(iterations))
            .with_run(|run| run.with_learning_rate(rate));
        config.recipe.discriminator.spectral_norm = spectral_norm;
        let run = folder.path().join(format!("{objective:?}-{penalty:?}-{spectral_norm}"));
        if run.exists() {
            continue;
        }
        let mut trainer = Trainer::<Cpu, StarGan>::new(run, config, &Default::default()).unwrap();
        let mut loss = DomainLoss::default();
        trainer.run(&faces, &mut loss).unwrap();
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        let (first, last) = (mean(&loss.0[..25]), mean(&loss.0[loss.0.len() - 25..]));
        println!("{objective:?} {penalty:?}: domain loss of G {first:.2}, at the end {last:.2}");
        assert!(last < 0.8 * first, "{objective:?} {penalty:?}: {first} to {last}");
    }
}
