//! Integration tests: one binary, a module an area.

mod report;
mod support;
