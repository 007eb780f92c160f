//! Indices as types, and where things are on the fabric.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// As an index into the table that this id belongs to.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// A tensor of a training graph.
    TensorId(u32)
);
id!(
    /// An op of a training graph.
    OpId(u32)
);
id!(
    /// A routing tag on the fabric: it selects the route of a wavelet and the task that it wakes.
    ColorId(u8)
);
id!(
    /// An input or output queue of a compute element.
    QueueId(u8)
);
id!(
    /// One of the microthreads of a compute element.
    MicrothreadId(u8)
);
id!(
    /// What a set of PEs does: an entry of `Program::roles`.
    RoleId(u16)
);
id!(
    /// A task of a role.
    TaskId(u8)
);
id!(
    /// A buffer in the SRAM of a role.
    BufferId(u8)
);

/// A PE's place on the fabric: `x` counts columns eastwards, `y` rows southwards, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coord {
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
}

impl fmt::Display for Coord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.x, self.y)
    }
}
