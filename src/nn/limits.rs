//! What no network may be: checks of a configuration before any memory is taken for it.

use crate::data::size::ImageSize;
use crate::error::{Error, Result};

/// The most channels of a layer.
const MOST_CHANNELS: usize = 1 << 16;

/// The most parameters of a network: beyond them are hundreds of GiB, which is a slip, not a plan.
const MOST_PARAMETERS: u64 = 1 << 36;

/// The most values that a layer may take and make of one image: 2 GiB of them, which 64 channels
/// reach at 2048 pixels. A forward pass holds some times as much.
const MOST_VALUES: u128 = 1 << 29;

/// The most halvings whose parameters are worth counting: more have over 2^64 of them.
pub(crate) const MOST_HALVINGS: usize = 31;

/// `channels * 2^times`. [`usize::MAX`] stands for more.
pub(crate) fn doubled(channels: usize, times: usize) -> usize {
    let factor = u32::try_from(times).ok().and_then(|times| 2usize.checked_pow(times));
    channels.saturating_mul(factor.unwrap_or(usize::MAX))
}

/// Refuses a setting that is 0.
///
/// # Errors
/// [`Error::Config`] naming the first.
pub(crate) fn check_positive(network: &str, settings: &[(&str, usize)]) -> Result<()> {
    match settings.iter().find(|(_, value)| *value == 0) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("the {network}'s {name} is 0; it must be at least 1");
            Err(Error::Config(message))
        }
    }
}

/// Refuses `base_channels` that are too many after `doublings`.
///
/// # Errors
/// [`Error::Config`], saying what to lower.
pub(crate) fn check_width(network: &str, base_channels: usize, doublings: usize) -> Result<()> {
    if doubled(base_channels, doublings) > MOST_CHANNELS {
        return Err(Error::Config(format!(
            "the {network} would be more than {MOST_CHANNELS} channels wide ({base_channels} \
             doubled {doublings} times); lower base_channels or downsamplings"
        )));
    }
    Ok(())
}

/// Refuses a width that no layer has.
///
/// # Errors
/// [`Error::Config`] naming it.
pub(crate) fn check_channels(name: &str, width: usize) -> Result<()> {
    if width <= MOST_CHANNELS {
        return Ok(());
    }
    Err(Error::Config(format!("{name} is {width}; it must be at most {MOST_CHANNELS}")))
}

/// Refuses a network of too many parameters.
///
/// # Errors
/// [`Error::Config`], saying what to lower.
pub(crate) fn check_feasible(network: &str, params: u64) -> Result<()> {
    if params > MOST_PARAMETERS {
        return Err(Error::Config(format!(
            "the {network} would have more than 68 billion parameters; lower its channels, blocks \
             or labels"
        )));
    }
    Ok(())
}

/// Refuses images of which the largest layer would have `values` at a time.
///
/// # Errors
/// [`Error::Config`], saying what to lower.
pub(crate) fn check_memory(network: &str, size: ImageSize, values: u128) -> Result<()> {
    if values > MOST_VALUES {
        let ImageSize { width, height } = size;
        let pixels = match size.is_square() {
            true => format!("{width} pixels a side"),
            false => format!("{width} x {height} pixels"),
        };
        return Err(Error::Config(format!(
            "one image of {pixels} would take the {network} more than {} GiB of memory \
             for one layer; lower the image size or its channels",
            MOST_VALUES >> 28
        )));
    }
    Ok(())
}

/// Refuses image sides that are 0 or that `downsamplings` halvings do not divide.
///
/// # Errors
/// [`Error::Config`], saying what sizes would do.
pub(crate) fn check_divisible(
    network: &str,
    sides: [usize; 2],
    downsamplings: usize,
) -> Result<()> {
    let factor = doubled(1, downsamplings);
    for side in sides {
        if side == 0 || side % factor != 0 {
            let below = side / factor * factor;
            let fitting = match (below, below.checked_add(factor)) {
                (0, _) => factor.to_string(),
                (below, Some(above)) => format!("{below} or {above}"),
                (below, None) => below.to_string(),
            };
            return Err(Error::Config(format!(
                "an image side of {side} pixels is not divisible by {factor}, which the \
                 {network}'s {downsamplings} downsamplings need; use {fitting} pixels, or fewer \
                 downsamplings"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_never_overflows() {
        assert_eq!(doubled(3, 4), 48);
        assert_eq!(doubled(1, usize::BITS as usize - 1), 1 << (usize::BITS - 1));
        for (channels, times) in [(1, usize::BITS as usize), (2, usize::MAX), (usize::MAX, 1)] {
            assert_eq!(doubled(channels, times), usize::MAX, "{channels} {times}");
        }
        assert_eq!(doubled(0, usize::MAX), 0);
    }

    #[test]
    fn sizes_that_would_do_are_named() {
        let refused = |side, halvings| check_divisible("x", [side; 2], halvings).unwrap_err();
        for (side, halvings, expected) in [
            (
                15,
                2,
                "not divisible by 4, which the x's 2 downsamplings need; use 12 or 16 pixels, ",
            ),
            (100, 6, "use 64 or 128 pixels, or fewer downsamplings"),
            (3, 2, "use 4 pixels, or fewer downsamplings"),
            (0, 2, "use 4 pixels, or fewer downsamplings"),
        ] {
            let error = refused(side, halvings).to_string();
            assert!(error.contains(expected), "{side} {halvings}: {error}");
        }
        check_divisible("x", [12, 16], 2).unwrap();
    }
}
