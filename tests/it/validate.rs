//! The machine model against published measurements, and what a table must look like.

use wafersim::record::ValidationRow;
use wafersim::spec::{ArchSpec, load_arch};
use wafersim::validate::{Status, built_in, committed_errors, folder, read, validate};

fn machine(name: &str) -> Result<ArchSpec, String> {
    load_arch(name, &[]).map(|arch| arch.spec).map_err(|_| format!("`{name}` is no machine"))
}

#[test]
fn measured_kernels_come_out_as_published() {
    let mut groups = built_in().unwrap();
    // Steps of whole models take minutes: `wafersim validate` runs them.
    groups.retain(|(name, _)| name != "scaling" && name != "training");
    let rows: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    let report = validate(&groups, machine);
    assert_eq!(report.rows.len(), rows, "every row has a line");
    for (name, mean, worst) in
        [("pe", 0.03, 0.08), ("fabric", 0.03, 0.08), ("collectives", 0.04, 0.10), ("spmm", 0.10, 0.25)]
    {
        let group = report.groups.iter().find(|group| group.name == name).unwrap();
        assert!(group.mean_error <= mean, "{name}: {}", report.text());
        for row in report.rows.iter().filter(|row| row.group == name) {
            let fits = row.error.map(|error| error.abs() <= worst);
            assert!(fits == Some(true), "{}: {}", row.id, report.text());
        }
    }
    // What reports say of the models is what was found, but for the tables that are not run here.
    let committed = committed_errors();
    let names: Vec<&str> = committed.iter().map(|errors| errors.table.as_str()).collect();
    let all: Vec<String> = built_in().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, all, "run `wafersim validate` and copy its errors.csv to arch/model-errors.csv");
    let run = |errors: &ValidationRow| groups.iter().any(|(name, _)| *name == errors.table);
    let committed: Vec<ValidationRow> = committed.into_iter().filter(run).collect();
    assert_eq!(report.errors(), committed, "run `wafersim validate` and copy its errors.csv");
}

#[test]
fn what_cannot_be_run_says_why_and_counts_as_failed() {
    let header = "id,kernel,arch,params,metric,value,unit,evidence,source\n";
    let lines = "a,levitate,cs3,,cycles,1,cycles,measured,x\nb,point_to_point,cs9,,cycles_per_wavelet,1,cycles,measured,x\n";
    let rows = read("odd.csv", &format!("{header}{lines}")).unwrap();
    let report = validate(&[("odd".to_owned(), rows)], machine);
    let reason = |n: usize| match &report.rows[n].status {
        Status::Failed(reason) => reason.clone(),
        Status::Run => panic!("row {n} was run"),
    };
    assert_eq!(reason(0), "no kernel for `levitate`");
    assert_eq!(reason(1), "no machine: `cs9` is no machine");
    assert_eq!(report.groups[0].failed, 2);
    assert_eq!(report.above(1.0), ["error: odd: 2 rows were not run"]);
}

#[test]
fn all_faults_of_a_table_are_named() {
    let text = "id,kernel,arch,params,metric,value,unit,evidence,source\n\
                a,k,cs3,n,cycles,1,cycles,measured,x\n\
                b,k,cs3,n=1,cycles,many,cycles,measured,x\n";
    let faults: Vec<String> = read("t.csv", text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2);
    assert!(faults[0].contains("params of `a`: `n` is not key=value"), "{}", faults[0]);
    assert!(faults[1].contains("t.csv") && faults[1].contains("line: 3"), "{}", faults[1]);
    assert!(folder(std::path::Path::new("no such folder")).is_err());
}

/// What validation says of rows `kernel;params` of a CS-2.
fn outcomes(lines: &[(&str, &str)]) -> Vec<Result<f64, String>> {
    let mut text = String::from("id,kernel,arch,params,metric,value,unit,evidence,source\n");
    for (n, (kernel, params)) in lines.iter().enumerate() {
        text.push_str(&format!("{n},{kernel},cs2,{params},cycles,1,cycles,none,none\n"));
    }
    let report = validate(&[("t".to_owned(), read("t.csv", &text).unwrap())], machine);
    let outcome = |row: &wafersim::validate::Outcome| match &row.status {
        Status::Run => Ok(row.simulated.unwrap()),
        Status::Failed(reason) => Err(reason.clone()),
    };
    report.rows.iter().map(outcome).collect()
}

#[test]
fn parameters_that_do_not_fit_are_refused_in_words() {
    let hostile = [
        ("reduce_row", "pes=0;elements=8;scheme=chain", "whole numbers from 1 to 750"),
        ("reduce_row", "pes=751;elements=8;scheme=chain", "columns of the machine"),
        ("reduce_row", "pes=4294967296;elements=8;scheme=star", "`pes` = `4294967296`"),
        ("reduce_row", "pes=8;elements=4000000000;scheme=chain", "SRAM of a PE"),
        ("reduce_row", "pes=8;elements=8;scheme=two_phase;step=65536", "PEs of the row"),
        ("reduce_row", "pes=8;elements=8;scheme=two_phase", "`step` is missing"),
        ("reduce_row", "pes=24;elements=8;scheme=tree", "powers of two"),
        ("reduce_row", "pes=8;elements=8;scheme=magic", "legal: chain, two_phase, star, tree"),
        ("reduce_row", "pes=8;bytes=6;scheme=chain", "multiples of 4"),
        ("reduce_row", "pes=8;elements=8;dtype=f8", "legal: f16, bf16, f32"),
        ("all_reduce", "pes=-1;elements=8", "`pes` = `-1`"),
        ("all_reduce", "pes=8;elements=12287;scheme=ring", "of SRAM"),
        ("all_reduce", "pes=8;elements=8;scheme=tree", "legal: ring, reduce_broadcast"),
        ("broadcast_2d", "width=8;height=995;elements=8", "rows of the machine"),
        ("broadcast_2d", "width=8;elements=8", "`height` is missing"),
        ("reduce_2d", "width=750;height=994;elements=4096", "too many to simulate"),
        ("multicast_row", "bytes=1;receivers=4", "multiples of 4"),
        ("shared_link", "sources=9", "input queues of a PE"),
        ("relay_chain", "stages=99999;words=4", "columns of the machine"),
        ("gemv_mesh", "k=16384", "`n` is missing"),
        ("gemv_mesh", "k=16384;n=16384;m=2", "`m` = `2`"),
        ("gemv_mesh", "k=16384;n=16384;p=10", "a tile of 1639 x 1639"),
        ("gemv_mesh", "k=4000000000;n=8", "sides of matrices"),
        ("gemv_mesh", "k=64;n=64;p=8;group=9", "PEs of a column"),
        ("gemm", "m=64;k=64;n=64", "`p` is missing"),
        ("gemm", "m=65535;k=65535;n=65535;p=750", "too many to simulate"),
        ("gemm", "m=60000;k=1;n=60000;p=10", "a tile of 6000 x 6000"),
        ("spmm_dw", "tokens=64;features=64;outputs=64;sparsity=1;p=4", "a share from 0 to below 1"),
        ("spmm_dw", "tokens=64;features=64;outputs=64;sparsity=NaN;p=4", "a share from 0 to below 1"),
        ("pe_gemv", "n=64;m=65535", "a tile of 65535 x 64"),
    ];
    let lines: Vec<(&str, &str)> = hostile.iter().map(|&(kernel, params, _)| (kernel, params)).collect();
    for ((kernel, params, wanted), outcome) in hostile.iter().zip(outcomes(&lines)) {
        let reason = outcome.expect_err(params);
        assert!(reason.contains(wanted), "{kernel} {params}: {reason}");
    }
}

/// A machine on which the tiny model runs in a moment.
fn small(name: &str) -> Result<ArchSpec, String> {
    let mut machine = machine(name)?;
    if let ArchSpec::Wafer(machine) = &mut machine {
        (machine.fabric.width_pes, machine.fabric.height_pes) = (32, 16);
    }
    Ok(machine)
}

/// Rows of training steps, on models that are small.
#[test]
fn a_row_of_a_training_step_is_the_step_that_it_describes() {
    let header = "id,kernel,arch,params,metric,value,unit,evidence,source\n";
    let line = |params: &str, metric: &str| format!("a,training_step,cs3,{params},{metric},1,,measured,x\n");
    let gpt3 = "model=gpt3;layers=1;hidden=64;heads=4;vocab=96;batch=4;seq=16?";
    let text = [
        header.to_owned(),
        line("model=llama2-tiny;batch=4;seq=16", "samples_per_s"),
        line("model=llama2-tiny;batch=4;seq=16;precision=16bit", "tokens_per_s"),
        line("model=llama2-tiny;batch=4;seq=16;sparsity=0.9", "samples_per_s"),
        line(gpt3, "step_seconds"),
        line(&format!("{gpt3};ffn=512"), "step_seconds"),
        line("model=llama2-tiny;batch=4", "joules"),
        line("model=llama3-tiny;batch=4", "samples_per_s"),
        line("batch=4", "samples_per_s"),
        line("model=llama2-tiny;batch=none", "samples_per_s"),
    ];
    let report = validate(&[("t".to_owned(), read("t.csv", &text.concat()).unwrap())], small);
    let found: Vec<f64> = report.rows.iter().filter_map(|row| row.simulated).collect();
    assert_eq!(found.len(), 5, "{}", report.text());
    assert!((found[1] / found[0] / 16.0 - 1.0).abs() < 1e-9, "16 tokens a sample");
    assert!(found[2] > found[0], "zeros are skipped");
    assert!(found[4] > found[3], "a wider feed-forward layer takes longer");
    let reasons =
        ["no metric `joules`", "no workload preset `llama3-tiny`", "`model` is missing", "batch_sequences"];
    for (row, wanted) in report.rows[5..].iter().zip(reasons) {
        assert!(matches!(&row.status, Status::Failed(reason) if reason.contains(wanted)), "{row:?}");
    }
}

/// The row of many systems, on a model that is small.
#[test]
fn a_row_of_many_systems_is_a_step() {
    let header = "id,kernel,arch,params,metric,value,unit,evidence,source\n";
    let line = |params: &str, metric: &str| format!("a,scaling,cs3,{params},{metric},1,,measured,x\n");
    let text = [
        header.to_owned(),
        line("model=llama2-tiny;systems=1", "efficiency"),
        line("model=llama2-tiny;systems=16", "efficiency"),
        line("model=llama2-tiny;systems=4096", "efficiency"),
        line("model=llama2-huge;systems=16", "efficiency"),
        line("model=llama2-tiny;systems=16", "cycles"),
    ];
    let report = validate(&[("t".to_owned(), read("t.csv", &text.concat()).unwrap())], small);
    let found: Vec<Option<f64>> = report.rows.iter().map(|row| row.simulated).collect();
    assert_eq!(found[0], Some(1.0));
    assert!(found[1].is_some_and(|share| share > 0.1 && share < 1.0), "{found:?}");
    let reasons = [
        "1 to 2048 (systems of a cluster)",
        "there is no workload preset `llama2-huge`",
        "no metric `cycles`",
    ];
    for (row, wanted) in report.rows[2..].iter().zip(reasons) {
        assert!(matches!(&row.status, Status::Failed(reason) if reason.contains(wanted)), "{row:?}");
    }
}

#[test]
fn rows_of_gpus_are_refused_in_words_too() {
    let header = "id,kernel,arch,params,metric,value,unit,evidence,source\n";
    let hostile = [
        ("gpu_gemm", "m=1;n=1;k=0;dtype=bf16", "time", "us", "sides of matrices"),
        ("gpu_gemm", "m=16777216;n=16777216;k=16777216", "time", "us", "multiply-adds are too many"),
        ("gpu_gemm", "m=1;n=1;k=1", "cycles", "us", "no metric `cycles`; legal: time"),
        ("gpu_gemm", "m=1;n=1;k=1", "time", "fortnight", "no unit of time `fortnight`"),
        ("gpu_stream", "pattern=backwards", "bandwidth", "GB/s", "`pattern` = `backwards`"),
        ("gpu_launch", "mode=soon", "latency", "us", "legal: stream, graph"),
        (
            "gpu_spmm_speedup",
            "library=magic;sparsity=0.5;n=8",
            "speedup_over_dense",
            "ratio",
            "`library` = `magic`",
        ),
        (
            "gpu_spmm_speedup",
            "library=sputnik;sparsity=1;n=8",
            "speedup_over_dense",
            "ratio",
            "a share from 0",
        ),
        ("gpu_spmm_speedup", "library=sputnik;sparsity=0;n=8..x", "speedup_over_dense", "ratio", "`n` = `x`"),
        ("gpu_training_step", "model=gpt5;gpus=8", "tokens_per_s_per_gpu", "tokens/s", "`model` = `gpt5`"),
        ("gpu_training_step", "model=llama2-7b;gpus=0", "tokens_per_s_per_gpu", "tokens/s", "`gpus` = `0`"),
        (
            "gpu_training_step",
            "model=llama2-7b;gpus=8;recompute=twice",
            "tokens_per_s_per_gpu",
            "tokens/s",
            "legal: none",
        ),
        ("point_to_point", "", "cycles_per_wavelet", "cycles", "no kernel for `point_to_point`"),
    ];
    for (kernel, params, metric, unit, wanted) in hostile {
        let line = format!("x,{kernel},a100-80g,{params},{metric},0.1..0.3,{unit},none,none\n");
        let rows = read("t.csv", &format!("{header}{line}")).unwrap();
        let report = validate(&[("t".to_owned(), rows)], machine);
        match &report.rows[0].status {
            Status::Failed(reason) => assert!(reason.contains(wanted), "{kernel} {params}: {reason}"),
            Status::Run => panic!("{kernel} {params} was run"),
        }
        assert!((report.rows[0].published - 0.2).abs() < 1e-12, "the middle of the range");
    }
}

#[test]
fn a_large_table_prints_its_largest_errors_and_writes_every_row() {
    let mut text = String::from("id,kernel,arch,params,metric,value,unit,evidence,source\n");
    for m in 1..=300 {
        text.push_str(&format!("row-{m},gpu_gemm,h100-sxm,m={m};n=64;k=64,time,{m},us,none,none\n"));
    }
    text.push_str("odd,gpu_gemm,h100-sxm,m=0;n=64;k=64,time,1,us,none,none\n");
    let report = validate(&[("many".to_owned(), read("many.csv", &text).unwrap())], machine);
    let printed = report.text();
    assert!(printed.contains("many: the 5 largest errors of 301 rows"), "{printed}");
    assert!(
        printed.contains("odd ") && printed.contains("row-1 ") && !printed.contains("row-20 "),
        "{printed}"
    );
    assert_eq!(String::from_utf8(report.csv()).unwrap().lines().count(), 302);
}

#[test]
fn odd_but_legal_parameters_run() {
    let lines = [
        ("reduce_row", "pes=1;elements=1;scheme=chain"),
        ("reduce_row", "pes=7;elements=5;scheme=two_phase;step=7;dtype=f16"),
        ("reduce_row", "p=1;elements=1;scheme=tree"),
        ("broadcast_row", "pes=1;elements=1"),
        ("all_reduce", "p=5;bytes=28;dtype=f32"),
        ("all_reduce", "p=3;elements=5;dtype=f16;scheme=ring"),
        ("all_reduce", "p=1;elements=5;scheme=ring"),
        ("all_reduce", "width=3;height=1;elements=5;scheme=reduce2d"),
        ("broadcast_2d", "width=1;height=1;elements=1"),
        ("gemv_mesh", "k=1;n=1;p=7"),
        ("gemm", "m=5;k=7;n=3;p=2"),
        ("gemm", "m=5;k=7;n=3;p=2;scheme=stream"),
        ("spmm_forward", "tokens=1;features=1;outputs=1;width=3;height=2"),
        ("pe_gemv", "n=1;m=1"),
    ];
    for ((kernel, params), outcome) in lines.iter().zip(outcomes(&lines)) {
        assert!(outcome.is_ok(), "{kernel} {params}: {outcome:?}");
    }
}

#[test]
fn products_with_fewer_weights_take_less() {
    for kernel in ["spmm_forward", "spmm_dx", "spmm_dw"] {
        let params =
            ["0", "0.5", "0.9"].map(|s| format!("tokens=64;features=128;outputs=128;p=8;sparsity={s}"));
        let lines: Vec<(&str, &str)> = params.iter().map(|params| (kernel, params.as_str())).collect();
        let found: Vec<f64> = outcomes(&lines).into_iter().map(Result::unwrap).collect();
        // Half of the weights take about half of the time; what is left is setup and the way of the sums.
        assert!((1.7..=2.0).contains(&(found[0] / found[1])), "{kernel}: {found:?}");
        assert!(found[1] / found[2] > 2.0, "{kernel}: {found:?}");
    }
}
