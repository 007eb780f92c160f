//! Integration tests, one binary.

mod sparsity;
