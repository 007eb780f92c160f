//! The kernels multiply: with values, every tile of C is the tile of A times the tile of B.

use super::{Format, Matrix, Shape, program};
use crate::dtype::Dtype;
use crate::exec::Sram;
use crate::fabric::{run, run_with};
use crate::ids::Coord;
use crate::program::Place;
use crate::spec::wafer::WaferSpec;
use crate::spec::{ArchSpec, load_arch};

const SHAPE: Shape = Shape { width: 3, height: 2, n: 13, k: 20, m: 8, percent: 30 };

fn machine() -> WaferSpec {
    match load_arch("cs2-simfabric", &[]).map(|arch| arch.spec) {
        Ok(ArchSpec::Wafer(machine)) => machine,
        _ => panic!("cs2-simfabric is a wafer"),
    }
}

/// A value for a place, small and whole so that sums are exact.
fn value(place: usize) -> f64 {
    (place * 7 % 13) as f64 - 6.0
}

/// What a tile stores, by name of the buffer, and its dense product with a tile of B.
fn stored(format: Format, tile: &[Vec<u32>], b: &[f64]) -> (Vec<(&'static str, Vec<f64>)>, Vec<f64>) {
    let (columns, m) = (SHAPE.columns() as usize, SHAPE.m as usize);
    let dense = |row: usize, column: usize| {
        let held = format == Format::Gemm || tile[row].contains(&(column as u32));
        if held { value(row * columns + column) } else { 0.0 }
    };
    let mut c = vec![0.0; tile.len() * m];
    for row in 0..tile.len() {
        for column in 0..columns {
            for j in 0..m {
                c[row * m + j] += dense(row, column) * b[column * m + j];
            }
        }
    }
    let mut entries: Vec<(usize, usize)> = tile
        .iter()
        .enumerate()
        .flat_map(|(row, columns)| columns.iter().map(move |&column| (row, column as usize)))
        .collect();
    if format == Format::Csc {
        entries.sort_by_key(|&(row, column)| (column, row));
    }
    let of = |pick: fn(&(usize, usize)) -> usize| entries.iter().map(|e| pick(e) as f64).collect::<Vec<_>>();
    let values = entries.iter().map(|&(row, column)| dense(row, column)).collect();
    let buffers = match format {
        Format::Coo => vec![("a", values), ("x", of(|e| e.1)), ("y", of(|e| e.0))],
        Format::Csr => vec![("a", values), ("index", of(|e| e.1))],
        Format::Csc => vec![("a", values), ("index", of(|e| e.0))],
        Format::Ell => {
            let tiles = Matrix::draw(SHAPE.n, SHAPE.k, SHAPE.percent).tiles(SHAPE.width, SHAPE.height);
            let longest = tiles.iter().flatten().map(Vec::len).max().unwrap();
            let (mut a, mut index) = (Vec::new(), Vec::new());
            for (row, columns) in tile.iter().enumerate() {
                for n in 0..longest {
                    let column = columns.get(n).copied();
                    a.push(column.map_or(0.0, |column| dense(row, column as usize)));
                    index.push(f64::from(column.unwrap_or(0)));
                }
            }
            vec![("a", a), ("index", index)]
        }
        Format::Gemm => {
            vec![("a", (0..tile.len() * columns).map(|at| dense(at / columns, at % columns)).collect())]
        }
    };
    (buffers, c)
}

#[test]
fn every_format_multiplies_its_tiles() {
    let machine = machine();
    let tiles = Matrix::draw(SHAPE.n, SHAPE.k, SHAPE.percent).tiles(SHAPE.width, SHAPE.height);
    for format in [Format::Coo, Format::Csr, Format::Csc, Format::Ell, Format::Gemm] {
        let program = program(format, &SHAPE);
        let mut sram = Sram::new(&program);
        let b: Vec<f64> = (0..SHAPE.columns() * SHAPE.m).map(|at| value(3 * at as usize + 1)).collect();
        let mut products = Vec::new();
        for (pe, tile) in tiles.iter().enumerate() {
            let (buffers, c) = stored(format, tile, &b);
            buffers.iter().for_each(|(name, values)| sram.load(pe, name, values));
            sram.load(pe, "b", &b);
            products.push(c);
        }
        let timed = run(&program, &machine, 1 << 20).unwrap();
        let valued = run_with(&program, &machine, &mut sram, 1 << 20, false).unwrap();
        assert_eq!(timed.finish, valued.finish, "values do not change the time");
        for (pe, c) in products.iter().enumerate() {
            let found: Vec<f64> = sram.read(pe, "c").iter().map(|&v| f64::from(v)).collect();
            assert_eq!(found, *c, "{}, PE {}", format.name(), program.coord(pe));
        }
    }
}

#[test]
fn a_non_zero_costs_its_loop_and_an_element_a_cycle_of_the_banks() {
    let machine = machine();
    let overhead = &machine.pe.overhead;
    let mut shape = SHAPE;
    let finish = |shape: &Shape| run(&program(Format::Csr, shape), &machine, 1 << 20).unwrap().finish[0].0;
    let tile = &Matrix::draw(shape.n, shape.k, shape.percent).tiles(shape.width, shape.height)[0];
    let entries = tile.iter().map(Vec::len).sum::<usize>() as u64;
    let outer = u64::from(overhead.loop_cycles + 43) * u64::from(shape.rows());
    let each = u64::from(overhead.loop_cycles + overhead.dispatch_cycles + 2 + 21);
    for m in [8, 68, 260] {
        shape.m = m;
        let elements = (f64::from(m) * machine.pe.bank_overlap_factor).ceil() as u64;
        assert_eq!(finish(&shape), outer + entries * (each + elements), "m = {m}");
    }
}

#[test]
fn alignment_decides_whether_operands_meet() {
    let mut machine = machine();
    machine.pe.bank_overlap_factor = 1.25;
    let mut program = program(Format::Gemm, &Shape { m: 1, n: 1000, k: 1, width: 1, height: 1, ..SHAPE });
    let of_bank = |bank: u8, program: &mut crate::program::Program| {
        let role = &mut program.roles[0];
        role.buffers.iter_mut().for_each(|buffer| buffer.place = Place::Bank(0));
        role.buffers[2].place = Place::Bank(bank);
        assert_eq!(role.buffers[2].dtype, Dtype::Fp32);
        run(program, &machine, 1 << 20).unwrap().finish[program.pe_index(Coord { x: 0, y: 0 })].0
    };
    let [same, one, two, three, four] = [0, 1, 2, 3, 4].map(|bank| of_bank(bank, &mut program));
    assert_eq!((same - two, one - two, three, four), (1000, 250, one, same));
}
