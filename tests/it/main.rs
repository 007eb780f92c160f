//! Integration tests, one binary.

mod spec;
mod spec_errors;
