//! Filters as Winograd's products take them: transformed, and laid out in panels.

use rayon::prelude::*;

use crate::product::LeftMatrix;
use crate::winograd::tiles::PLACES;

/// Rows of a panel of filters: as many as a product works on at once.
const PANEL: usize = 8;

/// `G g` along one side of a filter, for the other's three columns.
fn filter_side(g: [[f32; 3]; 3]) -> [[f32; 3]; 4] {
    let along = |f: fn([f32; 3]) -> f32| [0, 1, 2].map(|j| f([g[0][j], g[1][j], g[2][j]]));
    [
        along(|g| g[0]),
        along(|g| 0.5 * (g[0] + g[1] + g[2])),
        along(|g| 0.5 * (g[0] - g[1] + g[2])),
        along(|g| g[2]),
    ]
}

/// `G g G'`.
#[inline]
pub(super) fn filter(g: [[f32; 3]; 3]) -> [f32; PLACES] {
    let rows = filter_side(g);
    let mut places = [0.0; PLACES];
    for (places, [a, b, c]) in places.as_chunks_mut::<4>().0.iter_mut().zip(rows) {
        *places = [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
    }
    places
}

/// `G' u G`.
#[inline]
pub(super) fn unfilter(u: [f32; PLACES]) -> [f32; 9] {
    let side = |[a, b, c, d]: [f32; 4]| [a + 0.5 * (b + c), 0.5 * (b - c), 0.5 * (b + c) + d];
    let rows = [0, 1, 2, 3].map(|i| side([u[4 * i], u[4 * i + 1], u[4 * i + 2], u[4 * i + 3]]));
    let columns = [0, 1, 2].map(|j| side([rows[0][j], rows[1][j], rows[2][j], rows[3][j]]));
    std::array::from_fn(|i| columns[i % 3][i / 3])
}

/// Filters from some input channels to some output channels, transformed, in panels:
/// `[place][panel][input][row of the panel]`.
pub(super) struct Filters {
    pub inputs: usize,
    pub outputs: usize,
    panels: Vec<f32>,
}

impl Filters {
    pub fn new(
        inputs: usize,
        outputs: usize,
        filter_of: impl Fn(usize, usize) -> [f32; PLACES] + Sync,
    ) -> Self {
        let panel = inputs * PANEL;
        let count = outputs.div_ceil(PANEL);
        let mut panels = vec![0.0; PLACES * count * panel];
        // By panel first, since a filter's places are made together.
        let mut by_panel: Vec<Vec<&mut [f32]>> = (0..count).map(|_| Vec::new()).collect();
        for (i, part) in panels.chunks_exact_mut(panel).enumerate() {
            by_panel[i % count].push(part);
        }
        by_panel.par_iter_mut().enumerate().for_each(|(index, places)| {
            for row in 0..PANEL.min(outputs - index * PANEL) {
                for input in 0..inputs {
                    let filter = filter_of(input, index * PANEL + row);
                    for (place, value) in places.iter_mut().zip(filter) {
                        place[input * PANEL + row] = value;
                    }
                }
            }
        });
        Self { inputs, outputs, panels }
    }

    pub fn place(&self, place: usize) -> Place<'_> {
        let length = self.outputs.div_ceil(PANEL) * PANEL * self.inputs;
        Place { inputs: self.inputs, panels: &self.panels[place * length..][..length] }
    }
}

/// The filters of one place.
pub(super) struct Place<'a> {
    inputs: usize,
    panels: &'a [f32],
}

impl LeftMatrix for Place<'_> {
    fn panel<'a>(
        &'a self,
        row: usize,
        count: usize,
        (first, last): (usize, usize),
        width: usize,
        panel: &'a mut [f32],
    ) -> &'a [f32] {
        let source = &self.panels[row / PANEL * PANEL * self.inputs..][..PANEL * self.inputs];
        let source = source[first * PANEL..last * PANEL].as_chunks::<PANEL>().0;
        if width == PANEL {
            return source.as_flattened();
        }
        for (cells, source) in panel.chunks_exact_mut(width).zip(source) {
            let inside = row % PANEL;
            cells[..count].copy_from_slice(&source[inside..inside + count]);
            cells[count..].fill(0.0);
        }
        panel
    }
}

/// A filter in memory as a square.
#[inline]
pub(super) fn square(weight: &[f32], index: usize) -> [[f32; 3]; 3] {
    let g: &[f32] = &weight[9 * index..][..9];
    [[g[0], g[1], g[2]], [g[3], g[4], g[5]], [g[6], g[7], g[8]]]
}
