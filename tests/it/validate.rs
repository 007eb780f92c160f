//! The machine model against published measurements, and what a table must look like.

use wafersim::spec::{ArchSpec, load_arch};
use wafersim::validate::{Status, built_in, folder, read, validate};

fn machine(name: &str) -> Result<wafersim::spec::wafer::WaferSpec, String> {
    match load_arch(name, &[]).map(|arch| arch.spec) {
        Ok(ArchSpec::Wafer(machine)) => Ok(machine),
        _ => Err(format!("`{name}` is no wafer")),
    }
}

#[test]
fn measured_kernels_come_out_as_published() {
    let groups = built_in().unwrap();
    let rows: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    let report = validate(&groups, machine);
    assert_eq!(report.rows.len(), rows, "every row has a line");
    for (name, mean, worst) in
        [("pe", 0.03, 0.08), ("fabric", 0.03, 0.08), ("collectives", 0.04, 0.10), ("spmm", 0.10, 0.25)]
    {
        let group = report.groups.iter().find(|group| group.name == name).unwrap();
        assert!(group.rows > group.failed, "{name}");
        assert!(group.mean_error <= mean && group.worst_error <= worst, "{}", report.text());
    }
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
    assert_eq!(reason(1), "no machine: `cs9` is no wafer");
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
