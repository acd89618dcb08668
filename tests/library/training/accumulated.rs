//! A batch in parts leads to the update that it leads to as a whole.

use stargan::nn::Head;
use stargan::{CsvLog, Dataset, LabelSpaces, Penalty, Pix2Pix, StarGan, Trainer, TrainingConfig};

use crate::training::one_update::{compare, one_iteration, still};
use crate::training::setup::{Cpu, colours, one_at_a_time};

#[test]
fn parts_of_a_batch_lead_to_the_update_of_the_whole() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let run = |parts: usize, head: Head| {
        let config = still(LabelSpaces::single(data.labels().clone()))
            .with_recipe(|recipe| recipe.with_head(head))
            .with_run(|run| run.with_accumulate(parts));
        let run = folder.path().join(format!("{parts} {head:?}"));
        let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap();
        trainer.run(&data, &mut CsvLog::every(1)).unwrap();
        run
    };
    for (head, in_parts) in [(Head::Plain, vec![2, 4]), (Head::Mask, vec![2])] {
        let whole = one_iteration(&run(1, head));
        for parts in in_parts {
            compare(&run(parts, head), &whole, &format!("{parts} parts, {head:?}"));
        }
    }
}

#[test]
fn what_needs_the_whole_batch_refuses_parts() {
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let in_parts = still(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_accumulate(2))
        .with_recipe(|recipe| recipe.with_penalty(Penalty::Dragan));
    let error = in_parts.check().unwrap_err().to_string();
    assert!(error.contains("no part of one has: choose another penalty"), "{error}");
    let paired = TrainingConfig::new(Pix2Pix::new(["a", "b"]))
        .with_run(|run| run.with_batch_size(2).with_accumulate(2));
    let error = paired.check().unwrap_err().to_string();
    assert!(error.contains("pix2pix takes its batches whole: accumulate must be 1"), "{error}");
}
