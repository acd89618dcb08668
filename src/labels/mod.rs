//! What labels mean: the label space of one dataset, edits of its labels, and the spaces of several
//! datasets with the condition vector that is made of them.

pub(crate) mod edit;
pub(crate) mod name;
pub(crate) mod probability;
pub(crate) mod space;
pub(crate) mod spaces;
