//! Reports of clusters and campaigns: well formed for whatever a record may hold, and the sums of a record can fail.

use wafersim::record::{
    Amounts, CampaignPhase, CampaignRecord, ClusterPoint, ClusterRecord, FlopPair, Scaling,
};
use wafersim::report::{
    campaign_csv, campaign_files, campaign_html, campaign_text, cluster_csv, cluster_files, cluster_html,
    cluster_text, duration, efficiency,
};
use wafersim::units::Cycles;

use crate::support::records::llama_7b;
use crate::support::xml;

fn point(scaling: Scaling, systems: u32) -> ClusterPoint {
    let share = if scaling == Scaling::Weak { 64 } else { 2048 / systems };
    let efficiency = 1.0 / f64::from(1 + systems.ilog2());
    ClusterPoint {
        scaling,
        systems,
        tree_levels: systems.ilog2(),
        batch_sequences: u64::from(share) * u64::from(systems),
        share_sequences: share,
        step_cycles: Cycles(1_000_000_005),
        alone_cycles: Cycles(1_000_000_000),
        tree_cycles: Cycles(5),
        step_seconds: 1.2,
        dense_step_seconds: 2.4,
        achieved_speedup: 2.0,
        samples_per_s: 1e3,
        tokens_per_s: 4e6,
        scaling_speedup: efficiency * f64::from(systems),
        efficiency,
        systems_energy_j: 1e6,
    }
}

fn cluster() -> ClusterRecord {
    let run = llama_7b();
    let points = [Scaling::Weak, Scaling::Strong]
        .into_iter()
        .flat_map(|scaling| (0..12).map(move |power| point(scaling, 1 << power)));
    ClusterRecord {
        name: "cluster".to_owned(),
        title: "a step <on> \"many\" systems & more".to_owned(),
        provenance: run.provenance,
        alone: run.summary,
        points: points.collect(),
        machine: run.machine,
        workload: run.workload,
        machine_entries: run.machine_entries,
        workload_entries: run.workload_entries,
        notes: run.notes,
    }
}

fn amounts(steps: u64, speedup: f64) -> Amounts {
    let flop = FlopPair { dense: 6e21, effective: 2e21 };
    let days = steps as f64 * 4.0 / 86_400.0;
    Amounts {
        steps,
        tokens: 45e9,
        flop,
        flop_full_attention: flop,
        flop_causal_attention: flop.times(0.9),
        days,
        dense_days: days * speedup,
        bound_days: days * 0.9,
        energy_mwh: 300.0,
        dense_energy_mwh: 500.0,
        ..Amounts::default()
    }
    .with_speedups()
}

fn campaign(phases: usize) -> CampaignRecord {
    let run = llama_7b();
    let phase = |at: usize| CampaignPhase {
        name: format!("phase <{at}> & so on"),
        source: at.is_multiple_of(2).then(|| "somebody".to_owned()),
        level: 0.5,
        step_seconds: 4.0,
        dense_step_seconds: 8.0,
        bound_step_seconds: 3.6,
        amounts: amounts(1000 * (at as u64 + 1), 2.0),
        alone: run.summary.clone(),
        workload: run.workload.clone(),
        workload_entries: run.workload_entries.clone(),
    };
    let phases: Vec<CampaignPhase> = (0..phases).map(phase).collect();
    CampaignRecord {
        name: "campaign".to_owned(),
        title: "a campaign".to_owned(),
        provenance: run.provenance.clone(),
        systems: 8,
        total: Amounts::total(phases.iter().map(|phase| &phase.amounts)),
        phases,
        machine: run.machine.clone(),
        machine_entries: run.machine_entries.clone(),
        notes: run.notes.clone(),
    }
}

#[test]
fn reports_of_clusters_are_well_formed() {
    let mut strange = cluster();
    for (point, odd) in
        strange.points.iter_mut().zip([0.0, f64::NAN, f64::INFINITY, -1.0, 1e300].into_iter().cycle())
    {
        (point.efficiency, point.step_seconds, point.tokens_per_s) = (odd, odd, odd);
        point.systems = if odd.is_nan() { u32::MAX } else { point.systems };
    }
    let none = ClusterRecord { points: Vec::new(), ..cluster() };
    let one = ClusterRecord { points: vec![point(Scaling::Strong, 1)], ..cluster() };
    for record in [cluster(), strange, none, one] {
        assert_eq!(xml::check(&efficiency(&record).unwrap()), Ok(()));
        assert!(cluster_html(&record).unwrap().contains("&lt;on&gt;"));
        assert_eq!(cluster_csv(&record).unwrap().lines().count(), record.points.len() + 1);
        assert!(cluster_text(&record).lines().count() < 40);
        let names: Vec<String> = cluster_files(&record).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["record.json", "cluster.csv", "figures/efficiency.svg", "report.html"]);
    }
    assert_eq!(ClusterRecord::from_json(&cluster().to_json()).unwrap(), cluster());
}

#[test]
fn reports_of_campaigns_are_well_formed() {
    let mut strange = campaign(3);
    for (phase, odd) in strange.phases.iter_mut().zip([f64::NAN, f64::INFINITY, -1e300]) {
        (phase.amounts.days, phase.amounts.dense_days, phase.amounts.tokens) = (odd, odd, odd);
    }
    strange.total = Amounts::default();
    for record in [campaign(1), campaign(2), campaign(12), campaign(0), strange] {
        assert_eq!(xml::check(&duration(&record).unwrap()), Ok(()));
        let page = campaign_html(&record).unwrap();
        assert!(record.phases.is_empty() || page.contains("phase &lt;0&gt; &amp; so on"));
        assert_eq!(campaign_csv(&record).unwrap().lines().count(), record.phases.len() + 2);
        let fits = campaign_text(&record).lines().all(|line| line.chars().count() <= 105);
        assert!(fits || record.phases.iter().any(|phase| phase.amounts.days < 0.0));
        let names: Vec<String> = campaign_files(&record).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["record.json", "campaign.csv", "figures/duration.svg", "report.html"]);
    }
}

#[test]
fn sums_of_a_cluster_can_fail() {
    assert!(cluster().validate_sums().is_empty(), "{:?}", cluster().validate_sums());
    let broken = |change: fn(&mut ClusterPoint)| {
        let mut record = cluster();
        change(&mut record.points[3]);
        record.validate_sums().len()
    };
    assert_eq!(broken(|point| point.tree_cycles = Cycles(6)), 1);
    assert_eq!(broken(|point| point.share_sequences = 1), 1);
    assert_eq!(broken(|point| point.efficiency = 0.9), 1);
    assert_eq!(broken(|point| point.efficiency = f64::NAN), 1);
    assert_eq!(broken(|point| (point.efficiency, point.scaling_speedup) = (1.5, 12.0)), 1);
}

#[test]
fn sums_of_a_campaign_can_fail() {
    assert!(campaign(3).validate_sums().is_empty(), "{:?}", campaign(3).validate_sums());
    let broken = |change: fn(&mut CampaignRecord)| {
        let mut record = campaign(3);
        change(&mut record);
        record.validate_sums().len()
    };
    assert_eq!(broken(|record| record.total.days *= 1.1), 1);
    assert_eq!(broken(|record| record.phases[0].step_seconds = 5.0), 1);
    assert_eq!(broken(|record| drop(record.phases.pop())), 1);
    // The phase alone, its days, and the sum that they are part of.
    assert_eq!(broken(|record| record.phases[1].amounts.days = f64::NAN), 3);
    let above = |record: &mut CampaignRecord| {
        for phase in &mut record.phases {
            phase.amounts.bound_days = phase.amounts.days * 1.1;
            phase.amounts = phase.amounts.with_speedups();
        }
        record.total = Amounts::total(record.phases.iter().map(|phase| &phase.amounts));
    };
    assert_eq!(broken(above), 3);
}
