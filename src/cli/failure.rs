//! Why the program ends with something else than success.

use wafersim::error::Faults;
use wafersim::run::RunError;

/// Why the program ends with something else than success.
pub(crate) enum Failure {
    /// The user can mend it: exit status 2.
    Refused(String),
    /// It ran, but not everything holds, or the machine failed it: exit status 1.
    Failed(String),
}

impl Failure {
    /// More systems than the machine allows, or none.
    pub(crate) fn systems(asked: u32, most: u32) -> Self {
        Self::Refused(format!(
            "error: `--systems {asked}`: legal are 1 to {most} (`cluster.most_systems` of the machine)"
        ))
    }

    /// Everything must hold: a record's own arithmetic, with a sentence for each sum that does not, and the values, with
    /// what was found of them.
    pub(crate) fn unless(mut broken: Vec<String>, verified: bool, verdict: &str) -> Result<(), Self> {
        if !verified {
            broken.push(format!("values are not verified: {verdict}"));
        }
        if broken.is_empty() {
            Ok(())
        } else {
            Err(Self::Failed(format!("error: {}", broken.join("\nerror: "))))
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Refused(faults.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Plan(_) | RunError::Masks(_) => Self::Refused(format!("error: {error}")),
            RunError::Simulate(_) | RunError::Verify(_) => Self::Failed(format!("error: {error}")),
        }
    }
}
