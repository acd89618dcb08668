//! CPython's `random.seed(int)` and `random.shuffle`, bit for bit.
//!
//! The public StarGAN code splits CelebA with them, so its test set can only be had this way.

const N: usize = 624;
const M: usize = 397;

/// MT19937 (Matsumoto and Nishimura, 1998), seeded as CPython 3 seeds it.
pub(super) struct PythonRandom {
    state: [u32; N],
    next: usize,
}

impl PythonRandom {
    /// `random.seed(seed)`.
    pub(super) fn new(seed: u32) -> Self {
        // CPython passes an integer's 32-bit digits to init_by_array; one digit is all that is
        // needed.
        let key = seed;
        let mut state = [0; N];
        state[0] = 19_650_218;
        for i in 1..N {
            state[i] = scramble(state[i - 1], 1_812_433_253).wrapping_add(i as u32);
        }
        let mut i = 1;
        for _ in 0..N {
            state[i] = (state[i] ^ scramble(state[i - 1], 1_664_525)).wrapping_add(key);
            i = advance(&mut state, i);
        }
        for _ in 0..N - 1 {
            state[i] = (state[i] ^ scramble(state[i - 1], 1_566_083_941)).wrapping_sub(i as u32);
            i = advance(&mut state, i);
        }
        state[0] = 0x8000_0000;
        Self { state, next: N }
    }

    /// `random.shuffle(items)`.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// `Random._randbelow_with_getrandbits(bound)`.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u32::try_from(bound).expect("a list of fewer than 2^32 items");
        let unused_bits = bound.leading_zeros();
        loop {
            let drawn = self.next_u32() >> unused_bits;
            if drawn < bound {
                return drawn as usize;
            }
        }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7FFF_FFFF);
            let odd = if y & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }
}

fn scramble(previous: u32, factor: u32) -> u32 {
    (previous ^ (previous >> 30)).wrapping_mul(factor)
}

fn advance(state: &mut [u32; N], i: usize) -> usize {
    if i + 1 == N {
        state[0] = state[N - 1];
        1
    } else {
        i + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `random.seed(1234); items = list(range(n)); random.shuffle(items)`, in CPython 3.
    fn shuffled(n: usize) -> Vec<usize> {
        let mut items: Vec<_> = (0..n).collect();
        PythonRandom::new(1234).shuffle(&mut items);
        items
    }

    #[test]
    fn shuffles_as_cpython_does() {
        assert_eq!(shuffled(10), [2, 8, 3, 5, 6, 4, 9, 0, 1, 7]);
        let beginning = [360, 355, 197, 313, 277, 683, 242, 2651, 2026, 1180];
        assert_eq!(shuffled(3000)[..10], beginning);
    }

    #[test]
    fn shuffles_the_whole_of_celeba_as_cpython_does() {
        let items = shuffled(202_599);
        assert_eq!(items[..5], [28_135, 25_599, 120_848, 63_577, 83_305]);
        assert_eq!(items[1_998..2_000], [11_164, 62_129]);
    }

    #[test]
    fn nothing_to_shuffle_is_no_trouble() {
        assert!(shuffled(0).is_empty());
        assert_eq!(shuffled(1), [0]);
    }
}
