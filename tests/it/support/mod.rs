//! What several integration tests share.

pub(crate) mod records;
pub(crate) mod xml;
