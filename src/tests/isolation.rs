//! Which parameters each loss moves: the two networks' losses, and the datasets' logits.

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use crate::labels::space::LabelKind;
use crate::nn::discriminator::Discriminator;
use crate::nn::generator::Generator;
use crate::nn::weights;
use crate::recipes::losses::OptionalTerm;
use crate::recipes::objective::Objective;
use crate::recipes::penalty::{Penalty, PenaltyDraw};
use crate::recipes::stargan::batch::Label;
use crate::recipes::stargan::batch::StepBatch;
use crate::recipes::stargan::step::{discriminator_losses, generator_losses};
use crate::recipes::stargan::weights::{IdentityWarmup, LossWeights};
use crate::tests::fixture::Fixture;
use crate::tests::fixture::Networks;
use crate::tests::gradients;
use crate::tests::on_every_backend;

on_every_backend!(each_loss_moves_its_own_network_only, other_datasets_logits_learn_nothing);

struct Case<B: AutodiffBackend> {
    generator: Generator<B>,
    discriminator: Discriminator<B>,
    sample: StepBatch<B::InnerBackend>,
}

/// The first dataset's batch of the joint fixture: 5 attributes, then 4 classes.
fn joint<B: AutodiffBackend>() -> Case<B> {
    let (networks, mut fixture) = Fixture::open::<Networks>("step_joint");
    let label = |fixture: &mut Fixture, which: &str| Label {
        label: fixture.tensor(&format!("0.{which}")),
        condition: fixture.tensor(&format!("0.{which}_condition")),
    };
    Case {
        generator: fixture.generator(&networks),
        discriminator: fixture.discriminator(&networks),
        sample: StepBatch {
            kind: LabelKind::Attributes,
            logits: 0..5,
            real: fixture.tensor("0.real"),
            source: label(&mut fixture, "source"),
            target: label(&mut fixture, "target"),
            draw: PenaltyDraw {
                mixing: fixture.tensor::<_, 1>("0.alpha").reshape([4, 1, 1, 1]),
                noise: None,
            },
        },
    }
}

fn each_loss_moves_its_own_network_only<B: AutodiffBackend>() {
    let Case { generator, discriminator, sample } = joint::<B>();
    let (objective, penalty) = (Objective::Wasserstein, Penalty::WganGp);
    let with_fake_domain = LossWeights { fake_domain: 0.3, ..LossWeights::default() };

    let tracked = sample.tracked_fake(&generator);
    let fake = tracked.clone().inner();
    let term = OptionalTerm::Computed;
    let losses = discriminator_losses(&discriminator, fake, &sample, objective, penalty, term);
    let loss = losses.total(&with_fake_domain).backward();
    let moved = gradients(&discriminator, &loss, "");
    assert!(moved.keys().eq(weights::collect(&discriminator, "").keys()), "all of D is trained");
    assert_eq!(gradients(&generator, &loss, "").len(), 0, "D's loss reaches G");

    let with_identity =
        LossWeights { identity: Some(IdentityWarmup::default()), ..LossWeights::default() };
    let losses = generator_losses(
        &discriminator,
        &generator,
        tracked,
        &sample,
        objective,
        OptionalTerm::Computed,
    );
    let loss = losses.total(&with_identity).backward();
    let moved = gradients(&generator, &loss, "");
    assert!(moved.keys().eq(weights::collect(&generator, "").keys()), "all of G is trained");
    assert_eq!(gradients(&discriminator, &loss, "").len(), 0, "G's loss reaches D");
}

fn other_datasets_logits_learn_nothing<B: AutodiffBackend>() {
    let Case { generator, discriminator, mut sample } = joint::<B>();
    let classes = TensorData::new([0.0_f32, 1.0, 0.0, 0.0].repeat(4), [4, 4]);
    for (kind, logits) in [(LabelKind::Attributes, 0..5), (LabelKind::Classes, 5..9)] {
        sample.kind = kind;
        sample.logits = logits.clone();
        if kind == LabelKind::Classes {
            sample.source.label = Tensor::from_data(classes.clone(), &Default::default());
        }
        let losses = discriminator_losses(
            &discriminator,
            sample.fake(&generator.valid()),
            &sample,
            Objective::Wasserstein,
            Penalty::WganGp,
            OptionalTerm::Computed,
        );
        let weights = LossWeights { fake_domain: 0.3, ..LossWeights::default() };
        let loss = losses.total(&weights).backward();
        let head = gradients(&discriminator, &loss, "").remove(".domain.weight").unwrap();
        let head: Vec<f32> = head.iter().collect();
        for (logit, row) in head.chunks_exact(head.len() / 9).enumerate() {
            let moves = row.iter().any(|&value| value != 0.0);
            assert_eq!(moves, logits.contains(&logit), "logit {logit} of {kind:?} {logits:?}");
        }
    }
}
