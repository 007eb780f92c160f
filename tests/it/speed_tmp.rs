use std::sync::Arc;
use wafersim::fabric::run;
use wafersim::lower::kernel::matmul::{Feed, Form, program, timing_streams};
use crate::support::{machine, shape};
#[test]
fn speed() {
    for (density, name) in [(1.0, "dense"), (0.3, "70")] {
        let mut s = shape(755, 1, 28, 0, 0);
        for x in 0..755u64 { s.inner[x as usize] = ((x+1)*4096/755 - x*4096/755) as u32; s.owned[x as usize] = 1 + (x % 2) as u32; }
        let rows: u32 = s.owned.iter().sum();
        let mut state = 12345u64;
        let mut counts = vec![0u16; rows as usize*755];
        for r in 0..rows as usize { for x in 0..755 { for _ in 0..s.inner[x] { state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); if ((state>>33) as f64) / 2147483648.0 < density { counts[r*755+x]+=1; } } } }
        let counts: Arc<[u16]> = counts.into();
        for (form, f) in [(Form::Reduce(Feed::Edge(timing_streams(&counts, 755))),"reduce"), (Form::Gradient(timing_streams(&counts, 755)),"gradient")] {
            let p = program(&s, &form);
            let t = std::time::Instant::now();
            let o = run(&p, &machine(), 1<<40).unwrap();
            let dt = t.elapsed().as_secs_f64();
            println!("{name} {f} rows {rows} cycles {} per row {:.1} {:.2}s ns/(col,row) {:.0} PEcycles/s {:.0}M {:?}", o.counters.cycles, o.counters.cycles.0 as f64/rows as f64, dt, dt*1e9/(rows as f64*755.0), o.counters.cycles.0 as f64*755.0/dt/1e6, o.counters.activity.0.map(|a| a as f64/(755.0*o.counters.cycles.0 as f64)));
        }
    }
}
