//! The layers of Inception-v3 (Szegedy et al., 2016, arXiv:1512.00567) as the FID takes its
//! features from it: the network of 2015, under the names that its weights have in the public file.
//!
//! It is torchvision's but for four things: poolings leave the border out of their averages, the
//! last block takes the largest value instead, there are no auxiliary outputs, and the 1008 classes
//! are not asked for.

/// A part of the network.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// A convolution, batch norm and ReLU, under a name, to so many channels.
    Convolution { name: String, outputs: usize, window: Window },
    /// The largest of 3x3 pixels, whose sides are about halved.
    HalvingMaximum,
    /// The largest of 3x3 pixels, size kept.
    Maximum,
    /// The mean of those of 3x3 pixels that lie in the image, size kept.
    Mean,
    /// Branches of the same input, whose channels are put together in this order.
    Branches(Vec<Vec<Step>>),
}

/// The shape of a convolution: height and width of the kernel, stride, rows and columns of zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: usize,
    pub padding: [usize; 2],
}

/// Channels of an image.
pub(super) const CHANNELS: usize = 3;

/// The whole network, but for the mean over the last pixels.
pub(super) fn network() -> Vec<Step> {
    vec![
        valid("Conv2d_1a_3x3", 32, 2),
        valid("Conv2d_2a_3x3", 32, 1),
        same("Conv2d_2b_3x3", 64, [3, 3]),
        Step::HalvingMaximum,
        same("Conv2d_3b_1x1", 80, [1, 1]),
        valid("Conv2d_4a_3x3", 192, 1),
        Step::HalvingMaximum,
        a("Mixed_5b", 32),
        a("Mixed_5c", 64),
        a("Mixed_5d", 64),
        b("Mixed_6a"),
        c("Mixed_6b", 128),
        c("Mixed_6c", 160),
        c("Mixed_6d", 160),
        c("Mixed_6e", 192),
        d("Mixed_7a"),
        e("Mixed_7b", Step::Mean),
        e("Mixed_7c", Step::Maximum),
    ]
}

/// Size kept.
fn same(name: &str, outputs: usize, kernel: [usize; 2]) -> Step {
    let window = Window { kernel, stride: 1, padding: kernel.map(|side| side / 2) };
    Step::Convolution { name: name.to_owned(), outputs, window }
}

/// 3x3, where it lies in the image.
fn valid(name: &str, outputs: usize, stride: usize) -> Step {
    let window = Window { kernel: [3, 3], stride, padding: [0, 0] };
    Step::Convolution { name: name.to_owned(), outputs, window }
}

/// Convolutions one after the other that keep the size, each with the end of its name.
fn chain(of: &str, convolutions: &[(&str, usize, [usize; 2])]) -> Vec<Step> {
    let step = |&(end, outputs, kernel): &(&str, usize, [usize; 2])| {
        same(&format!("{of}{end}"), outputs, kernel)
    };
    convolutions.iter().map(step).collect()
}

/// A pooling, then a convolution of single pixels.
fn pooled(of: &str, pooling: Step, outputs: usize) -> Vec<Step> {
    vec![pooling, same(&format!("{of}.branch_pool"), outputs, [1, 1])]
}

fn a(of: &str, pooled_outputs: usize) -> Step {
    let triple = [("_1", 64, [1, 1]), ("_2", 96, [3, 3]), ("_3", 96, [3, 3])];
    Step::Branches(vec![
        chain(of, &[(".branch1x1", 64, [1, 1])]),
        chain(&format!("{of}.branch5x5"), &[("_1", 48, [1, 1]), ("_2", 64, [5, 5])]),
        chain(&format!("{of}.branch3x3dbl"), &triple),
        pooled(of, Step::Mean, pooled_outputs),
    ])
}

fn b(of: &str) -> Step {
    let branch = format!("{of}.branch3x3dbl");
    let mut double = chain(&branch, &[("_1", 64, [1, 1]), ("_2", 96, [3, 3])]);
    double.push(valid(&format!("{branch}_3"), 96, 2));
    Step::Branches(vec![
        vec![valid(&format!("{of}.branch3x3"), 384, 2)],
        double,
        vec![Step::HalvingMaximum],
    ])
}

fn c(of: &str, between: usize) -> Step {
    let single = [("_1", between, [1, 1]), ("_2", between, [1, 7]), ("_3", 192, [7, 1])];
    let double = [
        ("_1", between, [1, 1]),
        ("_2", between, [7, 1]),
        ("_3", between, [1, 7]),
        ("_4", between, [7, 1]),
        ("_5", 192, [1, 7]),
    ];
    Step::Branches(vec![
        chain(of, &[(".branch1x1", 192, [1, 1])]),
        chain(&format!("{of}.branch7x7"), &single),
        chain(&format!("{of}.branch7x7dbl"), &double),
        pooled(of, Step::Mean, 192),
    ])
}

fn d(of: &str) -> Step {
    let mut single = chain(&format!("{of}.branch3x3"), &[("_1", 192, [1, 1])]);
    single.push(valid(&format!("{of}.branch3x3_2"), 320, 2));
    let branch = format!("{of}.branch7x7x3");
    let mut long = chain(&branch, &[("_1", 192, [1, 1]), ("_2", 192, [1, 7]), ("_3", 192, [7, 1])]);
    long.push(valid(&format!("{branch}_4"), 192, 2));
    Step::Branches(vec![single, long, vec![Step::HalvingMaximum]])
}

fn e(of: &str, pooling: Step) -> Step {
    let split = |of: &str, ends: [&str; 2]| {
        let halves = [[1, 3], [3, 1]].into_iter().zip(ends);
        let half = |(kernel, end): ([usize; 2], &str)| chain(of, &[(end, 384, kernel)]);
        Step::Branches(halves.map(half).collect())
    };
    let branch = format!("{of}.branch3x3");
    let mut single = chain(&branch, &[("_1", 384, [1, 1])]);
    single.push(split(&branch, ["_2a", "_2b"]));
    let branch = format!("{of}.branch3x3dbl");
    let mut double = chain(&branch, &[("_1", 448, [1, 1]), ("_2", 384, [3, 3])]);
    double.push(split(&branch, ["_3a", "_3b"]));
    Step::Branches(vec![
        chain(of, &[(".branch1x1", 320, [1, 1])]),
        single,
        double,
        pooled(of, pooling, 192),
    ])
}
