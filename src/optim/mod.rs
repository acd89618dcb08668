//! Optimisation: Adam, the learning-rate schedule, the moving average of weights, their order.

pub(crate) mod adam;
pub(crate) mod average;
pub(crate) mod schedule;
