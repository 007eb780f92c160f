//! Records and reports: the sums hold, files parse back, nothing depends on friendly input.

use wafersim::record::RunRecord;

use crate::support::records::{dense_7b, llama_7b, tiny};

#[test]
fn synthetic_records_are_consistent() {
    for record in [llama_7b(), dense_7b(), tiny()] {
        assert_eq!(record.validate_sums(), Vec::<String>::new(), "{}", record.name);
    }
}
