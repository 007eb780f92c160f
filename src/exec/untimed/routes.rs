//! Routers without time: a wavelet goes its whole way at once, unless a switch on it points elsewhere.

use std::collections::{BTreeMap, VecDeque};

use crate::program::{ColorRoute, Port, Program, Wavelet, neighbour};

/// No queue, no neighbour.
const NOWHERE: u32 = u32::MAX;

/// Where a wavelet leaves the routers.
pub(super) enum Exit {
    /// Into an input queue, by its place among the role's.
    Queue(usize),
    /// Over the edge.
    Edge(Port),
}

/// Routes of all PEs, the positions that hold, and who waits for another one.
pub(super) struct Routes<'p> {
    program: &'p Program,
    /// By routing table: route of each color.
    tables: Vec<Vec<Option<&'p ColorRoute>>>,
    /// By role: place of the input queue of each color, [`NOWHERE`] if there is none.
    queues: Vec<Vec<u32>>,
    /// By PE: neighbours in the order of ports, [`NOWHERE`] over the edge.
    neighbours: Vec<[u32; 4]>,
    /// Position of each color of each PE that is not in its first one.
    positions: BTreeMap<(usize, u8), usize>,
    waiting: BTreeMap<(usize, u8, Port), VecDeque<Wavelet>>,
    /// Ways that are still to be gone: PE, color, side, word.
    open: Vec<(usize, u8, Port, Wavelet)>,
}

impl<'p> Routes<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        let table = |routes: &'p Vec<ColorRoute>| {
            let mut of_color = vec![None; usize::from(u8::MAX) + 1];
            routes.iter().for_each(|route| of_color[route.color.index()] = Some(route));
            of_color
        };
        let queue = |role: &crate::program::Role| {
            let mut of_color = vec![NOWHERE; usize::from(u8::MAX) + 1];
            for (place, binding) in role.inputs.iter().enumerate() {
                of_color[binding.color.index()] = place as u32;
            }
            of_color
        };
        let links = [Port::North, Port::East, Port::South, Port::West];
        let next = |pe| links.map(|port| neighbour(program, pe, port).map_or(NOWHERE, |next| next as u32));
        Self {
            program,
            tables: program.routes.iter().map(table).collect(),
            queues: program.roles.iter().map(queue).collect(),
            neighbours: (0..program.pe_count()).map(next).collect(),
            positions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            open: Vec::new(),
        }
    }

    /// A word comes to a router from one side; `exit` hears of every copy that leaves the routers.
    pub(super) fn enter(
        &mut self,
        pe: usize,
        color: u8,
        port: Port,
        word: Wavelet,
        exit: &mut impl FnMut(usize, Exit, Wavelet),
    ) {
        let mut first = Some((pe, color, port, word));
        while let Some((pe, color, port, word)) = first.take().or_else(|| self.open.pop()) {
            let Some(route) = self.route(pe, color) else { continue };
            let switched = route.positions.len() > 1;
            let position = if switched { self.positions.get(&(pe, color)).copied().unwrap_or(0) } else { 0 };
            let position = route.positions[position];
            if switched && (position.from != port || self.waiting.contains_key(&(pe, color, port))) {
                self.waiting.entry((pe, color, port)).or_default().push_back(word);
                continue;
            }
            for to in position.to.iter() {
                if to == Port::Ramp {
                    let queue = self.queues[self.program.role_of[pe].index()][usize::from(color)];
                    if queue != NOWHERE {
                        exit(pe, Exit::Queue(queue as usize), word);
                    }
                    continue;
                }
                match self.neighbours[pe][to as usize] {
                    NOWHERE => exit(pe, Exit::Edge(to), word),
                    next => self.open.push((next as usize, color, to.opposite(), word)),
                }
            }
        }
    }

    fn route(&self, pe: usize, color: u8) -> Option<&'p ColorRoute> {
        self.tables[usize::from(self.program.route_of[pe])][usize::from(color)]
    }

    /// Put a color's route into its next position, if it has one; what has waited for that, in order.
    pub(super) fn advance(&mut self, pe: usize, color: u8) -> Option<(Port, VecDeque<Wavelet>)> {
        let route = self.route(pe, color)?;
        let position = self.positions.entry((pe, color)).or_insert(0);
        *position = (*position + 1).min(route.positions.len() - 1);
        let from = route.positions[*position].from;
        Some((from, self.waiting.remove(&(pe, color, from))?))
    }

    /// Routers that hold words, and how many of which color.
    pub(super) fn left(&self) -> impl Iterator<Item = (usize, String)> {
        self.waiting.iter().map(|((pe, color, port), words)| {
            (
                *pe,
                format!(
                    "{} wavelets of color {color} from {port:?} that the router cannot forward",
                    words.len()
                ),
            )
        })
    }
}
