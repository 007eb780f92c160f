//! The command line of wafersim.
fn main() {}
